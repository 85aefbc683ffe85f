#!/usr/bin/env python3
"""Deploys template.yaml to a local AWS (ministack), with the programs that Lambda would run, and signs up
through its gateway.

    cargo lambda build --release --x86-64 --output-format zip …       # .ci/run does
    python3 tests/scripts/deploy.py target/lambda/x86-64

The template is expanded by aws-sam-translator, as CloudFormation would. Three things differ from AWS, and are
done here: programs are x86-64, the routes of the API's OpenAPI body become resources (the local gateway knows
no body), and resources that the local AWS does not have are left out (they are printed). Postgres and Redis are
those of a `cargo local up` beside it, with an empty database: the function `migrate` makes the tables.

Needs the Python package aws-sam-cli (it brings aws-sam-translator and boto3), and installs ministack by `pip`
into target/stores.
"""

import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

sys.dont_write_bytecode = True
import boto3
import botocore.config
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse
from service import HOST, ROOT, Failure, Process, ask, check, exported, free_port, local_service, run, wait_for

# As the tests in Rust pin it.
MINISTACK = re.search(r'"(ministack==[^"]+)"', (ROOT / "infra/stores/src/local_aws.rs").read_text())[1]
REGION, ACCOUNT = "eu-west-1", "000000000000"
STAGE, STACK = "dev", "auth-dev"
PHONE = "+33612345678"
BUCKET, TABLE, ROOTS = "programs", "security-log", "audit-roots"
# What the local AWS has no place for. Each is the deployment's own affair, and no request passes it.
LEFT_OUT = {
    "AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Logs::QueryDefinition", "AWS::XRay::SamplingRule", "AWS::XRay::Group",
}
# Plays the user-service: writes what it is told into a file, a line each.
USER_SERVICE = """
import json, os
def handler(event, context):
    with open(os.environ["EVENTS"], "a") as file:
        file.write(json.dumps(event) + "\\n")
    return {}
"""


def main():
    if len(sys.argv) != 2:
        raise Failure("usage: deploy.py FOLDER_OF_PROGRAMS")
    programs = pathlib.Path(sys.argv[1]).resolve()
    with local_service() as local, tempfile.TemporaryDirectory() as folder, local_aws(folder) as aws:
        stores = exported("env", "--port", str(local))
        database = empty_database(local, stores["DATABASE_URL"])
        put_secrets(aws, database, stores["REDIS_URL"])
        events = pathlib.Path(folder) / "events.jsonl"
        events.touch()
        make_surroundings(aws, events)
        template = expand(upload(aws, programs))
        deploy(aws, template)
        sign_up(aws, events)
        print("deploy: all as expected")


# ── The local AWS ──────────────────────────────────────────────────────────────────────────────


class Aws:
    """Clients of the local AWS, by service."""

    def __init__(self, port):
        self.port = port
        # Starting a sandbox may take a moment on a busy machine.
        self.config = botocore.config.Config(read_timeout=120, retries={"max_attempts": 1})

    def __getattr__(self, service):
        client = boto3.client(
            service.replace("_", "-"), endpoint_url=f"http://{HOST}:{self.port}", region_name=REGION,
            aws_access_key_id="test", aws_secret_access_key="test", config=self.config,
        )
        setattr(self, service, client)
        return client

    def get(self, path):
        with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def local_aws(folder):
    packages = ROOT / "target/stores" / MINISTACK.replace("==", "-")
    if not packages.is_dir():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", packages, MINISTACK], check=True)
    port = free_port()
    env = {
        "PYTHONPATH": str(packages), "TMPDIR": folder, "GATEWAY_PORT": str(port), "MINISTACK_HOST": HOST, "BIND_HOST": HOST,
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}", "MINISTACK_REGION": REGION, "IOT_MTLS_ENABLED": "0",
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
    }
    with Process("ministack", [sys.executable, "-m", "ministack"], env).running() as process:
        wait_for("the local AWS", process, lambda: healthy(port), 60)
        yield Aws(port)


def healthy(port):
    try:
        return ask(port, "GET", "/_ministack/health", seconds=2).status == 200
    except Failure:
        return False


# ── What the template wants to be there ────────────────────────────────────────────────────────


def empty_database(local, url):
    """A database that no migration has seen, beside the one of the local service."""
    base, _, rest = url.rpartition("/")
    query = f"?{rest.partition('?')[2]}" if "?" in rest else ""
    subprocess.run(["cargo", "local", "shell", "--port", str(local), "--", "-qc", "CREATE DATABASE deployed"],
                   cwd=ROOT, check=True, stdin=subprocess.DEVNULL, timeout=60)
    return f"{base}/deployed{query}"


