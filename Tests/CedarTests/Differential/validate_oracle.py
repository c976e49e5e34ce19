"""What the reference implementation's strict validator says.

Reads from standard input a JSON array of {"schema": text in either format, "policies": [text, ...],
"entities": [document, ...], "requests": [{"principal", "action", "resource", "context"}, ...]} and writes an array with,
for each, {"policies": [[message, ...], ...], "entities": [message or null, ...], "requests": [message or null, ...]}.
A policy that cannot be read gives one message that begins with "!".
"""

import json
import sys

import cedarpy


def check_one_by_one(policies, schema):
    for policy in policies:
        try:
            result = cedarpy.validate_policies(policy, schema)
            yield [error.error for error in result.errors]
        except ValueError as error:
            yield ["!" + str(error)]


def check_policies(policies, schema):
    try:
        result = cedarpy.validate_policies("\n".join(policies), schema)
    except ValueError:
        return list(check_one_by_one(policies, schema))
    messages = {}
    for error in result.errors:
        messages.setdefault(error.policy_id, []).append(error.error)
    if any(not str(name).startswith("policy") for name in messages):
        return list(check_one_by_one(policies, schema))
    return [messages.get(f"policy{index}", []) for index in range(len(policies))]


def check_entities(document, schema):
    try:
        cedarpy.Entities.from_json_str(json.dumps(document), schema)
        return None
    except ValueError as error:
        return str(error)


def check_request(request, schema):
    result = cedarpy.is_authorized(request, "permit(principal, action, resource);", [], schema)
    return None if result.decision != cedarpy.Decision.NoDecision else str(result.diagnostics.errors)


def check(case):
    text = case["schema"]
    schema = cedarpy.Schema.from_json_str(text) if text.startswith("{") else cedarpy.Schema.from_str(text)
    return {
        "policies": check_policies(case["policies"], schema),
        "entities": [check_entities(document, schema) for document in case["entities"]],
        "requests": [check_request(request, schema) for request in case["requests"]],
    }


json.dump([check(case) for case in json.load(sys.stdin)], sys.stdout)
