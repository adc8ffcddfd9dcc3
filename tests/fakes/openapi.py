"""Holds requests and answers against a published OpenAPI description."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped, unused-ignore]

from tests.fakes.http import Answer, Request

Json = dict[str, Any]


class Contract:
    """One description. Every check returns faults, in words; nothing when all is well."""

    def __init__(self, file: Path) -> None:
        self._description: Json = json.loads(file.read_text())

    def request_faults(self, method: str, path: str, request: Request) -> list[str]:
        """``path`` as the description counts it: without the prefix of a gateway."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path}: not in the description"]
        found = [*self._query_faults(operation, request.query), *self._body_faults(operation, request.body)]
        return [f"{method} {path}: {fault}" for fault in found]

    def answer_faults(self, method: str, path: str, answer: Answer) -> list[str]:
        """Whether a fake answers as the real one is described to."""
        operation = self._operation(method, path) or {"responses": {}}
        response = operation["responses"].get(str(answer.status))
        if response is None:
            return [f"{method} {path}: HTTP {answer.status} is not in the description"]
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        found = self._schema_faults(schema, answer.body) if schema and answer.status < 300 else []
        return [f"{method} {path}: answer: {fault}" for fault in found]

    def _operation(self, method: str, path: str) -> Json | None:
        """The description's operation; a path without parameters goes first."""
        templates = sorted(self._description["paths"], key=lambda template: template.count("{"))
        for template in templates:
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
                operation: Json | None = self._description["paths"][template].get(method.lower())
                if operation:
                    return operation
        return None

    def _query_faults(self, operation: Json, query: Mapping[str, str]) -> Iterator[str]:
        known = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "query"}
        yield from (f"unknown parameter {name}" for name in query.keys() - known.keys())
        yield from (f"missing {n}" for n, p in known.items() if p.get("required") and n not in query)
        for name in query.keys() & known.keys():
            schema = known[name]["schema"]
            yield from (f"{name}: {f}" for f in self._schema_faults(schema, _typed(schema, query[name])))

    def _body_faults(self, operation: Json, body: Json) -> Iterator[str]:
        described = operation.get("requestBody")
        if described is None:
            yield from ["a body where none belongs"] if body else []
            return
        schema = described["content"]["application/json"]["schema"]
        yield from self._schema_faults(schema, body)
        yield from self._read_only(schema, body)

    def _read_only(self, schema: Json, value: Any) -> Iterator[str]:
        """What only answers may hold."""
        schema = self._resolved(schema)
        for name, inner in schema.get("properties", {}).items():
            if isinstance(value, dict) and name in value:
                yield from [f"{name} is read-only"] if inner.get("readOnly") else []
                yield from self._read_only(inner, value[name])

    def _resolved(self, schema: Json) -> Json:
        for reference in [schema.get("$ref"), *(s.get("$ref") for s in schema.get("allOf", ()))]:
            if reference:
                name = reference.rsplit("/", 1)[1]
                return dict(self._description["components"]["schemas"][name])
        return schema

    def _schema_faults(self, schema: Json, value: Any) -> list[str]:
        root = {**schema, "components": self._description["components"]}
        return [
            f"{error.json_path}: {error.message}" for error in Draft202012Validator(root).iter_errors(value)
        ]


def _typed(schema: Json, text: str) -> Any:
    """A query's text as the type that the description gives it; unchanged when it is not of it."""
    kind = schema.get("type")
    if kind == "array":
        return text.split(",")
    if kind == "integer" and text.isdecimal():
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text
