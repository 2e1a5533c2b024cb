"""Backups: a store in one file, made while gateways work on it, and put back where nothing is yet.

A backup is what one instant held. It is proven before it gets its name, when it is made as when it is put back:
SQLite's pages are checked, and the chains of the ledger and of the evidence are recomputed. A server's database is
written and read by PostgreSQL's own programs.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import trio

from gateway.store import evidence, ledger
from gateway.store.base import StoreError
from gateway.store.migrate import newest, schema_of
from gateway.store.sqlite_backup import copied, must_be_new
from gateway.store.url import driver, is_file, open_store, read_store, reserved, sqlite_path

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.store.ledger import Link
    from gateway.store.sqlite_backup import Progress


class Proof(NamedTuple):
    """What was found about a backup: its schema, and the end of the ledger's chain.

    ``end`` is None where the chains were not looked at, because the schema is not this program's.
    """

    schema: int
    end: Link | None


def save(url: str, target: Path, progress: Progress) -> Proof | None:
    """Write a backup of the store at ``url``; returns what is proven of it, None where a server's program wrote it.

    Raises:
        StoreError: there is none to be made; nothing is left behind.
    """
    if is_file(url):
        with copied(sqlite_path(url), target, progress) as copy:
            return _looked_at(copy)
    with driver():
        from gateway.store import postgres_backup  # noqa: PLC0415 (its driver is an extra)
    postgres_backup.dump(url, target)
    return None


def restore(url: str, source: Path, progress: Progress) -> Proof:
    """Put a backup where ``url`` points to, brought up to today's schema, with its ledger verified.

    Raises:
        StoreError: something is there already, the backup is of a newer program, or is not whole. Nothing has changed,
            but for a server's database that has been filled with a backup that then proved to be none of use.
    """
    if is_file(url):
        place = sqlite_path(url)
        must_be_new(place)
        with reserved(url), copied(source, place, progress) as copy:
            return _proven(_url_of(copy))
    with driver():
        from gateway.store import postgres_backup  # noqa: PLC0415 (likewise)
    postgres_backup.load(url, source)
    return _proven(url)


def _url_of(path: Path) -> str:
    return f"sqlite:///{path.absolute()}"


def _looked_at(copy: Path) -> Proof:
    with read_store(_url_of(copy)) as snapshot:
        schema = schema_of(snapshot)
        if schema != newest():
            return Proof(schema, None)
        _whole("evidence", evidence.verify(snapshot))
        return Proof(schema, _whole("ledger", ledger.verify(snapshot)))


def _proven(url: str) -> Proof:
    with closing(open_store(url, "stopgate/restore", create=False)) as store:
        schema = trio.run(store.once, schema_of)
    with read_store(url) as snapshot:
        _whole("evidence", evidence.verify(snapshot))
        return Proof(schema, _whole("ledger", ledger.verify(snapshot)))


def _whole(chain: str, verdict: ledger.Verdict) -> Link:
    if verdict.broken is not None:
        raise StoreError(f"the {chain} is broken at position {verdict.broken}; take another backup")
    return verdict.last
