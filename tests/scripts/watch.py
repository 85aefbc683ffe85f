#!/usr/bin/env python3
"""Signs up and fetches keys through `cargo lambda watch`: the functions as Lambdas, on the paths
of template.yaml.

Stores and inbox are those of a `cargo local up` beside it. Needs cargo-lambda.
"""

import json
import shutil
import subprocess
import sys
import tomllib

sys.dont_write_bytecode = True
from service import HOST, ROOT, Failure, Process, ask, check, expect, exported, free_port, local_service, run, wait_for
from signal_keys import proven

# A test compares the folders with the list in infra/local/src/service.rs.
FUNCTIONS = sorted(folder.parent.name for folder in (ROOT / "functions").glob("*/Cargo.toml"))
PHONE = "+33612345678"
# The first call of a function may wait for cargo's lock and the start of a debug build.
FIRST = 120


def main():
    if not shutil.which("cargo-lambda"):
        raise Failure("cargo-lambda is missing: pip install cargo-lambda")
    with local_service() as local:
        env = exported("env", "--port", str(local))
        # Built first, so that no request waits for a compiler.
        subprocess.run(["cargo", "build", *(f"--bin={name}" for name in FUNCTIONS)], cwd=ROOT, check=True)
        port = free_port()
        # Without --disable-cors the emulator would answer preflights itself.
        watch = ["cargo", "lambda", "watch", "-A", HOST, "-P", str(port), "--ignore-changes", "--disable-cors"]
        with Process("watch", watch, env).running() as process:
            wait_for("the watch port", process, lambda: listening(port), 60)
            first = ("/auth/v1/health/live", "/auth/v1/verify/x", "/auth/v1/signal/health")
            for path in (*first, "/auth/v1/login", "/auth/v1/tokens/refresh"):
                method = "GET" if path in first else "POST"
                ask(port, method, path, body=None if method == "GET" else {}, seconds=FIRST)
            sign_up(port, local)
            refusals(port)
            documents(port)
            recorded_events(port)
    print("watch: all as expected")


def listening(port):
    try:
        ask(port, "GET", "/2015-03-31/functions/none/invocations", seconds=5)
    except Failure:
        return False
    return True


def sign_up(port, local):
    print("sign up, refresh, log out")
    started = expect(200, port, "POST", "/auth/v1/verify/register/request", {"phoneNumber": PHONE}).json()
    check({"verificationId", "expiresIn", "resendIn", "attemptsLeft"} <= started.keys(), f"request: {started.keys()}")
    verification = started["verificationId"]
    fetched = expect(200, port, "GET", f"/auth/v1/verify/{verification}").json()
    check(fetched["verified"] is False, "an unconfirmed verification is verified")

    code = code_for(PHONE, local)
    confirmation = {"verificationId": verification, "code": code}
    confirmed = expect(200, port, "POST", "/auth/v1/verify/register/confirm", confirmation).json()
    check(confirmed == {"verified": True}, f"confirm: {confirmed}")
    fetched = expect(200, port, "GET", f"/auth/v1/verify/{verification}").json()
    check(fetched["verified"] is True, "a confirmed verification is not verified")

    bundle = proven(recorded("register_user")["signalKeyBundle"], verification)
    proof = {"verificationId": verification, "signalKeyBundle": bundle}
    registered = expect(201, port, "POST", "/auth/v1/register", proof)
    tokens = registered.json()
    names = {"accessToken", "refreshToken", "expiresIn", "refreshExpiresIn", "userId", "deviceId"}
    check(tokens.keys() == names | {"installationId", "signalDeviceId"}, f"register: {tokens.keys()}")
    check("no-store" in registered.headers.get("Cache-Control", ""), "register may be stored by caches")
    expect(400, port, "POST", "/auth/v1/register", {"verificationId": verification})

    newer = expect(200, port, "POST", "/auth/v1/tokens/refresh", {"refreshToken": tokens["refreshToken"]}).json()
    check(newer["userId"] == tokens["userId"] and newer["deviceId"] == tokens["deviceId"], "refresh: someone else")
    ws = expect(200, port, "POST", "/auth/v1/tokens/ws-token", {}, token=newer["accessToken"]).json()
    check(ws.keys() == {"wsToken", "expiresIn"} and ws["expiresIn"] == 60, f"ws-token: {ws.keys()}")

    directory(port, newer, bundle)

    expect(204, port, "POST", "/auth/v1/logout", {}, token=newer["accessToken"])
    ended = expect(401, port, "POST", "/auth/v1/tokens/refresh", {"refreshToken": newer["refreshToken"]})
    problem(ended, "session_ended")
    expect(401, port, "POST", "/auth/v1/tokens/ws-token", {}, token=newer["accessToken"])


