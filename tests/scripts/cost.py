#!/usr/bin/env python3
"""Prints the section "Per million requests" of docs/cost.md from measured figures and list prices.

    tests/scripts/cost.py            print the section
    tests/scripts/cost.py --write    replace it in docs/cost.md
    tests/scripts/cost.py --check    exit 1 if docs/cost.md has another one

The figures are those of docs/functions.md (durations, CPU) and docs/bench.md (round trips), the prices those of
infra/cdk/cost/prices.json. Memory and the gateway's log line are those of template.yaml.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COST = ROOT / "docs" / "cost.md"
TEMPLATE = (ROOT / "template.yaml").read_text()
TELEMETRY = (ROOT / "shared" / "src" / "config" / "telemetry.rs").read_text()
HEADING = "## Per million requests"
PRICES = json.loads((ROOT / "infra" / "cdk" / "cost" / "prices.json").read_text())

# The operations of docs/functions.md, by the resource in template.yaml that serves them.
FUNCTIONS = {
    "VerifyFunction": ["OTP request", "OTP confirm"],
    "LoginFunction": [
        "register", "login", "logout, with its access check", "register with 100 EC keys", "register with 100 + 100 keys",
    ],
    "TokensFunction": ["ws-token: access check, one signature", "refresh"],
    "PrekeysFunction": [
        "bundle of one device", "bundles of six devices", "list of six devices", "upload of 100 keys", "upload of 100 Kyber keys",
    ],
    "PlatformFunction": ["JWKS", "liveness"],
}
# A Lambda with this memory has one core. With less, CPU time takes as much longer.
FULL_CORE_MB = 1769
# A round trip inside a region, beside what loopback takes, in ms.
ROUND_TRIP_MS = 0.5
# CPU that a server keeps free for peaks.
UTILISATION = 0.5
# Instances that Lambda starts at least, one in each zone.
INSTANCES, VCPUS = 3, 2
# New connections a second that a capacity unit of a load balancer holds.
CONNECTIONS_OF_AN_LCU = 25
# What a request waits for the invocation of the relay, as docs/adr/0041 has it.
RELAY_WAIT_MS = (10, 20)
# What CloudWatch counts for an event beside its text.
EVENT_BYTES = 26
# The operation that clients ask for most.
MOST_FREQUENT = "refresh"
# Its log line in prod, as shared/src/telemetry/request_log.rs writes it: the metrics of every request, and what a
# request has beside them that failed or is of the sample.
METRICS_LINE = {
    "stage": "prod", "function": "auth-prod-tokens", "duration": 3.42,
    "_aws": {"Timestamp": 1764400000000, "CloudWatchMetrics": [{
        "Namespace": "AuthService", "Dimensions": [["stage"], ["function"]],
        "Metrics": [{"Name": "duration", "Unit": "Milliseconds"}],
    }]},
}
TOLD = {
    "level": "INFO", "message": "request", "request_id": "8f4c2f0e-3a51-4d7b-9a0c-1d2e3f405162",
    "operation": "refresh_tokens", "method": "POST", "route": "/auth/v1/tokens/refresh", "status": 200,
}
# The same request in the gateway's log.
CONTEXT = {
    "requestTimeEpoch": "1764400000000", "requestId": "JKJaXmPLvHcESHA=", "identity.sourceIp": "203.0.113.77",
    "routeKey": "POST /auth/v1/tokens/refresh", "status": "200", "responseLatency": "12", "integrationLatency": "10",
    "integrationErrorMessage": "-",
}


def find(pattern, text, what):
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        sys.exit(f"cost.py does not find {what}")
    return found[1]


def memory(function):
    """Its own MemorySize in MB, or that of all functions."""
    # Up to the next line that is indented less.
    block = find(rf"^  {function}:\n((?:    .*\n|\n)+)", TEMPLATE, function)
    own = re.search(r"^      MemorySize: (\d+)", block, re.MULTILINE)
    return int(own[1]) if own else memory_of_all()


def memory_of_all():
    block = find(r"^Globals:\n((?:  .*\n|\n)+)", TEMPLATE, "the globals of template.yaml")
    return int(find(r"^    MemorySize: (\d+)", block, "MemorySize of all functions"))


def line_bytes(line):
    return len(json.dumps(line, separators=(",", ":"))) + EVENT_BYTES


def gateway_line_bytes():
    """A line of the gateway's log, by the format in template.yaml."""
    folded = find(r"AccessLogSettings:\n(?: {8}.*\n)*? {8}Format: >-\n((?: {10}.*\n)+)", TEMPLATE, "the format of access logs")
    text = " ".join(line.strip() for line in folded.splitlines())
    return len(re.sub(r"\$context\.([\w.]+)", lambda found: CONTEXT[found[1]], text)) + EVENT_BYTES


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
    functions = {operation: function for function, operations in FUNCTIONS.items() for operation in operations}
    trips = table("bench.md", "### One at a time, as in a Lambda", [6, 7])
    for name, (duration, cpu, managed, process) in table("functions.md", "## Requests", [1, 3, 4, 6]).items():
        yield name, memory(functions[name]), duration, cpu / 1000, managed / 1e6, process / 1e6, sum(trips[name])


