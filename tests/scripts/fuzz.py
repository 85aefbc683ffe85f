#!/usr/bin/env python3
"""Schemathesis over the OpenAPI document, against a `cargo local up` of its own.

`fuzz.py [SECONDS]`, 180 by default. Needs schemathesis 4. Rate limits are off and codes come
with the answer, so that requests reach the handlers. fuzz_hooks.py signs up and replaces invented
ids, codes and tokens by valid ones.
"""

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from service import HOST, ROOT, Failure, expect, local_service, run

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]
# Left out: positive_data_acceptance, since a well-formed phone number or id need not exist.


def main():
    if not shutil.which("schemathesis"):
        raise Failure("schemathesis is missing: pip install schemathesis")
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 180
    with local_service(RATE_LIMITS="off", DEMO_MODE="true") as port:
        expect(200, port, "GET", "/auth/swagger-json")
        command = [
            "schemathesis", "--no-color", "run", f"http://{HOST}:{port}/auth/swagger-json",
            f"--url=http://{HOST}:{port}",
            f"--checks={','.join(CHECKS)}",
            # The same requests in each run; the time limit may only end them early.
            "--seed=20240229", "--generation-database=none", "--no-shrink",
            f"--max-time={seconds}", "--continue-on-failure", "--request-timeout=10",
            # One worker: in two threads at once, Python 3.11 fails to parse ("AST constructor
            # recursion depth mismatch"), and Hypothesis parses what it generates from.
            "--suppress-health-check=all", "--workers=1",
        ]
        hooks = ROOT / "tests/scripts/fuzz_hooks.py"
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(hooks), "FUZZ_PORT": str(port)}
        # It has its own limit; this one is for the case that it hangs. It leaves a folder where it
        # runs.
        try:
            with tempfile.TemporaryDirectory() as folder:
                ended = subprocess.run(command, env=environment, cwd=folder, timeout=seconds + 120)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"schemathesis did not end within {seconds + 120} s") from error
        if ended.returncode:
            raise Failure(f"schemathesis ended with {ended.returncode}")


if __name__ == "__main__":
    run(main)
