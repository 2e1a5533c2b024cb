# ruff: noqa: INP001 (a script beside the pages that it writes, not a package)
"""Writes docs/state.md: every state in the gateway and every arrow between two of them, from the tables in the code.

Sessions and statuses come from the tables that decide about them. Rows of the spool and messages have no such table,
because their moves are SQL statements guarded by the state that they leave; their arrows stand below, once, each with
the function that makes the move.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.pacing import NEXT_STEP, Step
from gateway.smpp import status
from gateway.smpp.state import allowed_table, diagram
from gateway.store import messages, spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PAGE = Path(__file__).with_name("state.md")
OUTSIDE = "[*]"


class Arrow(NamedTuple):
    """One move: from where to where, which function makes it, and when."""

    start: str
    end: str
    by: Callable[..., object]
    when: str


ROW = (
    Arrow(
        OUTSIDE, "HELD", spool.add, "committed, its lane has a link and room in memory, and nothing of its queue waits"
    ),
    Arrow(
        OUTSIDE,
        "WAITING",
        spool.add,
        "committed, but due later, or behind others of its queue, or its lane has no link or no room",
    ),
    Arrow("WAITING", "HELD", spool.claim, "due, and its lane has room in memory, or nothing of its queue"),
    Arrow("WAITING", "WAITING", spool.move, "its operator has no link, another of the route has one"),
    Arrow("WAITING", "WAITING", spool.hasten, "it was refused before, and a person wants it tried again now"),
    Arrow("HELD", "WAITING", spool.release, "refused for now, not answered in time, or its lane lost its last link"),
    Arrow("HELD", "WAITING", spool.release_held, "its node has started again, has left, or is taken for dead"),
    Arrow(
        "HELD",
        OUTSIDE,
        spool.remove,
        "the peer has taken it, or refused it, or its time is over, or its number opted out",
    ),
    Arrow("WAITING", "WAITING", spool.let_go, "a person has read the text that it waited for: no opt-out"),
    Arrow(
        "WAITING",
        OUTSIDE,
        spool.remove,
        "the same, and its node had been taken for dead meanwhile; or a person has dropped it",
    ),
    Arrow("WAITING", OUTSIDE, spool.expire, "its time is over"),
    Arrow(
        "WAITING", OUTSIDE, spool.remove_message, "another segment has ended its message, or its number has opted out"
    ),
)

MESSAGE = (
    Arrow(OUTSIDE, "ENROUTE", messages.add, "accepted"),
    Arrow(OUTSIDE, "REJECTED", messages.add, "accepted for an opted-out number, by an account that wants a receipt"),
    Arrow("ENROUTE", "ENROUTE", messages.settle, "a segment has an outcome, others have none yet"),
    Arrow(
        "ENROUTE",
        "ENROUTE",
        messages.begin,
        "an operator has taken a segment of several: it is finished, come what may",
    ),
    Arrow("ENROUTE", "ENROUTE", messages.rewrite, "replace_sm, while nothing of it has been sent"),
    Arrow("ENROUTE", "ENROUTE", messages.join, "a part of a message that its app cut, and the last one has come"),
    Arrow("ENROUTE", "JOINED", messages.end_joined, "a part of a message that has ended: in whatever state that has"),
    Arrow("ENROUTE", "DELIVERED", messages.settle, "every segment was delivered"),
    Arrow("ENROUTE", "ACCEPTED", messages.settle, "taken, and no receipt can come: nobody asked, or it has no id"),
    Arrow("ENROUTE", "EXPIRED", messages.settle, "a segment waited past its validity, or a receipt says so"),
    Arrow(
        "ENROUTE",
        "REJECTED",
        messages.settle,
        "an operator refused a segment for good, its number has opted out, or a receipt says so",
    ),
    Arrow("ENROUTE", "UNDELIVERABLE", messages.settle, "a receipt says so, or unanswered under `uncertain: fail`"),
    Arrow("ENROUTE", "UNKNOWN", messages.settle, "taken and not reported on in time, or its id was given to another"),
    Arrow("ENROUTE", "DELETED", messages.settle, "before it was sent: cancel_sm, a person; or a receipt says so"),
    Arrow("ENROUTE", "SKIPPED", messages.settle, "a receipt says so"),
)

AFTERWARDS = {
    Step.DONE: "The peer has it: the row leaves the spool.",
    Step.SLOW: "The peer has too much of everything: the whole lane pauses, keeps its order, and sends this one first; "
    "one that is refused so again and again waits in the spool, and others pass it.",
    Step.LATER: "The peer cannot take this one now: it waits in the spool for a growing pause, others may pass it.",
    Step.FAIL: "It is not tried again: the row leaves the spool, and its message ends as REJECTED, or unanswered as "
    "UNDELIVERABLE.",
    Step.NEXT: "This operator will never take it: the next one of its route that reads it alike may, else it fails.",
    Step.HOLD: "It waits in the spool until its account's hours begin again where its number is.",
    Step.REVIEW: "Whether its number refuses it is looked up again: it goes on, its message ends, or it waits in the "
    "spool until a person has read what the number texted.",
    Step.EXPIRED: "The row leaves the spool and its message ends as EXPIRED.",
    Step.BACK: "It waits in the spool, where other nodes and operators can have it.",
}

INTRODUCTION = """\
# States

