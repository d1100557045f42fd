"""The reference of the REST service, made from its OpenAPI description: `python -m app.rest_reference`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.parameter_reference import attributes, cell
from app.service.api import description
from app.service.limits import Limits
from app.service.schemas import EXAMPLE
from data.atomic import write_atomically

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "rest.md"

_ADDRESS = "http://127.0.0.1:8000"
_HEAD = """# REST service

Made from the code by `python -m app.rest_reference`. [The service and its page](../service.md) tells how to use it and
who may; `GET /openapi.json` of a running service says the same to programs.

Where the service has keys, all but `/healthz` and `/readyz` want `Authorization: Bearer KEY`. An error's body is
`{"detail": …}`: a sentence, or for 422 a list of places and what is wrong there. 429 and 503 bear `Retry-After`. Any
request can get 400 (under a foreign host name, where the service listens on loopback) and 503 (too many connections).
"""
_LIMITS_HEAD = """
## Limits

`GET /v1/model` tells those of a running service.

| limit | value | what it limits (status code) |
|---|---:|---|
"""
_EXAMPLES = {
    "POST /v1/sequence": (
        f"curl -s {_ADDRESS}/v1/sequence -H 'Content-Type: application/json' -d \\\n  '{json.dumps(EXAMPLE)}'",
        f"curl -s '{_ADDRESS}/v1/sequence?steps=8' -F file=@run.mzML",
        f"curl -s '{_ADDRESS}/v1/sequence?name=run.mzML' -H 'Content-Type: application/octet-stream' \\\n"
        "  -X POST -T run.mzML",
    ),
    "GET /v1/jobs/{job_id}/results": (f"curl -s '{_ADDRESS}/v1/jobs/ID/results?offset=0&limit=100'",),
    "GET /v1/jobs/{job_id}/results.{ending}": (f"curl -s {_ADDRESS}/v1/jobs/ID/results.mztab -o run.mztab",),
}
"""Of routes whose request is more than its path."""

_BOUNDS = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "minLength": "of at least",
    "maxLength": "of at most",
}
_ANY = 2**53
"""A bound that only says what numbers JSON can hold."""
_FILLED = {"{job_id}": "ID", "{number}": "0"}


def rest_page() -> str:
    """The page."""
    told = description()
    schemas = told["components"]["schemas"]
    page = _HEAD
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            page += "".join(_route(method.upper(), path, operation))
    page += _LIMITS_HEAD + "".join(_limits())
    page += "\n## Bodies\n"
    return page + "".join(_schema(name, schemas[name]) for name in sorted(schemas) if "properties" in schemas[name])


def _route(method: str, path: str, operation: Any) -> Iterator[str]:
    yield f"\n## `{method} {path}`\n\n{operation['description']}\n"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "\n| parameter | in | may be | default | meaning |\n|---|---|---|---|---|\n"
        for each in parameters:
            default = each["schema"].get("default", "required" if each["required"] else "")
            meaning = each.get("description", "")
            yield f"| `{each['name']}` | {each['in']} | {_type(each['schema'])} | {default} | {cell(meaning)} |\n"
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        yield "\n| body | holds |\n|---|---|\n"
        yield from (f"| `{kind}` | {_type(content['schema'])} |\n" for kind, content in body.items())
    yield "\n| status | body | meaning |\n|---:|---|---|\n"
    for status, answer in sorted(operation["responses"].items()):
        meaning = answer["description"].replace("Successful Response", "Done.")
        yield f"| {status} | {_content(answer)} | {cell(meaning)} |\n"
    yield "".join(f"\n```sh\n{command}\n```\n" for command in _examples(method, path))


def _examples(method: str, path: str) -> tuple[str, ...]:
    filled = path
    for name, value in _FILLED.items():
        filled = filled.replace(name, value)
    plain = "" if method == "GET" else f"-X {method} "
    return _EXAMPLES.get(f"{method} {path}", (f"curl -s {plain}{_ADDRESS}{filled}",))


def _content(answer: Any) -> str:
    """``JobStatus``; of files their media types."""
    kinds = answer.get("content", {})
    if "application/json" in kinds:
        return _type(kinds["application/json"]["schema"])
    return ", ".join(f"`{kind}`" for kind in kinds)


def _limits() -> Iterator[str]:
    meanings = attributes(Limits)
    for name, value in vars(Limits()).items():
        yield f"| `{name}` | {value:,.0f} | {cell(meanings[name])} |\n"


def _schema(name: str, schema: Any) -> str:
    needed = schema["required"] if schema.get("additionalProperties") is False else schema["properties"]
    rows = ""
    for field, part in schema["properties"].items():
        optional = "" if field in needed else ", optional"
        rows += f"| `{field}` | {_type(part)}{optional} | {cell(part.get('description', ''))} |\n"
    return f"\n### {name}\n\n{schema['description']}\n\n| field | type | meaning |\n|---|---|---|\n{rows}"


def _type(part: Any) -> str:
    """``integer ≥ 1``, ``list of number``, ``null or string``; a link to a body that the page describes."""
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in part:
        return " or ".join(_type(each) for each in part["anyOf"])
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if part.get("type") == "array":
        return f"list of {_type(part['items'])}"
    if part.get("format") == "binary":
        return "a file"
    if part.get("type") == "object" and "properties" in part:
        return "; ".join(f"`{name}`: {_type(each)}" for name, each in part["properties"].items())
    bounds = "".join(f" {sign} {part[name]:,g}" for name, sign in _BOUNDS.items() if part.get(name, _ANY) != _ANY)
    return f"{part.get('type', 'anything')}{bounds}"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    write_atomically(PAGE, rest_page().encode())
