"""Routes that lead nowhere, and what no route leads to: found on the plain data, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.config.file import Problem, spell
from gateway.config.problems import names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.config.file import Document, KeyPath


def dead_ends(document: Document) -> list[Problem]:
    """Find what carries no message: a prefix that is taken, an operator out of reach, accounts without a route."""
    return [*_taken_prefixes(document), *_unreachable(document), *_no_route(document)]


def _tables(document: Document) -> list[KeyPath]:
    """Return where routes stand: those of all, and those of each account."""
    return [("routes",), *(("accounts", name, "routes") for name in sorted(names_in(document.data, "accounts")))]


def _lists(document: Document, table: KeyPath, key: str) -> Iterator[tuple[KeyPath, str]]:
    """Yield every text in the list ``key`` of every route of a table, with its place."""
    routes = _at(document, table)
    for number, route in enumerate(routes if isinstance(routes, list) else []):
        entries = route.get(key) if isinstance(route, dict) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, str):
                yield (*table, number, key, index), entry


def _taken_prefixes(document: Document) -> Iterator[Problem]:
    for table in _tables(document):
        first: dict[str, KeyPath] = {}
        for path, prefix in _lists(document, table, "prefixes"):
            if first.setdefault(prefix, path) != path:
                message = f"{prefix!r} is {spell(first[prefix])} already, which takes all its numbers"
                yield Problem(document.value_mark(path), path, message)


def _unreachable(document: Document) -> Iterator[Problem]:
    routed = {name for table in _tables(document) for _, name in _lists(document, table, "operators")}
    for name in sorted(names_in(document.data, "operators")):
        path = ("operators", name)
        nodes = (*path, "nodes")
        if name not in routed:
            yield Problem(document.key_mark(path), path, "no route names it, so nothing would ever be sent to it")
        if "nodes" in names_in(document.data, *path) and _at(document, nodes) == []:
            yield Problem(document.value_mark(nodes), nodes, "names no node, so nobody would ever bind; leave it out")


def _no_route(document: Document) -> Iterator[Problem]:
    if names_in(document.data, "accounts") and not _at(document, ("routes",)):
        path = ("accounts",)
        yield Problem(document.key_mark(path), path, "there is no route, so nothing that they submit could be sent")


def _at(document: Document, path: KeyPath) -> object:
    data = document.data
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data
