#!/usr/bin/env python3
"""Cold starts and sizes: each function as the program that Lambda runs, beside one that says hello.

    cargo lambda build --release --features aws …    # or cargo build --release
    python3 tests/scripts/coldstart.py target/lambda/x86-64 [--starts 21] [--markdown]

A small Lambda Runtime API on loopback starts the program, hands it one event, and takes its answer. It plays
Secrets Manager, too (AWS_ENDPOINT_URL), after SECRET_DELAY_MS for each call: so the figures hold what a start
fetches. No store runs: the event asks for what needs none. Times are noisy, ratios in one run are not.

Memory is what the process holds for itself (private pages) after the answer. Sizes are those of the zips.
"""

import argparse
import http.server
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

sys.dont_write_bytecode = True
from service import ROOT, Failure, check, exported, run

# What a gateway sends for a path that nobody has: every router answers, none asks a store.
GATEWAY_EVENT = {
    "version": "2.0", "routeKey": "$default", "rawPath": "/nowhere", "rawQueryString": "", "headers": {},
    "requestContext": {
        "accountId": "0", "apiId": "x", "domainName": "x", "domainPrefix": "x", "requestId": "x", "routeKey": "$default",
        "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1767225600000,
        "http": {"method": "GET", "path": "/nowhere", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
    },
    "isBase64Encoded": False,
}
# Events of their own, which need no store either. A function that is not named gets the gateway's.
# `platform` makes its description for a path that nobody has: no client asks that first.
EVENTS = {
    "platform": {**GATEWAY_EVENT, "rawPath": "/auth/v1/health/live"},
    "authorizer": {**GATEWAY_EVENT, "type": "REQUEST", "routeArn": "x", "identitySource": []},
    "internal": {"operation": "nothing"},
}
# The same program once more, asked for what parses a phone number: it is refused, and asks no store.
NUMBER = "internal, number"
EVENTS[NUMBER] = {"operation": "get_user", "phoneNumber": "+33612345"}
# Scheduled or invoked by a deployment: nobody waits for them, and each event needs a store. Only their
# start is measured.
WITHOUT_EVENT = {"maintenance", "migrate", "relay", "rotate-keys"}
HELLO = "hello"


class Runtime(http.server.BaseHTTPRequestHandler):
    """The Lambda Runtime API and Secrets Manager, for one process at a time."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        state = self.state
        state.asked = state.asked or time.monotonic()
        state.ready.set()
        if state.event is None or state.given:
            state.over.wait(30)
            self.close_connection = True
            return
        state.given = True
        self.answer(200, json.dumps(state.event).encode(), {
            "Lambda-Runtime-Aws-Request-Id": "00000000-0000-4000-8000-000000000000",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 10_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:000000000000:function:x",
        })

    def do_POST(self):
        state = self.state
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/":
            self.secret(json.loads(body))
            return
        if self.path.endswith("/response"):
            state.answered, state.body = time.monotonic(), body
            state.done.set()
        else:
            state.failure = body.decode(errors="replace")
            state.done.set()
        self.answer(202, b"{}")

    def secret(self, request):
        state = self.state
        time.sleep(state.delay)
        names = request.get("SecretIdList") or [request["SecretId"]]
        state.secrets_read += names
        values = [{"ARN": name, "Name": name, "VersionId": "1" * 32, "SecretString": state.secrets[name]} for name in names]
        body = {"SecretValues": values} if "SecretIdList" in request else values[0]
        self.answer(200, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1"})

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Each program is killed while it waits for its next event."""


class Start:
    """One start of a program."""

    def __init__(self, event, secrets, delay):
        self.event, self.secrets, self.delay = event, secrets, delay
        self.asked = self.answered = self.failure = self.body = None
        self.given, self.secrets_read = False, []
        self.ready, self.done, self.over = threading.Event(), threading.Event(), threading.Event()

    def measure(self, program, env):
        # An API of its own: what a killed program has sent last must not meet the next one.
        server = Server(("127.0.0.1", 0), type("Api", (Runtime,), {"state": self}))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        api = f"127.0.0.1:{server.server_port}"
        try:
            return self.run(program, {**env, "AWS_LAMBDA_RUNTIME_API": api, "AWS_ENDPOINT_URL": f"http://{api}"})
        finally:
            server.shutdown()
            server.server_close()

    def run(self, program, env):
        with tempfile.TemporaryFile() as log:
            began = time.monotonic()
            child = subprocess.Popen([program], env=env,
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            try:
                wanted = self.ready if self.event is None else self.done
                while not wanted.wait(0.5) and child.poll() is None and time.monotonic() - began < 30:
                    pass
                ended = time.monotonic()
                log.seek(0)
                check(wanted.is_set() and child.poll() is None and self.failure is None,
                      f"{program}: {self.failure or log.read().decode(errors='replace')[-2000:]}")
                return {
                    "init": (self.asked - began) * 1000,
                    "answer": ((self.answered or ended) - began) * 1000 if self.event is not None else None,
                    "cpu": cpu_ms(child.pid),
                    "memory": private_kb(child.pid) / 1024,
                    "secrets": len(self.secrets_read),
                }
            finally:
                child.kill()
                child.wait()
                self.over.set()


def cpu_ms(pid):
    """Time on a processor, of all threads, in milliseconds."""
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def private_kb(pid):
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


def environment(delay_free):
    """The variables of a small deployment, and the secrets that their ids name."""
    keys = exported("keys", "new")
    keys = {name: keys[name] for name in ("JWT_KEYS", "JWT_PUBLIC_KEYS", "PEPPER", "DATA_KEYS", "PHONE_INDEX_KEY")}
    keys |= {
        "DATABASE_URL": "postgres://auth:auth@127.0.0.1:1/auth?sslmode=require",
        "REDIS_URL": "rediss://127.0.0.1:1",
        "METRICS_TOKEN": "m" * 32,
    }
    variables = {
        "STAGE": "staging", "SMS_SENDER": "inbox", "AWS_LAMBDA_FUNCTION_NAME": "x", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_LOG_GROUP_NAME": "x", "AWS_LAMBDA_LOG_STREAM_NAME": "x",
        "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "PATH": os.environ["PATH"],
    }
    if delay_free:
        return {**variables, **keys}, {}
    secrets = {f"auth/staging/{name.lower().replace('_', '-')}": value for name, value in keys.items()}
    ids = {f"{name}_SECRET_ID": f"auth/staging/{name.lower().replace('_', '-')}" for name in keys}
    return {**variables, **ids}, secrets


def program_of(folder, name):
    for path in (folder / name / "bootstrap", folder / name):
        if path.is_file():
            return path
    raise Failure(f"{folder} has no {name}")


def zipped(program):
    """Bytes of the zip that Lambda is given."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.write(program, "bootstrap")
        return file.tell()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="of NAME or NAME/bootstrap")
    parser.add_argument("--starts", type=int, default=21)
    parser.add_argument("--variables", action="store_true", help="secrets by variables, without Secrets Manager")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("functions", nargs="*", help="all, if none is named")
    arguments = parser.parse_args()
    names = arguments.functions or sorted(path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml"))
    names = [HELLO, *names]
    programs = {name: program_of(arguments.folder, name) for name in names}
    if "internal" in programs:
        names.insert(names.index("internal") + 1, NUMBER)
        programs[NUMBER] = programs["internal"]
    env, secrets = environment(arguments.variables)
    delay = float(os.environ.get("SECRET_DELAY_MS", "0")) / 1000
    figures = {name: [] for name in names}
    # Taking turns, so that a busy moment meets all.
    for _ in range(arguments.starts):
        for name in names:
            event = None if name in WITHOUT_EVENT else EVENTS.get(name, GATEWAY_EVENT)
            figures[name].append(Start(event, secrets, delay).measure(programs[name], env))

    def median(name, figure):
        values = [start[figure] for start in figures[name] if start[figure] is not None]
        return statistics.median(values) if values else None

    rows = []
    for name in names:
        row = [name]
        for figure in ("init", "answer", "cpu", "memory"):
            value, hello = median(name, figure), median(HELLO, figure)
            row.append("" if value is None else f"{value:.1f} ({value / hello:.2f})")
        row += [f"{figures[name][0]['secrets']}", f"{zipped(programs[name]) / 1e6:.2f}"]
        rows.append(row)
    header = ["function", "start to first poll, ms", "start to answer, ms", "CPU, ms", "memory, MiB", "secrets", "zip, MB"]
    if arguments.markdown:
        print("|", " | ".join(header), "|\n|---|" + "--:|" * (len(header) - 1))
        for row in rows:
            print("|", " | ".join(row), "|")
    else:
        for row in [header, *rows]:
            print("".join(cell.ljust(17) if n == 0 else cell.rjust(25 if n < 5 else 9) for n, cell in enumerate(row)))


run(main)
