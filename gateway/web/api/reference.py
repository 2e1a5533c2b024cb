"""The documentation page of the interface: its description in OpenAPI, laid out for people, without a script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse
from starlette.routing import Route

from gateway.web.api.problems import BASE, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.web.site import Site

_GOOD = ("200", "201", "204")


class Member(NamedTuple):
    """One member of an object, or one parameter."""

    name: str
    type: str
    required: bool
    description: str
    place: str = ""


class Operation(NamedTuple):
    """One operation as it is shown."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Member]
    body: str
    members: list[Member]
    example: str
    answers: list[tuple[str, str, str]]  # status, description, the schema of the answer


class Reference:
    """The page.

    Args:
        site: what it is part of.
        document: the description in OpenAPI.
    """

    def __init__(self, site: Site, document: Mapping[str, Any]) -> None:
        self._site = site
        self._document = document
        self._page = b""
        self._schemas: dict[str, Any] = document["components"]["schemas"]

    def route(self) -> Route:
        """Return where it is."""
        return Route("/docs", self._show)

    async def _show(self, request: Request) -> Response:
        if not self._page:  # it is the same for everybody, and takes some milliseconds
            self._page = bytes(self._render(request).body)
        return HTMLResponse(self._page)

    def _render(self, request: Request) -> Response:
        tags = [
            (tag["name"], tag["description"], [each for name, each in self._operations() if name == tag["name"]])
            for tag in self._document["tags"]
        ]
        schemas = [
            (name, schema.get("description", ""), list(self._members(schema)), _shown(schema))
            for name, schema in self._objects()
        ]
        webhooks = [(name, told["post"], _name(_json(told["post"]["requestBody"]))) for name, told in self._told()]
        context = {
            "document": self._document,
            "base": BASE,
            "tags": tags,
            "webhooks": webhooks,
            "schemas": schemas,
            "kinds": KINDS,
        }
        return self._site.pages.render(request, "reference.html", context, offered=("en",))

    def _told(self) -> Iterator[tuple[str, Any]]:
        return iter(self._document["webhooks"].items())

    def _objects(self) -> Iterator[tuple[str, Any]]:
        return ((name, each) for name, each in sorted(self._schemas.items()) if each.get("type") == "object")

    def _operations(self) -> Iterator[tuple[str, Operation]]:
        for path, operations in self._document["paths"].items():
            for method, operation in operations.items():
                yield operation["tags"][0], self._operation(method, path, operation)

    def _operation(self, method: str, path: str, operation: Mapping[str, Any]) -> Operation:
        body = _name(_json(operation.get("requestBody", {})))
        schema = self._schemas.get(body, {})
        return Operation(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            description=operation.get("description", ""),
            parameters=[
                Member(each["name"], _type(each["schema"]), each["required"], each.get("description", ""), each["in"])
                for each in operation.get("parameters", ())
            ],
            body=body,
            members=list(self._members(schema)),
            example=_curl(method, _example(path, operation), schema.get("examples", [None])[0]),
            answers=[
                (code, answer["description"], _name(_json(answer)))
                for code, answer in sorted(operation["responses"].items())
                if code in _GOOD
            ],
        )

    def _members(self, schema: Mapping[str, Any]) -> Iterator[Member]:
        for name, each in schema.get("properties", {}).items():
            yield Member(name, _type(each), name in schema.get("required", ()), each.get("description", ""))


def _shown(schema: Mapping[str, Any]) -> list[str]:
    return [json.dumps(each, ensure_ascii=False, indent=2) for each in schema.get("examples", ())]


def _json(content: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _type(schema: Mapping[str, Any]) -> str:
    """Say what a value is, in a few words."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    words = [str(schema.get("format", schema.get("type", "anything")))]
    words += [f"{name} {int(schema[key])}" for key, name in _LIMITS.items() if key in schema]
    return ", ".join(words)


_LIMITS = {"minimum": "from", "maximum": "up to", "minLength": "at least", "maxLength": "at most"}


def _example(path: str, operation: Mapping[str, Any]) -> str:
    """Return the path of an operation with examples for what it must have."""
    needed = [each for each in operation.get("parameters", ()) if each["required"]]
    places = {each["name"]: quote(each["example"], safe="+") for each in needed if each["in"] == "path"}
    query = urlencode({each["name"]: each["example"] for each in needed if each["in"] == "query"})
    return path.format_map(places) + (f"?{query}" if query else "")


def _curl(method: str, path: str, example: object) -> str:
    lines = [f'curl -H "Authorization: Bearer $API_KEY" \\\n  -X {method.upper()} "$GATEWAY{BASE}{path}"']
    if example is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(example, ensure_ascii=False)}'"]
    return " \\\n  ".join(lines)
