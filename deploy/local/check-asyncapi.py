#!/usr/bin/env python3
"""Checks an AsyncAPI 3.0 document: references resolve, schemas are schemas, examples hold, event types are all named."""

import pathlib
import re
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def resolve(document, pointer):
    node = document
    for part in pointer.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for item in node.values():
            yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def faults(document):
    if not str(document.get("asyncapi", "")).startswith("3."):
        yield "not an AsyncAPI 3 document"
    for pointer in references(document):
        try:
            resolve(document, pointer)
        except (KeyError, TypeError):
            yield f"{pointer} does not resolve"
    for name, schema in document["components"]["schemas"].items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as fault:
            yield f"schema {name}: {fault.message}"
    for name, message in document["components"]["messages"].items():
        schema = resolve(document, message["payload"]["$ref"])
        if not message.get("examples"):
            yield f"message {name} has no example"
        for example in message.get("examples", []):
            for fault in jsonschema.Draft202012Validator(schema).iter_errors(example["payload"]):
                yield f"example of {name}: {fault.message}"
    sources = (ROOT / "Shared/Contracts/SecurityEvent.swift").read_text(encoding="utf-8")
    kinds = set(re.findall(r'case \w+ = "([\w-]+)"', sources))
    named = set(re.findall(r"org\.jts\.security\.([a-z-]+)", document["info"]["description"]))
    for kind in sorted(kinds - named):
        yield f"event type {kind} is not named"
    for kind in sorted(named - kinds):
        yield f"event type {kind} is named and does not exist"


def main():
    found = False
    for path in sys.argv[1:]:
        for fault in faults(yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))):
            found = True
            print(f"{path}: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
