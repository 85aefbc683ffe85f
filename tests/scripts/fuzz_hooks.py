"""What schemathesis cannot invent: accounts, tokens, verifications and their codes.

Without them nearly every request would end at "no such verification" or at 401. Only requests that
are meant to be valid are touched, and of those one in four stays as it was invented.
"""

import itertools
import os
import pathlib
import sys
import threading

import schemathesis
from schemathesis.generation import GenerationMode

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from service import ask

PORT = int(os.environ["FUZZ_PORT"])
REQUEST = {"register": "/auth/v1/verify/register/request", "login": "/auth/v1/verify/login/request"}


class Accounts(threading.local):
    """Numbers, sessions and verifications, made when they are asked for; each worker has its own."""

    numbers = itertools.count(610_000_000)

    def __init__(self):
        self.tokens, self.phone, self.turn = None, None, 0

    def number(self):
        return f"+33{next(self.numbers)}"

    def one_in_four(self):
        self.turn += 1
        return self.turn % 4 == 0

    def verification(self, purpose, confirmed):
        """The id and code of a verification; for a login, of the number that has an account."""
        if purpose == "login":
            self.session()
        phone = self.phone if purpose == "login" else self.number()
        started = call(REQUEST[purpose], {"phoneNumber": phone}, 200)
        proof = {"verificationId": started["verificationId"], "code": started["code"]}
        if confirmed:
            call(REQUEST[purpose].replace("request", "confirm"), proof, 200)
        return proof

    def session(self):
        if self.tokens is None:
            phone = self.number()
            started = call(REQUEST["register"], {"phoneNumber": phone}, 200)
            proof = {"verificationId": started["verificationId"], "code": started["code"]}
            call("/auth/v1/verify/register/confirm", proof, 200)
            self.tokens = call("/auth/v1/register", {"verificationId": proof["verificationId"]}, 201)
            self.phone = phone
        return self.tokens


def call(path, body, status):
    answer = ask(PORT, "POST", path, body)
    if answer.status != status:
        raise RuntimeError(f"{path}: {answer.status} instead of {status}: {answer.body[:300]!r}")
    return answer.json()


accounts = Accounts()


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, ctx):
        return accounts.session()["accessToken"]

    def set(self, case, data, ctx):
        operation = case.operation
        if operation.definition.raw.get("security", operation.schema.raw_schema.get("security")):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def before_call(ctx, case, **kwargs):
    meta = case.meta
    if (meta is not None and meta.generation.mode != GenerationMode.POSITIVE) or accounts.one_in_four():
        return
    path, body = case.operation.path, case.body
    if "verificationId" in (case.path_parameters or {}):
        case.path_parameters["verificationId"] = accounts.verification("register", False)["verificationId"]
    if not isinstance(body, dict):
        return
    if path in REQUEST.values():
        body["phoneNumber"] = accounts.number()
        body.pop("deviceId", None)
    elif path.endswith("/confirm"):
        body.update(accounts.verification("login" if "/login/" in path else "register", False))
    elif path.endswith(("/register", "/login")):
        proof = accounts.verification(path.rpartition("/")[2], True)
        body["verificationId"] = proof["verificationId"]
    elif path.endswith("/tokens/refresh"):
        body["refreshToken"] = accounts.session()["refreshToken"]
    # What was bound to an invented device would never match.
    if "/verify/" in path or path.endswith(("/register", "/login")):
        body.pop("deviceId", None)


@schemathesis.hook
def after_call(ctx, case, response):
    path, status = case.operation.path, response.status_code
    if path.endswith("/tokens/refresh") and status == 200:
        accounts.tokens = response.json()
    # Logging out, or a refresh token used again, ends the session: the next request makes another.
    if ("/logout" in path and status == 204) or (path.endswith("/tokens/refresh") and status == 401):
        accounts.tokens = None
