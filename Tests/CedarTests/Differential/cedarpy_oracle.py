"""Answers authorization requests with the reference implementation, for DifferentialTests.swift.

Standard input: one JSON object a line, {"policies": text, "entities": text, "requests": [{"principal": {"type", "id"},
"action", "resource", "context": text}, ...]}.
A line without requests asks only whether the entities are taken; it may have a "schema".
Standard output: one line for each, either {"error": text} or {"answers": [[decision, [reasons], [errors]], ...]}, an error
being the policy and the kind of error.
"""

import json
import re
import sys

import cedarpy

FAILED = re.compile(r"error while evaluating policy `(policy\d+)`: (.*)", re.DOTALL)
KINDS = [
    ("type", re.compile(r"type error: expected ")),
    ("entity", re.compile(r"entity `.*` does not exist$", re.DOTALL)),
    ("attribute", re.compile(r"(record|`.*`) does not have the attribute `", re.DOTALL)),
    ("tag", re.compile(r"`.*` does not have the tag `", re.DOTALL)),
    ("overflow", re.compile(r"integer overflow while attempting to ")),
    ("extension", re.compile(r"error while evaluating `\w+` extension function: ")),
    ("extension", re.compile(r"wrong number of arguments provided to extension function ")),
]


def answer(case):
    if "requests" not in case:
        cedarpy.Entities.from_json_str(case["entities"], case.get("schema"))
        return []
    policies = cedarpy.PolicySet.from_str(case["policies"])
    entities = cedarpy.Entities.from_json_str(case["entities"])
    results = cedarpy.is_authorized_batch(case["requests"], policies, entities)
    answers = []
    for result in results:
        failed = []
        for text in result.diagnostics.errors:
            found = FAILED.match(text)
            if not found:
                raise ValueError(text)
            kind = next((kind for kind, pattern in KINDS if pattern.match(found.group(2))), None)
            if not kind:
                raise ValueError(text)
            failed.append(f"{found.group(1)} {kind}")
        answers.append([result.decision.value, sorted(result.diagnostics.reasons), sorted(failed)])
    return answers


for line in sys.stdin:
    try:
        print(json.dumps({"answers": answer(json.loads(line))}))
    except Exception as error:
        print(json.dumps({"error": str(error)}))