def price(group, name):
    return PRICES[group][name]


def compute(ms, memory_mb):
    """Of a million invocations."""
    return ms / 1000 * memory_mb / 1024 * price("perUnit", "lambda.arm.gbSecond") * 1e6


def logged(bytes_of_each):
    """A gigabyte is a thousand bytes of each of a million."""
    return bytes_of_each / 1000 * price("perUnit", "logs.gb")


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
    sample = int(find(r"SAMPLE_IN_PROD: u32 = (\d+);", TELEMETRY, "the sample of prod")) / 100
    short, full, gateways = line_bytes(METRICS_LINE), line_bytes(METRICS_LINE | TOLD), gateway_line_bytes()
    own_line = logged(short + sample * (full - short))
    gateway_line = logged(gateways)
    each = requests + gateway + own_line + gateway_line
    of_all, second_factor = memory_of_all(), memory("TwoFactorFunction")
    lines = [
        HEADING,
        "",
        "`tests/scripts/cost.py --write` makes this section from [functions.md](functions.md), template.yaml and list prices "
        f"of {PRICES['region']} ({PRICES['asOf']}),",
        "in US dollars, without free tiers. Stores, traffic and SMS are not in it. Each request has these parts, whatever it does:",
        "",
        "| a million | |",
        "|---|--:|",
        f"| gateway | {gateway:.2f} |",
        f"| invocation of a function | {requests:.2f} |",
        f"| log lines of the function | {own_line:.2f} |",
        f"| log lines of the gateway | {gateway_line:.2f} |",
        f"| **each request** | **{each:.2f}** |",
        "",
        "The table adds the compute:",
        "",
        f"- **Lambda** bills the duration. It is the measured one on a whole core, with the CPU time at the share of a "
        f"core that {of_all} MB have, and",
        f"  {ROUND_TRIP_MS} ms more for each round trip to a store. Nobody has measured it in an account.",
        "- **Managed Instances** (eight requests at once) and **one process** (Fargate) bill time whether it is used or "
        "not. The table has the CPU time",
        "  of a request where half of the CPU is used. Managed Instances pay the invocation, too.",
        "",
        "| a million of | billed, ms | Lambda: compute | with gateway, invocation and logs | Managed Instances: compute | one process: compute |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    computes = {}
    for name, memory_mb, duration, cpu, managed, process, trips in figures():
        ms = duration + cpu * max(0, FULL_CORE_MB / memory_mb - 1) + trips * ROUND_TRIP_MS
        # Billed by the millisecond.
        ms = float(-(-ms // 1))
        computes[name] = compute(ms, memory_mb)
        lines.append(
            f"| {name} | {ms:.0f} | {computes[name]:.3f} | {each + computes[name]:.2f} "
            f"| {managed * 1e6 * vcpu_second('c8g.large'):.3f} | {process * 1e6 * fargate_second():.3f} |"
        )
    hours = PRICES["hoursOfAMonth"]
    instances = INSTANCES * hours * price("hourly", "c8g.large") * (1 + price("perUnit", "managedInstances.fee"))
    containers = always_on()
    refresh = computes[MOST_FREQUENT]
    # Containers write lines like those of the functions.
    saved = each + refresh - own_line
    connections = price("hourly", "loadBalancer.lcu") / 3600 / CONNECTIONS_OF_AN_LCU * 1e6
    even, with_connections = containers / saved, containers / (saved - connections)
    lines += [
        "",
        "Gateway, invocation and logs are nearly all of it: a faster function would save cents. Kyber keys in an upload are "
        "the exception.",
        "An OTP request also waits for the provider: each 100 ms "
        f"add {compute(100, memory('VerifyFunction')):.2f} a million.",
        "",
        "A request that writes an event also invokes the relay: a registration, a log-in, a logout, a change of the account. "
        "The table does not have this:",
        f"{requests + own_line:.2f} a million for the invocation and its log line, and {compute(1, memory('RelayFunction')):.3f} for "
        f"each millisecond of the relay. The request itself waits {RELAY_WAIT_MS[0]} to",
        f"{RELAY_WAIT_MS[1]} ms for the invocation ({compute(RELAY_WAIT_MS[0], of_all):.2f} to {compute(RELAY_WAIT_MS[1], of_all):.2f}). "
        "Commits of one moment share one ([ADR 41](adr/0041-the-relay-in-aws.md)).",
        "",
        "Nobody has measured a check of the second factor, the authorizer and a read by `internal`. A millisecond of the "
        "function `two-factor`,",
        f"which has {second_factor} MB, costs {compute(1, second_factor):.3f} a million, and one of the two others "
        f"{compute(1, memory('AuthorizerFunction')):.3f}. These two are invoked without this gateway.",
        "",
        f"**Logs.** The function's line holds the metrics of the request. For a refresh these are {short} bytes, with the "
        f"{EVENT_BYTES} that CloudWatch counts",
        f"for each event. Of successes, {sample * 100:.0f} % have a whole line of {full} bytes (`LOG_SUCCESS_SAMPLE`). Refusals and "
        "failures always have one,",
        f"which adds {logged(full - short):.2f} a million of these. The gateway's line has {gateways} bytes. Storage is not in "
        f"it: {price('perUnit', 'logs.storedGb'):.2f} a month for a compressed gigabyte.",
        "dev and staging write more: every line is whole, and Lambda adds its own for the start and the end of each "
        "invocation.",
        "",
        f"prod keeps the gateway's lines, though they are {gateway_line / each * 100:.0f} % of the price of a request. They are "
        "for security: of all log lines, only they hold",
        "the client's address. Only they tell of requests that no function sees: those that the gateway throttles, and those "
        "without a free sandbox.",
        "An HTTP API cannot log a part of its requests. Behind CloudFront the address in them is CloudFront's. To save them, "
        "remove",
        "`AccessLogSettings` from template.yaml. The gateway's metrics `4xx` and `5xx` still count such requests then, without "
        "address and route.",
        "",
        f"**Traces.** X-Ray costs {price('perMillion', 'xray.traces'):.2f} per million traces, more than the requests. Lambda's "
        "sampling cannot be set. It traces the first request of each",
        "second and 5 % of the others, which is nearly every request of a small service. So functions in prod have "
        "`PassThrough`: they trace only",
        "what their caller traces already. An HTTP API traces nothing; other services that invoke `internal` may. dev and "
        "staging have `Active`.",
        "",
        f"**Break-even.** Two always-on containers with their load balancer cost {containers:.2f} a month. {even:.0f} million "
        "refreshes a month through Lambda",
        f"and the gateway cost the same: {even * 1e6 / hours / 3600:.0f} a second, all day. What is counted:",
        "",
        "- Log lines: containers write a line of about the same size for each request, so the function's lines are in neither "
        "sum. The gateway's",
        "  lines are counted. A load balancer writes its own to S3, which costs next to nothing.",
        f"- Capacity units of the load balancer: not counted. They cost {connections:.2f} a million if each request opens a "
        f"connection. Break-even is then at {with_connections:.0f} million.",
        f"- Traffic to the internet: not counted. Both pay {price('perUnit', 'egress.gb'):.2f} per GB for the same bytes.",
        "- Aurora: not counted. At such traffic it is awake with both. A service that nobody uses at night also saves the hours in which",
        "  Aurora is paused, which it never is under containers (see [Idle](#idle)).",
        "",
        f"Managed Instances start with {INSTANCES} instances ({instances:.2f} a month) and still need the gateway and pay each "
        "invocation. They save the duration",
        f"only, and pay from {instances / refresh / 1000:.0f} thousand million refreshes on. They are for a service that must "
        "never start cold.",
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
