"""What PostgreSQL's errors mean: whose trouble each is, and a sentence that says what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from gateway.store.base import StoreError, StoreFullError

if TYPE_CHECKING:
    from gateway.store.rounds import Outcome

_NAP = "the gateway goes on by itself"
# What libpq and the server say while a connection is made; there is no code to go by, and no translation.
_CONNECTING = (
    (r"could not translate host name|resolve host", "the host is unknown; check its name and the resolver"),
    (
        r"Connection refused|No such file or directory",
        "nothing listens there; start PostgreSQL, or check host and port",
    ),
    (r"timeout|timed out|No route to host|unreachable", "does not answer; check host, port and the network"),
    (r"password authentication failed|no password supplied", "the password is wrong or missing; check the role and it"),
    (r"role .* does not exist|Peer authentication failed", "the role may not log in; create it, or name another"),
    (r"no pg_hba.conf entry|pg_hba.conf rejects", "the server lets nobody in from here; see its pg_hba.conf"),
    (r"database .* does not exist", "the database does not exist; create it"),
    (r"permission denied for database", "the role may not enter the database; GRANT CONNECT"),
    (r"too many (clients|connections)|connection slots", "the server has no connection left; raise max_connections"),
    (r"starting up|recovery|not yet accepting", f"the server is starting; {_NAP} when it is up"),
    (r"shutting down", f"the server is shutting down; {_NAP} when it is up"),
    (r"does not support SSL|SSL|certificate", "no TLS connection can be made; check sslmode and the certificates"),
)
READ_ONLY = "25006"
_BY_STATE = {
    READ_ONLY: "is read-only, such as a standby; name the primary",
    "25P03": "has ended our transaction: this process had stood still for too long",
    "42501": "the role lacks a right; it must own the tables",
    "53100": f"no space left on the server's disk; free some, {_NAP}",
    "53200": "the server has no memory left",
    "53300": "the server has no connection left; raise max_connections",
    "55P03": "another session holds a lock for too long; see pg_locks",
    "57014": "a statement took too long and was cancelled; look at the server's load",
    "57P01": f"an administrator ended the connection, or the server is shutting down; {_NAP}",
    "57P02": f"the server has crashed; {_NAP} when it is up",
    "57P03": f"the server is starting or shutting down; {_NAP} when it is up",
}
# Connection, resources, operator intervention, the system, corruption, other transactions: nobody's work is at fault.
_EVERYBODYS_CLASSES = frozenset({"08", "40", "53", "57", "58", "F0", "XX"})
_EVERYBODYS_STATES = frozenset({READ_ONLY, "25P03", "42501", "55P03"})


class AtFaultError(Exception):
    """Some work of a round raised for a reason of its own."""


class Doubt(NamedTuple):
    """A round whose commit was not confirmed: its mark, and what is told if it was committed."""

    mark: int
    outcomes: list[Outcome]


class InDoubtError(Exception):
    """The connection was lost while a round was committed."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__()
        self.doubt = doubt


def is_everybodys(error: Exception) -> bool:
    """Say whether an error is trouble of the database itself, and not the fault of the work that met it."""
    state = (error.sqlstate if isinstance(error, psycopg.Error) else None) or ""
    return state[:2] in _EVERYBODYS_CLASSES or state in _EVERYBODYS_STATES


def is_conflict(error: psycopg.Error) -> bool:
    """Say whether another transaction was in the way, so that the same work may well succeed now."""
    return error.sqlstate is not None and (error.sqlstate.startswith("40") or error.sqlstate == "55P03")


def translate(error: psycopg.Error, label: str) -> StoreError:
    """Say in one sentence what an error means and what to do."""
    kind = StoreFullError if error.sqlstate == "53100" else StoreError
    return kind(f"{label}: {_BY_STATE.get(error.sqlstate or '') or _first_line(error)}")


def refusal(error: psycopg.Error, label: str) -> StoreError:
    """Say in one sentence why no connection can be made."""
    said = str(error)
    known = (sentence for pattern, sentence in _CONNECTING if re.search(pattern, said))
    return StoreError(f"{label}: {next(known, None) or f'no connection can be made: {_first_line(error)}'}")


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
