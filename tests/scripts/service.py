"""What the scripts in this folder share: they start the service, send requests, and stop it.

Standard library only. Every wait has a time limit, and every process that is started here is
stopped here. Each runs in its own session, so that all of its child processes are known.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
# Unset for the tests: `cargo local` would use the stores that they name.
STORES = {"DATABASE_URL", "DB_HOST", "REDIS_URL"}


class Failure(Exception):
    """An expectation that did not hold; printed without a traceback."""


def run(main):
    """Calls main, so that SIGTERM and Ctrl-C end the script through its `finally` blocks."""

    def stop(number, _frame):
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        main()
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


# ── Processes ─────────────────────────────────────────────────────────────────────────────────


class Process:
    """A program in a session of its own, its output in a file."""

    def __init__(self, name, command, env=None, without=()):
        self.name = name
        given = {key: value for key, value in os.environ.items() if key not in without}
        self.log = tempfile.NamedTemporaryFile(prefix=f"{name}-", suffix=".log", buffering=0)
        print(f"starting {name}: {shlex.join(command)}", flush=True)
        self.child = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**given, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )

    def output(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def expect_running(self):
        if self.child.poll() is not None:
            raise Failure(f"{self.name} ended with {self.child.returncode}")

    def session_processes(self):
        """The processes of its session that still run."""
        if sys.platform != "linux":
            return [self.child.pid] if self.child.poll() is None else []
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # pid (name) state ppid pgrp session …, and the name may hold anything
                state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.child.pid and state != "Z":
                    found.append(int(stat.parent.name))
        return found

    def stop(self, patience=20):
        """Sends SIGTERM and waits; a process of its session that still runs after that is a fault."""
        if self.child.poll() is None:
            self.child.terminate()
        end = time.monotonic() + patience
        while self.session_processes() and time.monotonic() < end:
            self.child.poll()
            time.sleep(0.1)
        left = self.session_processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.wait()
        return left

    @contextlib.contextmanager
    def running(self):
        """Stops it at the end of the block; after a failure, prints the end of its output first."""
        try:
            yield self
        except Exception:
            tail = "".join(self.output().splitlines(keepends=True)[-60:])
            print(f"── the last lines of {self.name} ──\n{tail}", flush=True)
            self.stop()
            raise
        except BaseException:
            self.stop()
            raise
        if left := self.stop():
            raise Failure(f"{self.name} left processes running: {left}")


def die_with_parent():
    """The process also stops if this script is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def wait_for(what, process, ready, seconds):
    """Calls ready() until it is true, while the process runs."""
    end = time.monotonic() + seconds
    while not ready():
        process.expect_running()
        if time.monotonic() > end:
            raise Failure(f"{what} not within {seconds} s")
        time.sleep(0.1)


@contextlib.contextmanager
def local_service(**env):
    """`cargo local up` with ephemeral stores; yields its port."""
    port = free_port()
    up = ["cargo", "local", "up", "--ephemeral", "--port", str(port)]
    with Process("local", up, env, without=STORES).running() as process:
        # A long limit: the first run compiles, and may have to install the stores.
        line = f"ready http://{HOST}:{port}"
        wait_for(f'"{line}"', process, lambda: line in process.output(), 1200)
        stores = started_by(port)
        yield port
    end = time.monotonic() + 20
    while (left := [pid for pid in stores if pathlib.Path(f"/proc/{pid}").exists()]) and time.monotonic() < end:
        time.sleep(0.1)
    check(not left, f"cargo local left its stores running: {left}")


def started_by(port):
    """The process ids that `cargo local status` prints: stores and guards have their own session."""
    status = subprocess.run(
        ["cargo", "local", "status", "--json", "--port", str(port)],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=60,
    ).stdout
    stores = [store for store in map(json.loads(status).get, ("postgres", "redis")) if store]
    check(stores, f"no store is named: {status}")
    return [store[name] for store in stores for name in ("pid", "guard")]


def exported(*command):
    """What a command of `cargo local` exports (`env`, `keys new`), as the shell reads it."""
    # A long limit: the first run compiles.
    exports = subprocess.run(
        ["cargo", "local", *command], cwd=ROOT, check=True, capture_output=True, text=True, timeout=1200
    ).stdout
    shown = subprocess.run(
        ["env", "-i", "bash", "-c", 'eval "$1" && env -0', "bash", exports],
        check=True, capture_output=True, text=True, timeout=10,
    ).stdout
    pairs = dict(pair.split("=", 1) for pair in shown.split("\0") if pair)
    return {name: value for name, value in pairs.items() if name not in {"PWD", "SHLVL", "_"}}


# ── Requests ──────────────────────────────────────────────────────────────────────────────────


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def content_type(self):
        return self.headers.get_content_type()


def ask(port, method, path, body=None, token=None, seconds=15, headers=None):
    """Sends one request and returns the answer; redirects are not followed."""
    headers = {"Accept": "application/json", **(headers or {})}
    if body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request(method, urllib.parse.quote(path, safe="/?&=%"), body, headers)
        response = connection.getresponse()
        return Answer(response, response.read())
    except OSError as error:
        raise Failure(f"{method} {path}: {error}") from error
    finally:
        connection.close()


def expect(status, port, method, path, *args, **kwargs):
    """Like ask, and checks the status."""
    answer = ask(port, method, path, *args, **kwargs)
    if answer.status != status:
        raise Failure(f"{method} {path}: {answer.status} instead of {status}: {answer.body[:500]!r}")
    print(f"  {status} {method} {path}", flush=True)
    return answer


def check(holds, message):
    if not holds:
        raise Failure(message)
