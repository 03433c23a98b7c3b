"""Contracts that carriers publish as OpenAPI, as validators of what is sent and of what is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from carriers.simulators.faulty import Call


class Contract:
    """One OpenAPI file."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.schemas: dict[str, Any] = document["components"]["schemas"]

    def faults(self, name: str, value: Any) -> list[str]:
        """Where a value does not fit a schema: the path and what was expected, none where it fits."""
        return self.faults_of({"$ref": f"#/components/schemas/{name}"}, value)

    def faults_of(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        """As `faults`, for a schema that stands within an operation."""
        whole = {**schema, "components": {"schemas": self.schemas}}
        errors = Draft202012Validator(whole).iter_errors(value)
        return sorted(f"{'.'.join(str(part) for part in error.path)}: {error.message[:160]}" for error in errors)

    def faults_of_call(self, call: Call, path: str) -> list[str]:
        """What is wrong with the query and the headers of a call to one of the paths, as the contract writes it."""
        operation = self.document["paths"][path][call.method.lower()]
        named = self.document["components"].get("parameters", {})
        rows = [named[row["$ref"].rpartition("/")[2]] if "$ref" in row else row
                for row in operation.get("parameters", [])]  # fmt: skip
        given = {"query": call.query, "header": call.headers}
        faults = [f"{row['name']} is missing" for row in rows if row.get("required") and row["in"] in given
                  and row["name"].lower() not in {name.lower() for name in given[row["in"]]}]  # fmt: skip
        known = {row["name"]: row["schema"].get("enum") for row in rows if row["in"] == "query"}
        for name, value in call.query.items():
            if name not in known:
                faults.append(f"{name} is not known")
            elif known[name] and value not in [str(one).lower() if isinstance(one, bool) else one
                                               for one in known[name]]:  # fmt: skip
                faults.append(f"{name} is {value}")
        return faults


@cache
def contract(path: Path) -> Contract:
    """Read one file; tabs, which YAML refuses, are blanks. The test is skipped where the file is not at hand."""
    if not path.is_file():
        pytest.skip(f"needs {path}, which is not part of the project")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return Contract(json.loads(text))
    return Contract(yaml.load(text.replace("\t", "  "), Loader=yaml.CSafeLoader))
