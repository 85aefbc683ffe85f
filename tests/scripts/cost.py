#!/usr/bin/env python3
"""Prints the section "Per million requests" of docs/cost.md from the figures in docs/bench.md.

    tests/scripts/cost.py            print the section
    tests/scripts/cost.py --check    exit 1 if docs/cost.md has another one
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "docs" / "bench.md"
COST = ROOT / "docs" / "cost.md"
HEADING = "## Per million requests"

# List prices in USD, eu-west-1, without free tiers, as of 2026-11-28.
PRICES_OF = "2026-11-28"
LAMBDA_REQUEST = 0.20  # per million
LAMBDA_GB_SECOND = 0.0000133334  # arm64
HTTP_API = 1.11  # per million
LOGS_GB = 0.57  # ingested
# Template: memory of an HTTP function, and the share of a request's log line that is kept.
MEMORY_MB = 512
LOG_KB = 1.7
LOG_SHARE = 0.05
# A Lambda with 1,769 MB has one core. With less memory, CPU time takes as much longer.
FULL_CORE_MB = 1769
# A round trip inside a region, beside what loopback takes, in ms.
ROUND_TRIP_MS = 0.5
OPERATIONS = [
    "OTP request",
    "OTP confirm",
    "register",
    "login",
    "refresh",
    "ws-token: access check, one signature",
    "logout, with its access check",
    "bundle of one device",
    "bundles of six devices",
    "upload of 100 keys",
    "upload of 100 Kyber keys",
    "register with 100 + 100 keys",
    "JWKS",
]


def rows():
    """The rows of the table "One at a time, as in a Lambda": name, CPU, trips, p50."""
    text = BENCH.read_text().split("### One at a time, as in a Lambda")[1].split("\n## ")[0]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 9 and re.fullmatch(r"[\d.]+", cells[1]):
            trips = sum(int(cell.split()[0]) for cell in cells[6:8])
            yield cells[0], float(cells[1]), trips, float(cells[8])


def billed_ms(cpu_us, trips, p50):
    """What Lambda bills: the measured time, its CPU at the memory's share of a core, the round trips."""
    # More than a core does not help: one thread.
    slower = cpu_us / 1000 * (max(FULL_CORE_MB / MEMORY_MB, 1) - 1)
    return max(1, p50 + slower + trips * ROUND_TRIP_MS)


def section():
    lines = [
        HEADING,
        "",
        f"Written by `tests/scripts/cost.py` from [bench.md](bench.md), list prices of {PRICES_OF} in eu-west-1,",
        "USD, without free tiers. Lambda bills wall time: the measured time of one request, its CPU time at the",
        f"memory's share of a core, and {ROUND_TRIP_MS} ms for each round trip to a store. It is an estimate: nobody",
        "has measured it in an account. SMS, stores and traffic are not in it. An OTP request also waits for the SMS",
        "provider: each 100 ms of that add 0.67 USD a million.",
        "",
        "| a million of | memory, MB | billed, ms | Lambda | API Gateway | logs | together |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    measured = {name: figures for name, *figures in rows()}
    # A kilobyte for each of a million requests is a gigabyte.
    logs = LOG_KB * LOG_SHARE * LOGS_GB
    for name in OPERATIONS:
        ms = billed_ms(*measured[name])
        compute = LAMBDA_REQUEST + ms / 1000 * MEMORY_MB / 1024 * LAMBDA_GB_SECOND * 1e6
        together = compute + HTTP_API + logs
        lines.append(
            f"| {name} | {MEMORY_MB} | {ms:.1f} | {compute:.2f} | {HTTP_API:.2f} | {logs:.2f} | {together:.2f} |"
        )
    lines += [
        "",
        "The gateway and the fixed price of an invocation are most of it: a faster function would save cents. Key",
        "uploads with Kyber keys are the exception.",
        "",
    ]
    return "\n".join(lines)


def main():
    if "--check" in sys.argv:
        text = COST.read_text()
        if section() not in text + "\n":
            sys.exit("docs/cost.md is not what tests/scripts/cost.py prints: replace the section")
        return
    print(section())


if __name__ == "__main__":
    main()
