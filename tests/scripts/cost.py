#!/usr/bin/env python3
"""Prints the section "Per million requests" of docs/cost.md from measured figures and list prices.

    tests/scripts/cost.py            print the section
    tests/scripts/cost.py --write    replace it in docs/cost.md
    tests/scripts/cost.py --check    exit 1 if docs/cost.md has another one

The figures are those of docs/functions.md (durations, CPU) and docs/bench.md (round trips), the prices those of
infra/cdk/cost/prices.json.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COST = ROOT / "docs" / "cost.md"
HEADING = "## Per million requests"
PRICES = json.loads((ROOT / "infra" / "cdk" / "cost" / "prices.json").read_text())

# Of template.yaml: memory of a function of the API, and the share of successful requests whose log line is kept.
MEMORY_MB = 512
LOG_SHARE = 0.05
# A log line of a request, as written.
LOG_KB = 1.7
# A Lambda with this memory has one core. With less, CPU time takes as much longer.
FULL_CORE_MB = 1769
# A round trip inside a region, beside what loopback takes, in ms.
ROUND_TRIP_MS = 0.5
# CPU that a server keeps free for peaks.
UTILISATION = 0.5
# Instances that Lambda starts at least, one in each zone.
INSTANCES, VCPUS = 3, 2
# The operation that clients ask for most.
MOST_FREQUENT = "refresh"


def table(file, heading, columns):
    """The rows of the first table after a heading: name, and the numbers in these columns."""
    text = (ROOT / "docs" / file).read_text().split(heading)[1].split("\n## ")[0]
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > max(columns) and re.fullmatch(r"[\d.]+", cells[1]):
            rows[cells[0]] = [float(cells[column].split()[0]) for column in columns]
    return rows


def figures():
    trips = table("bench.md", "### One at a time, as in a Lambda", [6, 7])
    for name, (duration, cpu, managed, process) in table("functions.md", "## Requests", [1, 3, 4, 6]).items():
        yield name, duration, cpu / 1000, managed / 1e6, process / 1e6, sum(trips[name])


def price(group, name):
    return PRICES[group][name]


def vcpu_second(instance):
    """Of a Managed Instance, at the share of its CPU that is used."""
    hour = price("hourly", instance) * (1 + price("perUnit", "managedInstances.fee"))
    return hour / 3600 / VCPUS / UTILISATION


def fargate_second():
    """Of a vCPU with two gigabytes, at the share that is used."""
    hour = price("hourly", "fargate.arm.vcpu") + 2 * price("hourly", "fargate.arm.gb")
    return hour / 3600 / UTILISATION


def always_on():
    """A month of two containers and their load balancer, as infra/cdk/cost/idle.ts sums them up before this section."""
    sums = re.findall(r"\| \*\*all\*\* \| \*\*([\d.]+)\*\* \|", COST.read_text().split(HEADING)[0])
    return float(sums[-1])


def section():
    requests, gateway = price("perMillion", "lambda.requests"), price("perMillion", "httpApi")
    logs = LOG_KB * LOG_SHARE * price("perUnit", "logs.gb")
    gb_second = price("perUnit", "lambda.arm.gbSecond")
    each_100_ms = 0.1 * MEMORY_MB / 1024 * gb_second * 1e6
    lines = [
        HEADING,
        "",
        f"`tests/scripts/cost.py --write` makes this section from [functions.md](functions.md), list prices of "
        f"{PRICES['region']} ({PRICES['asOf']}),",
        "in US dollars, without free tiers. Stores, traffic and SMS are not in it. An OTP request also waits for the "
        "provider: each 100 ms",
        f"add {each_100_ms:.2f} a million.",
        "",
        f"- **Lambda** bills the duration. It is the measured one on a whole core, with the CPU time at the share of a "
        f"core that {MEMORY_MB} MB have, and",
        f"  {ROUND_TRIP_MS} ms more for each round trip to a store. Nobody has measured it in an account.",
        "- **Managed Instances** (eight requests at once) and **one process** (Fargate) bill time whether it is used or "
        "not. The table has the CPU time",
        "  of a request where half of the CPU is used.",
        "",
        "| a million of | billed, ms | Lambda | gateway | logs | together | on Managed Instances: compute | in one process: compute |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    together = {}
    for name, duration, cpu, managed, process, trips in figures():
        ms = duration + cpu * (FULL_CORE_MB / MEMORY_MB - 1) + trips * ROUND_TRIP_MS
        # Billed by the millisecond.
        ms = float(-(-ms // 1))
        compute = requests + ms / 1000 * MEMORY_MB / 1024 * gb_second * 1e6
        together[name] = compute + gateway + logs
        instances = requests + managed * 1e6 * vcpu_second("c8g.large")
        lines.append(
            f"| {name} | {ms:.0f} | {compute:.2f} | {gateway:.2f} | {logs:.2f} | {together[name]:.2f} "
            f"| {instances:.2f} | {process * 1e6 * fargate_second():.3f} |"
        )
    hours = PRICES["hoursOfAMonth"]
    instances = INSTANCES * hours * price("hourly", "c8g.large") * (1 + price("perUnit", "managedInstances.fee"))
    containers = always_on()
    per_million = together[MOST_FREQUENT]
    even = containers / (per_million - logs)
    lines += [
        "",
        "The gateway and the fixed price of an invocation are most of it: a faster function would save cents. Kyber keys",
        "in an upload are the exception.",
        "",
        f"**Break-even.** Two always-on containers with their load balancer cost {containers:.2f} a month, and their "
        f"logs as much. {even:.0f} million",
        f"refreshes a month through Lambda and the gateway cost the same: {even * 1e6 / hours / 3600:.0f} a second, all "
        f"day. Managed Instances start with {INSTANCES} instances",
        f"({instances:.2f} a month) and still need the gateway: they save the duration only, and pay from "
        f"{instances / (per_million - gateway - logs - requests) / 1000:.0f} thousand million refreshes",
        "on. They are for a service that must never start cold.",
        "",
    ]
    return "\n".join(lines)


def main():
    text = COST.read_text()
    begin = text.index(HEADING)
    end = text.find("\n## ", begin) + 1 or len(text)
    wanted = text[:begin] + section() + ("\n" + text[end:] if end < len(text) else "")
    if "--write" in sys.argv:
        COST.write_text(wanted)
    elif "--check" in sys.argv:
        if wanted != text:
            sys.exit("docs/cost.md is not what tests/scripts/cost.py prints: run it with --write")
    else:
        print(section())


if __name__ == "__main__":
    main()