def directory(port, session, bundle):
    """Bundles hold the keys of the registration, and those that are uploaded later."""
    device = f"/auth/v1/signal/keys/{session['userId']}/devices/{session['deviceId']}"
    token = session["accessToken"]
    fetched = expect(200, port, "GET", device, token=token).json()
    check(fetched["identityKey"] == bundle["identityKey"], "another identity key")
    check(fetched["preKey"] == bundle["preKeys"][0], f"prekey: {fetched['preKey']}")
    uploaded = recorded("upload_prekeys")
    expect(201, port, "POST", "/auth/v1/signal/keys/prekeys", uploaded, token=token)
    fetched = expect(200, port, "GET", device, token=token).json()
    check(fetched["preKey"] == uploaded["preKeys"][0], f"prekey: {fetched['preKey']}")
    status = expect(200, port, "GET", f"{device}/status", token=token).json()
    check(status["availablePreKeys"] == len(uploaded["preKeys"]) - 1, f"status: {status}")


def recorded(event):
    """The body of a recorded event."""
    return json.loads(json.loads((ROOT / f"events/{event}.json").read_text())["body"])


def code_for(phone, local):
    """The newest message to that number, as the local inbox shows it."""
    for message in expect(200, local, "GET", "/dev/inbox").json():
        if message["to"] == phone:
            check(message["code"] in message["body"], "the code is not in the message")
            return message["code"]
    raise Failure("the inbox holds no message to the number")


def problem(answer, code=None):
    check(answer.content_type == "application/problem+json", f"{answer.status} with {answer.content_type}")
    body = answer.json()
    missing = {"type", "title", "status", "detail", "code", "requestId", "message"} - body.keys()
    check(not missing, f"a problem without {missing}")
    check(body["status"] == answer.status, "a problem with another status than its answer")
    check(code is None or body["code"] == code, f"code {body['code']} instead of {code}")


def refusals(port):
    print("what does not exist")
    problem(expect(404, port, "GET", "/auth/v1/no-such-route"))
    problem(expect(404, port, "POST", "/", {}))
    for method, path, allowed in (
        ("GET", "/auth/v1/login", "POST"),
        ("DELETE", "/auth/v1/verify/register/request", "POST"),
        ("PUT", "/auth/.well-known/jwks.json", "GET"),
        ("GET", "/auth/v1/signal/keys", "DELETE"),
    ):
        refused = expect(405, port, method, path)
        problem(refused)
        check(allowed in refused.headers.get("Allow", ""), f"{method} {path}: Allow is {refused.headers.get('Allow')}")
        check(refused.headers.get("X-Request-Id"), f"{method} {path}: no X-Request-Id")


def documents(port):
    print("documents")
    check(expect(200, port, "GET", "/auth/.well-known/jwks.json").json()["keys"], "no public key")
    check(expect(200, port, "GET", "/auth/swagger-json").json()["openapi"].startswith("3.1"), "not OpenAPI 3.1")
    path = "/auth/swagger"
    for _ in range(3):
        page = ask(port, "GET", path, headers={"Accept": "text/html"})
        if page.status not in (301, 302, 303, 307, 308):
            break
        path = page.headers["Location"]
    check(page.status == 200 and page.content_type == "text/html", f"{path}: {page.status} {page.content_type}")
    check(expect(200, port, "GET", "/auth/v1/health/ready").json()["status"] == "ready", "not ready")


def recorded_events(port):
    """Every payload of events/, as `cargo lambda invoke --data-file` sends it."""
    print("recorded events")
    router = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["metadata"]["lambda"]["watch"]["router"]
    events = sorted((ROOT / "events").glob("*.json"))
    check(events, "events/ is empty")
    for file in events:
        event = json.loads(file.read_text())
        _, _, path = event.get("routeKey", "").partition(" ")
        # What no gateway made is a call of another service.
        is_of_gateway = "routeKey" in event
        function, field = (router.get(path, "platform"), "statusCode") if is_of_gateway else ("internal", "status")
        invoked = ask(port, "POST", f"/2015-03-31/functions/{function}/invocations", event, seconds=FIRST)
        # An answer of `internal` that is no problem has no status.
        status = invoked.json().get(field, 200 if function == "internal" else 0) if invoked.status == 200 else 0
        check(200 <= status < 500, f"{file.name}: {invoked.status} from {function}: {invoked.body[:500]!r}")
        print(f"  {status} {file.name} by {function}", flush=True)


if __name__ == "__main__":
    run(main)