Every state there is, and every arrow between two of them. This page is written by `python docs/generate.py` from the
tables in the code; a test fails when the two differ. Words are explained in the [glossary](glossary.md)."""

SESSION = """\
## A session

Both roles share one table, `MOVES` in `gateway/smpp/state.py`. A move that is missing there is a defect of ours and
raises; a request that is missing below is answered with ESME_RINVBNDSTS (a second bind with ESME_RALYBND), and the
session goes on. UNBINDING is ours: an unbind is on its way. UNBOUND of the specification is CLOSED here, for nothing
may follow but the end of the connection."""

SPOOLED = """\
## A row in the spool

A row is one PDU on its way to one peer. WAITING: it is in the database only. HELD: one node also has it in memory, and
has perhaps sent it. What a node held when it died waits again, so what was on the wire at that moment is sent again.
Claims, releases and moves are guarded by the state that they leave: one that comes too late changes nothing."""

MESSAGES = """\
## A message

A message leaves ENROUTE exactly once, by a statement that is guarded by ENROUTE. It ends when all of its segments have
an outcome, in the worst of their states, from good to bad: DELIVERED, ACCEPTED, UNKNOWN, DELETED, EXPIRED, SKIPPED,
UNDELIVERABLE, REJECTED. The last three of them, and a validity that is over, end it at once, and take its waiting
segments out of the spool. Receipts that report ENROUTE, ACCEPTED or UNKNOWN are progress and change nothing. A segment
that an operator took and does not report on within `delivery.report_wait` ends UNKNOWN.

Each part of a message that its app cut is a message of its own. It waits, ENROUTE, until the others are there; then the
segments are those of one part, and the others end with it, in its state: JOINED stands for that."""

STEPS = """\
## A status, and what follows

What a peer's command_status means for the row that it answers: `NEXT_STEP` in `gateway/rules/pacing.py`. For one
operator `operators.*.statuses` may say something else."""

OTHERWISE = (
    ("an answer to it that `operators.*.statuses` calls next", Step.NEXT),
    ("no answer in time, `uncertain: retry`", Step.LATER),
    ("no answer in time, or its link ended, `uncertain: fail`", Step.FAIL),
    ("its link ended unanswered, `uncertain: retry`: at once and first over another link, else", Step.BACK),
    ("a link ended unanswered for the second time, `uncertain: retry`", Step.LATER),
    ("its lane has lost its last link, or room is wanted", Step.BACK),
    ("its time is over when it comes up", Step.EXPIRED),
    ("its number has opted out of something since it was accepted, or may have", Step.REVIEW),
    ("the hours within which it may be sent are over when it comes up", Step.HOLD),
)


def state() -> str:
    """Write the whole page, ending in one line feed."""
    parts = (
        INTRODUCTION,
        SESSION,
        _fenced(diagram()),
        allowed_table(),
        SPOOLED,
        _fenced(_drawn(ROW)),
        _listed(ROW),
        MESSAGES,
        _fenced(_drawn(MESSAGE)),
        _listed(MESSAGE),
        STEPS,
        _steps(),
    )
    return "\n\n".join(parts) + "\n"


def _fenced(drawing: str) -> str:
    return f"```mermaid\n{drawing}\n```"


def _drawn(arrows: Iterable[Arrow]) -> str:
    lines = [f"    {arrow.start} --> {arrow.end}: {arrow.by.__name__}" for arrow in arrows]
    return "\n".join(["stateDiagram-v2", *lines])


def _listed(arrows: Iterable[Arrow]) -> str:
    rows = [
        f"| {_place(arrow.start)} | {_place(arrow.end)} | `{arrow.by.__module__}.{arrow.by.__name__}` | {arrow.when} |"
        for arrow in arrows
    ]
    return "\n".join(["| from | to | by | when |", "|---|---|---|---|", *rows])


def _place(name: str) -> str:
    return "outside" if name == OUTSIDE else name


def _steps() -> str:
    rows = [f"| {status.name(code)} | {step} | {AFTERWARDS[step]} |" for code, step in NEXT_STEP.items()]
    rows.append(f"| any other | {Step.FAIL} | {AFTERWARDS[Step.FAIL]} |")
    otherwise = [f"| {what} | {step} | {AFTERWARDS[step]} |" for what, step in OTHERWISE]
    return "\n".join(
        [
            *("| status | step | what follows |", "|---|---|---|", *rows, ""),
            *("| without a status | step | what follows |", "|---|---|---|", *otherwise),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(state(), encoding="utf-8")