def put_secrets(aws, database, redis):
    keys = exported("keys", "new")
    secrets = {
        "database-url": database, "database-owner": database, "redis-url": redis, "metrics-token": "m" * 40,
        "jwt-keys": keys["JWT_KEYS"], "jwt-public-keys": keys["JWT_PUBLIC_KEYS"], "pepper": keys["PEPPER"],
        "data-keys": keys["DATA_KEYS"], "phone-index-key": keys["PHONE_INDEX_KEY"],
    }
    for name, value in secrets.items():
        aws.secretsmanager.create_secret(Name=f"auth/{STAGE}/{name}", SecretString=value)


def make_surroundings(aws, events):
    for bucket in (BUCKET, ROOTS):
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.dynamodb.create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "user", "AttributeType": "S"}, {"AttributeName": "seq", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "user", "KeyType": "HASH"}, {"AttributeName": "seq", "KeyType": "RANGE"}],
    )
    aws.kms_key = aws.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", USER_SERVICE)
    aws.user_service = aws.__getattr__("lambda").create_function(
        FunctionName="user-service", Runtime="python3.12", Handler="index.handler", Code={"ZipFile": code.getvalue()},
        Role=f"arn:aws:iam::{ACCOUNT}:role/user-service", Environment={"Variables": {"EVENTS": str(events)}},
    )["FunctionArn"]


def upload(aws, programs):
    """Puts each package into the bucket; returns the functions."""
    names = sorted(path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml"))
    for name in names:
        package = programs / name / "bootstrap.zip"
        check(package.is_file(), f"{package} is missing")
        aws.s3.put_object(Bucket=BUCKET, Key=f"{name}.zip", Body=package.read_bytes())
    return names


# ── The template ───────────────────────────────────────────────────────────────────────────────


def parameters(aws):
    return {
        "Stage": STAGE, "Size": "small", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1", "SmsSender": "sns",
        "UserServiceFunctionArn": aws.user_service, "SecurityLogTable": TABLE,
        "AuditRootBucket": ROOTS, "AuditRootKeyId": aws.kms_key,
        # Its memory of checked tokens is tested elsewhere.
        "Settings": "AUTHORIZER_CACHE_SECONDS=0",
    }


def expand(names):
    """The template after its transform, without what the local AWS does not have."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    resources = template["Resources"]
    for name in names:
        title = "".join(part.capitalize() for part in name.split("-"))
        properties = resources[f"{title}Function"]["Properties"]
        properties["CodeUri"] = {"Bucket": BUCKET, "Key": f"{name}.zip"}
    template["Globals"]["Function"]["Architectures"] = ["x86_64"]
    # A network is the surroundings' affair.
    template["Globals"]["Function"].pop("VpcConfig", None)
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    policies = {}
    expanded = Translator(policies, Parser()).translate(template, {})
    resources = expanded["Resources"]
    left_out = [key for key, resource in resources.items() if is_left_out(resource)]
    print(f"left out: {', '.join(sorted({resources[key]['Type'] for key in left_out}))}", flush=True)
    for key in left_out:
        del resources[key]
    for resource in resources.values():
        resource.pop("UpdatePolicy", None)
        wanted = resource.get("DependsOn", [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        resource["DependsOn"] = [name for name in wanted if name in resources]
    routes_of_body(resources)
    return expanded


def is_left_out(resource):
    # Alarms over an expression; the others are made.
    is_expression = resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    return is_expression or resource["Type"] in LEFT_OUT


def routes_of_body(resources):
    """An integration and a route in place of each operation of the API's OpenAPI body."""
    [(api, resource)] = [(key, r) for key, r in resources.items() if r["Type"] == "AWS::ApiGatewayV2::Api"]
    body = resource["Properties"].pop("Body")
    for gone in ("FailOnWarnings", "DisableExecuteApiEndpoint", "Tags"):
        resource["Properties"].pop(gone, None)
    resource["Properties"] |= {"Name": STACK, "ProtocolType": "HTTP"}
    count = 0
    for path, operations in body["paths"].items():
        for method, operation in operations.items():
            integration = operation.get("x-amazon-apigateway-integration")
            if integration is None:
                continue
            count += 1
            resources[f"Integration{count}"] = {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": api}, "IntegrationType": "AWS_PROXY", "IntegrationMethod": "POST",
                    "IntegrationUri": integration["uri"], "PayloadFormatVersion": "2.0",
                },
            }
            key = "$default" if path == "$default" else f"{'ANY' if 'any' in method else method.upper()} {path}"
            resources[f"Route{count}"] = {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": api}, "RouteKey": key,
                    "Target": {"Fn::Join": ["/", ["integrations", {"Ref": f"Integration{count}"}]]},
                },
            }
    print(f"{count} routes", flush=True)
    check(count > 60, "the template's routes are not in the API's body")


