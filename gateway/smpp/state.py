"""Which PDU may travel in which state, and what it changes: the session rules of SMPP 3.4 as two tables.

Nothing else in the package decides whether a PDU is legal. A pair that is missing from :data:`MOVES` is an illegal
move; a command that is missing from :data:`ALLOWED` is answered with ESME_RINVBNDSTS. The diagram in
``docs/state.md`` is generated from these tables (SMPP 3.4 section 2.2 and Table 2-1, with the errata listed in
``docs/conformance.md``).
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto

from gateway.smpp import pdu


class Role(StrEnum):
    """Who we are on a session."""

    ESME = "ESME"
    MC = "MC"


class State(StrEnum):
    """Where a session stands (SMPP 3.4 section 2.2; UNBINDING is ours: an unbind is on its way)."""

    OPEN = "OPEN"
    BOUND_TX = "BOUND_TX"
    BOUND_RX = "BOUND_RX"
    BOUND_TRX = "BOUND_TRX"
    UNBINDING = "UNBINDING"
    CLOSED = "CLOSED"


class Move(Enum):
    """What changes a session's state."""

    BOUND_TRANSMITTER = auto()
    BOUND_RECEIVER = auto()
    BOUND_TRANSCEIVER = auto()
    UNBIND = auto()
    END = auto()


BOUND = (State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX)

MOVES: dict[tuple[State, Move], State] = {
    (State.OPEN, Move.BOUND_TRANSMITTER): State.BOUND_TX,
    (State.OPEN, Move.BOUND_RECEIVER): State.BOUND_RX,
    (State.OPEN, Move.BOUND_TRANSCEIVER): State.BOUND_TRX,
    (State.OPEN, Move.UNBIND): State.UNBINDING,
    (State.OPEN, Move.END): State.CLOSED,
    **{(state, Move.UNBIND): State.UNBINDING for state in BOUND},
    **{(state, Move.END): State.CLOSED for state in BOUND},
    (State.UNBINDING, Move.END): State.CLOSED,
}

BINDS: dict[int, Move] = {
    pdu.BIND_TRANSMITTER: Move.BOUND_TRANSMITTER,
    pdu.BIND_RECEIVER: Move.BOUND_RECEIVER,
    pdu.BIND_TRANSCEIVER: Move.BOUND_TRANSCEIVER,
}

# enquire_link before a bind is a 5.0 rule; answering it costs nothing and some peers send it.
_ALWAYS = frozenset({pdu.ENQUIRE_LINK, pdu.UNBIND})
_TO_MC = frozenset({pdu.SUBMIT_SM, pdu.SUBMIT_MULTI, pdu.QUERY_SM, pdu.CANCEL_SM, pdu.REPLACE_SM, pdu.DATA_SM})
_TO_ESME = frozenset({pdu.DELIVER_SM, pdu.DATA_SM, pdu.ALERT_NOTIFICATION})

# What a role may be *sent* in a state. 3.4 lets data_sm travel both ways on any bind.
ALLOWED: dict[tuple[Role, State], frozenset[int]] = {
    (Role.MC, State.OPEN): _ALWAYS | frozenset(BINDS),
    (Role.MC, State.BOUND_TX): _ALWAYS | _TO_MC,
    (Role.MC, State.BOUND_RX): _ALWAYS | {pdu.DATA_SM},
    (Role.MC, State.BOUND_TRX): _ALWAYS | _TO_MC,
    (Role.ESME, State.OPEN): _ALWAYS | {pdu.OUTBIND},
    (Role.ESME, State.BOUND_TX): _ALWAYS | {pdu.DATA_SM},
    (Role.ESME, State.BOUND_RX): _ALWAYS | _TO_ESME,
    (Role.ESME, State.BOUND_TRX): _ALWAYS | _TO_ESME,
    **{(role, State.UNBINDING): _ALWAYS for role in Role},
    **{(role, State.CLOSED): frozenset() for role in Role},
}


class IllegalMoveError(Exception):
    """A move that :data:`MOVES` does not know: a defect of ours, never the peer's doing."""


def move(state: State, what: Move) -> State:
    """Return the state that follows.

    Raises:
        IllegalMoveError: the table has no such move.
    """
    try:
        return MOVES[state, what]
    except KeyError:
        message = f"no move {what.name} from {state}"
        raise IllegalMoveError(message) from None


def diagram() -> str:
    """Draw :data:`MOVES` as a Mermaid state diagram, for the documentation."""
    arrows = [f"    {start} --> {end}: {what.name.lower()}" for (start, what), end in MOVES.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> OPEN", *arrows, "    CLOSED --> [*]"])


def allowed_table() -> str:
    """Write :data:`ALLOWED` as a Markdown table, for the documentation."""
    rows = [
        f"| {role} | {state} | {', '.join(sorted(pdu.NAMES[command] for command in commands)) or 'none'} |"
        for (role, state), commands in ALLOWED.items()
    ]
    return "\n".join(["| we are | state | requests we take |", "|---|---|---|", *rows])
