"""Tickets that slow machines down: whoever asks too much gets one, and goes on with it after a wait or some work.

A ticket is sealed, is for one number, and counts once and for a quarter of an hour. It opens the door when it is old
enough (somebody without scripts has waited), or together with a proof: a text that, behind the ticket, has a SHA-256
that begins with so many zero bits, which a browser finds in a second or two.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from typing import NamedTuple

WAIT = 20.0  # seconds
BITS = 16
_LIFE = 900.0
_REMEMBERED = 20_000
_FORM = re.compile(r"([0-9]{1,15})\.([0-9a-f]{16})\.([0-9a-f]{64})")
_PROOF = re.compile(r"[0-9]{1,15}")


class Claim(NamedTuple):
    """What somebody shows who wants to go on: a ticket, and a proof, either of which may be empty."""

    ticket: str
    proof: str


class Tickets:
    """Issues and checks tickets.

    Args:
        key: what they are sealed with.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._used: OrderedDict[str, None] = OrderedDict()

    def issue(self, number: str, now: float) -> str:
        """Return a new ticket for a number, at an instant in seconds."""
        head = f"{int(now * 1_000)}.{secrets.token_hex(8)}"
        return f"{head}.{self._seal(number, head)}"

    def remaining(self, claim: Claim, number: str, now: float) -> float | None:
        """Return for how many seconds to wait yet; 0: the claim is good; None: it is none, a new ticket is needed."""
        match = _FORM.fullmatch(claim.ticket)
        if match is None or match[2] in self._used:
            return None
        if not hmac.compare_digest(self._seal(number, f"{match[1]}.{match[2]}"), match[3]):
            return None
        age = now - int(match[1]) / 1_000
        if not 0 <= age <= _LIFE:
            return None
        return 0.0 if proven(claim) else max(0.0, WAIT - age)

    def use(self, claim: Claim) -> None:
        """Let a ticket count no more."""
        self._used[claim.ticket.split(".")[1]] = None
        if len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)

    def _seal(self, number: str, head: str) -> str:
        return hmac.digest(self._key, f"{number}|{head}".encode(), hashlib.sha256).hex()


def proven(claim: Claim) -> bool:
    """Say whether work was done for a ticket."""
    if not _PROOF.fullmatch(claim.proof):
        return False
    digest = hashlib.sha256(f"{claim.ticket}.{claim.proof}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - BITS) == 0
