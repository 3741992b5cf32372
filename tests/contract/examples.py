"""Checks the document itself: it is OpenAPI 3.1, and each of its examples is what its schema says.

Called by tests/contract/run with the document as its argument. Prints each disagreement in one line and exits 1 if there is any.
"""

import json
import sys
from pathlib import Path

import jsonschema_rs
from openapi_spec_validator import validate

document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
wrong = []
checked = 0


def check(schema, example, where):
    global checked
    checked += 1
    root = {"allOf": [schema], "components": document["components"]}
    for error in jsonschema_rs.Draft202012Validator(root, validate_formats=True).iter_errors(example):
        wrong.append(f"{where}: {error.message}")


def examples_of(holder):
    if "example" in holder:
        yield holder["example"]
    shown = holder.get("examples", {})
    yield from shown if isinstance(shown, list) else (example["value"] for example in shown.values())


def walk(node, where):
    """Every schema, parameter, header and media type with its examples, wherever it is."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            walk(item, f"{where}/{number}")
    elif isinstance(node, dict):
        described = node.get("schema") if isinstance(node.get("schema"), dict) else node
        if described is not node or "type" in node or "oneOf" in node or "allOf" in node:
            for example in examples_of(node) if isinstance(node.get("examples", {}), (dict, list)) else ():
                check(described, example, where)
        for name, item in node.items():
            if name not in ("example", "examples", "default", "enum"):
                walk(item, f"{where}/{name}")


validate(document)
walk(document["paths"], "/paths")
walk(document["components"], "/components")
for line in wrong:
    print(line)
print(f"{checked} examples, {len(wrong)} of them wrong")
sys.exit(bool(wrong) or not checked)