def deploy(aws, template):
    body = json.dumps(template)
    aws.s3.put_object(Bucket=BUCKET, Key="template.json", Body=body)
    aws.cloudformation.create_stack(
        StackName=STACK, TemplateURL=f"http://{HOST}:{aws.port}/{BUCKET}/template.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters(aws).items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    end = time.monotonic() + 300
    while True:
        stack = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            break
        if not stack["StackStatus"].endswith("IN_PROGRESS") or time.monotonic() > end:
            events = aws.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
            failed = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events if "FAILED" in e["ResourceStatus"]]
            raise Failure(f"the stack is {stack['StackStatus']}: {stack.get('StackStatusReason')}\n" + "\n".join(failed))
        time.sleep(0.2)
    aws.api = aws.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    aws.api = next(r["PhysicalResourceId"] for r in aws.api if r["ResourceType"] == "AWS::ApiGatewayV2::Api")
    print(f"deployed {len(template['Resources'])} resources", flush=True)


# ── What a phone does ──────────────────────────────────────────────────────────────────────────


def call(aws, expected, method, path, body=None, token=None):
    answer = ask(aws.port, method, path, body, token, seconds=60, headers={"Host": f"{aws.api}.execute-api.{HOST}:{aws.port}"})
    check(answer.status == expected, f"{method} {path}: {answer.status} {answer.body[:500]}")
    return answer


def invoke(aws, function, event):
    answer = aws.__getattr__("lambda").invoke(FunctionName=f"{STACK}-{function}", Payload=json.dumps(event).encode())
    payload = json.loads(answer["Payload"].read())
    check("FunctionError" not in answer, f"{function}: {payload}")
    return payload


def sign_up(aws, events):
    print("sign up", flush=True)
    call(aws, 200, "GET", "/auth/v1/health/live")
    ready = call(aws, 200, "GET", "/auth/v1/health/ready").json()
    check(ready["database"] == "up" and ready["redis"] == "up", f"ready: {ready}")
    call(aws, 404, "GET", "/auth/v1/nowhere")
    started = call(aws, 200, "POST", "/auth/v1/verify/register/request", {"phoneNumber": PHONE}).json()
    check("code" not in started, "the code is in the answer")
    messages = aws.get("/_ministack/sns/sms-messages")["sms_messages"].get(PHONE, [])
    check(len(messages) == 1, f"not one SMS is sent: {messages}")
    text = messages[0]["Message"]
    code = "".join(c for c in text if c.isdigit())[:6]
    proof = {"verificationId": started["verificationId"], "code": code}
    call(aws, 200, "POST", "/auth/v1/verify/register/confirm", proof)
    session = call(aws, 201, "POST", "/auth/v1/register", {"verificationId": started["verificationId"]}).json()
    user = session["userId"]
    check(call(aws, 200, "GET", "/auth/v1/device", token=session["accessToken"]).json(), "a device")
    refreshed = call(aws, 200, "POST", "/auth/v1/tokens/refresh", {"refreshToken": session["refreshToken"]}).json()
    check(len(call(aws, 200, "GET", "/auth/.well-known/jwks.json").json()["keys"]) >= 1, "public keys")

    print("the event reaches the user-service, the trail is in DynamoDB", flush=True)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        told = [json.loads(line) for line in events.read_text().splitlines()]
        trail = aws.dynamodb.scan(TableName=TABLE)["Items"]
        if any(event.get("topic") == "user.registered" for event in told) and trail:
            break
        time.sleep(0.2)
    registered = [event for event in told if event.get("topic") == "user.registered"]
    check(len(registered) == 1 and registered[0]["userId"] == user, f"user-service was told {told}")
    check(trail and all(item["user"]["S"] == user for item in trail), f"the security log holds {trail}")

    print("an internal invocation reads the user, an authorizer lets it in", flush=True)
    found = invoke(aws, "internal", {"operation": "get_user", "userId": user})
    check(user in json.dumps(found), f"get_user: {found}")
    request = {
        "version": "2.0", "type": "REQUEST", "routeArn": "arn", "identitySource": [f"Bearer {refreshed['accessToken']}"],
        "headers": {"authorization": f"Bearer {refreshed['accessToken']}"}, "rawPath": "/",
        "requestContext": {"http": {"method": "GET", "path": "/", "sourceIp": "192.0.2.1"}, "domainName": "api.example.com"},
    }
    check(invoke(aws, "authorizer", request)["isAuthorized"] is True, "the authorizer refuses a good token")
    call(aws, 204, "POST", "/auth/v1/logout", {}, token=refreshed["accessToken"])
    check(invoke(aws, "authorizer", request)["isAuthorized"] is False, "the authorizer lets an ended session in")
    call(aws, 401, "GET", "/auth/v1/device", token=refreshed["accessToken"])
    print("schedules", flush=True)
    invoke(aws, "relay", {"task": "scheduled"})
    invoke(aws, "maintenance", {"task": "maintenance"})
    # Also where the relays after commits have left nothing in the outbox.
    check(aws.s3.list_objects_v2(Bucket=ROOTS).get("KeyCount", 0) >= 1, "no signed root of the security log is in S3")


if __name__ == "__main__":
    run(main)
