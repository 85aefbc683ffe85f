"""What schemathesis cannot invent: accounts, tokens, verifications and their codes, Signal keys.

Without them nearly every request would end at "no such verification" or at 401. Only requests that
are meant to be valid are touched, and of those one in four stays as it was invented.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import sys
import threading
import time

import schemathesis
from schemathesis.generation import GenerationMode

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from service import ROOT, ask
from signal_keys import proven

PORT = int(os.environ["FUZZ_PORT"])
KEYS = "/auth/v1/signal/"
QR = "/auth/v1/qr-code/"
SECOND_FACTOR = "/auth/v1/2fa/"
REQUEST = {
    purpose: f"/auth/v1/verify/{purpose}/request" for purpose in ("register", "login", "change-phone")
}


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
        started = call(REQUEST[purpose], {"phoneNumber": phone}, 200).json()
        proof = {"verificationId": started["verificationId"], "code": started["code"]}
        if confirmed:
            call(REQUEST[purpose].replace("request", "confirm"), proof, 200)
        return proof

    def session(self):
        if self.tokens is None:
            self.phone = self.number()
            self.tokens = sign_up(self.phone)
        return self.tokens


class Directory:
    """The one account whose device has keys, those of the recorded events: only their owner could
    make others. Nobody ends its session, nor takes its keys away."""

    def __init__(self):
        self.lock, self.owner = threading.Lock(), None

    def session(self):
        with self.lock:
            if self.owner is None:
                self.owner = sign_up("+33699999999", recorded("register_user")["signalKeyBundle"])
        return self.owner


class SecondFactor(threading.local):
    """An account with a second factor, and its backup codes that are left."""

    def __init__(self):
        self.tokens, self.codes = None, []

    def session(self):
        if self.tokens is None or not self.codes:
            self.tokens = sign_up(accounts.number())
            code = {"token": set_up(self.tokens)}
            enabled = call(f"{SECOND_FACTOR}enable", code, 200, self.tokens["accessToken"])
            self.codes = enabled.json()["backupCodes"]
        return self.tokens


def set_up(tokens):
    """Sets up a second factor. Gives the code of this moment (RFC 6238)."""
    made = call(f"{SECOND_FACTOR}setup", {}, 201, tokens["accessToken"]).json()
    secret = made["secret"]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, int(time.time() // 30).to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def sign_up(phone, bundle=None):
    started = call(REQUEST["register"], {"phoneNumber": phone}, 200).json()
    proof = {"verificationId": started["verificationId"], "code": started["code"]}
    call("/auth/v1/verify/register/confirm", proof, 200)
    body = {"verificationId": proof["verificationId"]}
    if bundle:
        body["signalKeyBundle"] = proven(bundle, body["verificationId"])
    return call("/auth/v1/register", body, 201).json()


def recorded(operation):
    """The body of a recorded event."""
    return json.loads(json.loads((ROOT / f"events/{operation}.json").read_text())["body"])


def call(path, body, status, token=None):
    answer = ask(PORT, "POST", path, body, token)
    if answer.status != status:
        raise RuntimeError(f"{path}: {answer.status} instead of {status}: {answer.body[:300]!r}")
    return answer


accounts = Accounts()
directory = Directory()
second_factor = SecondFactor()


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, ctx):
        # Keys are uploaded by the device that has some. Others fetch them all: a device is not told
        # its own; and others delete.
        path = case.operation.path
        if has_second_factor(path):
            return second_factor.session()["accessToken"]
        owns = path.startswith(KEYS) and case.method != "DELETE" and not path.endswith("/bundles")
        return (directory if owns else accounts).session()["accessToken"]

    def set(self, case, data, ctx):
        operation = case.operation
        if operation.definition.raw.get("security", operation.schema.raw_schema.get("security")):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


def has_second_factor(path):
    """Whether an operation is about a second factor that is on."""
    return path.startswith(SECOND_FACTOR) and not path.endswith(("/setup", "/enable"))


@schemathesis.hook
def before_call(ctx, case, **kwargs):
    meta = case.meta
    if meta is not None and meta.generation.mode != GenerationMode.POSITIVE:
        case.body = without_null(case.body)
        return
    if accounts.one_in_four():
        return
    path, body = case.operation.path, case.body
    if "verificationId" in (case.path_parameters or {}):
        case.path_parameters["verificationId"] = accounts.verification("register", False)["verificationId"]
    if path.startswith(KEYS):
        with_keys(case)
    elif path.startswith(QR):
        with_qr_log_in(case)
    elif "deviceId" in (case.path_parameters or {}):
        case.path_parameters["deviceId"] = accounts.session()["deviceId"]
    if not isinstance(body, dict):
        return
    if has_second_factor(path):
        body["token"] = second_factor.codes.pop()
    elif path.endswith("/2fa/enable"):
        body["token"] = set_up(accounts.session())
    elif path in REQUEST.values():
        body["phoneNumber"] = accounts.number()
    elif path.endswith("/confirm"):
        body.update(accounts.verification(path.split("/")[-2], False))
    elif path.endswith(("/register", "/login")):
        proof = accounts.verification(path.rpartition("/")[2], True)
        body["verificationId"] = proof["verificationId"]
        # Invented keys are none; those of the directory have an owner.
        body.pop("signalKeyBundle", None)
    elif path.endswith("/account/phone-number"):
        body["verificationId"] = accounts.verification("change-phone", True)["verificationId"]
    elif path.endswith("/tokens/refresh"):
        body["refreshToken"] = accounts.session()["refreshToken"]
    # What was bound to an invented device would never match.
    if "/verify/" in path or path.endswith(("/register", "/login")):
        body.pop("deviceId", None)
        body.pop("installationId", None)


def without_null(body):
    """Null counts as absent, and the description keeps that from clients: wrong in another way."""
    if isinstance(body, list):
        return [without_null(value) for value in body]
    if not isinstance(body, dict):
        return body
    return {name: {"no": "null"} if value is None else without_null(value) for name, value in body.items()}


def with_qr_log_in(case):
    """A QR log-in of its own for each request, made up to where the request belongs."""
    operation, body = case.operation.definition.raw["operationId"], case.body
    own, path = accounts.session()["deviceId"], case.path_parameters or {}
    given = {}
    if operation == "create_qr_challenge":
        given["id"] = own
    elif operation != "create_qr_link" and "link" in operation:
        given = call(f"{QR}link", {}, 201).json()
    elif operation != "create_qr_link":
        shown = call(f"{QR}challenge/{own}", {}, 201, accounts.session()["accessToken"]).body.decode()
        given = {"challenge": shown, "authenticatedDeviceId": own}
        if operation != "scan_qr_challenge":
            given = call(f"{QR}scan", given, 202).json()
            given["id"] = given["scanId"]
    path.update((name, given[name]) for name in path if name in given)
    if isinstance(body, dict):
        body.update((name, given[name]) for name in body if name in given)
        # Invented keys are none.
        body.pop("signalKeyBundle", None)


def with_keys(case):
    """A request to the directory, about the account that is in it."""
    operation, owner = case.operation.definition.raw["operationId"], directory.session()
    named = accounts.session() if case.method == "DELETE" else owner
    for name in case.path_parameters or {}:
        case.path_parameters[name] = named[name]
    if not isinstance(case.body, dict):
        return
    if operation.startswith("upload_") or operation == "check_keys":
        case.body.update(recorded(operation))
    elif operation == "fetch_bundles":
        case.body["userIds"] = [owner["userId"], *case.body["userIds"]][:50]
    elif operation == "check_key_devices":
        case.body["userId"] = owner["userId"]


@schemathesis.hook
def after_call(ctx, case, response):
    path, status = case.operation.path, response.status_code
    if path.endswith("/tokens/refresh") and status == 200:
        accounts.tokens = response.json()
    if has_second_factor(path) and (status == 429 or path.endswith("/disable") and status == 200):
        second_factor.tokens = None
    # The log-ins of other operations show no second factor.
    if path.endswith("/2fa/enable") and status in (200, 429):
        accounts.tokens = None
    # Logging out, or a refresh token used again, ends the session: the next request makes another.
    ends = "/logout" in path or case.method == "DELETE" and path.endswith(("/account", "/device/{deviceId}"))
    shown = response.request.headers.get("Authorization")
    is_own = accounts.tokens is not None and shown == f"Bearer {accounts.tokens['accessToken']}"
    if (ends and status == 204) or (status == 401 and (is_own or path.endswith("/tokens/refresh"))):
        accounts.tokens = None
