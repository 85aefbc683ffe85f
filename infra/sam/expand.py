#!/usr/bin/env python3
"""Expands template.yaml as CloudFormation does, and checks what only the expanded template shows.

Usage: expand.py check            versions follow the parameters; the limits of CloudFormation
       expand.py Stage=dev …      prints the expanded template as JSON
       expand.py stack FILE       the same of a stack that infra/cdk has synthesised
Needs aws-sam-translator, which aws-sam-cli brings.
"""

import json
import logging
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
logging.disable(logging.WARNING)

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
# What every expansion needs; the network is not part of a function's code or settings.
GIVEN = {"Stage": "dev", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}
# A function's version need not follow these: its role is not part of a version, and of the alarms
# and the network the newest value counts for all versions.
UNVERSIONED = {"DeploymentAlarms", "SubnetIds", "SecurityGroupIds", "DatabaseResourceId", "AlarmTopicArn"}


class NoPolicies:
    """The template names no managed policy of SAM."""

    def load(self):
        return {}


def expand(parameters, code="s3://bucket/key", file=TEMPLATE):
    template = yaml_parse(file.read_text())
    defaults = {
        name: parameter["Default"]
        for name, parameter in template["Parameters"].items()
        if "Default" in parameter
    }
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code
    given = {name: value for name, value in GIVEN.items() if name in template["Parameters"]}
    return transform(template, {**defaults, **given, **parameters}, NoPolicies())


def versions(expanded):
    return {name for name, one in expanded["Resources"].items() if one["Type"] == "AWS::Lambda::Version"}


def check():
    declared = yaml_parse(TEMPLATE.read_text())["Parameters"]
    before = versions(expand({}))
    assert before == versions(expand({})), "the same parameters give other versions"
    functions = len(before)
    assert not before & versions(expand({}, code="s3://bucket/other")), "new code publishes no version"
    for name, parameter in declared.items():
        if name in UNVERSIONED:
            continue
        values = parameter.get("AllowedValues", ["", "something-else"])
        other = next(v for v in values if v != GIVEN.get(name, parameter.get("Default")))
        published = versions(expand({name: other})) - before
        assert len(published) == functions, f"a change of {name} publishes {len(published)} of {functions} versions"
    expanded = expand({"Stage": "prod"})
    resources, size = len(expanded["Resources"]), len(json.dumps(expanded))
    assert resources <= 500, f"{resources} resources"
    assert size <= 1_000_000, f"{size} bytes"
    print(f"{functions} functions, {resources} resources, {size} bytes; each parameter publishes new versions")


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        check()
    elif sys.argv[1:2] == ["stack"]:
        json.dump(expand({}, file=Path(sys.argv[2])), sys.stdout, indent=1)
    else:
        json.dump(expand(dict(one.split("=", 1) for one in sys.argv[1:])), sys.stdout, indent=1)
