"""Messages that apps cut themselves: which parts belong together, and the whole that they make.

A part waits, durably, until all parts of its message are here, in any order and over whatever sessions of the account.
Apps use references again while an older message is incomplete, and send parts twice; so several bundles may wait under
one key. A part that says what one of a bundle says in the same place is that part again, and shares its fate. Any other
goes to a bundle that lacks it: preferably one in the same data_coding, then one that came over the same session (apps
count references in each of their workers), then the oldest. Else it begins a new bundle. All parts of a bundle have the
time that its first one has.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gateway.homeward import wants_receipt
from gateway.smpp import pdu as smpp
from gateway.store import held
from gateway.store.held import Key, Part
from gateway.submissions import submission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.rules.reading import Piece
    from gateway.smpp.pdu import Pdu
    from gateway.smpp.udh import Concatenation
    from gateway.store.base import Tx
    from gateway.submissions.submission import Submitted


_MOST_WAITING = 500  # parts under one key: each of them is looked at for each that comes


class Bundle:
    """Parts that are taken for one message: ``parts`` by their place, and those that came ``again``."""

    def __init__(self, total: int) -> None:
        self._total = total
        self.parts: dict[int, Part] = {}
        self.again: list[Part] = []

    def add(self, part: Part) -> None:
        """Take a part in."""
        if part.place in self.parts:
            self.again.append(part)
        else:
            self.parts[part.place] = part

    @property
    def complete(self) -> bool:
        """Whether all parts are here."""
        return len(self.parts) == self._total

    @property
    def everything(self) -> list[Part]:
        """All parts, in order, and then those that came again."""
        return [part for _, part in sorted(self.parts.items())] + self.again

    def came_by(self, origin: int) -> bool:
        """Say whether a part of it came over this session."""
        return any(part.origin == origin for part in self.everything)

    @property
    def joined(self) -> int:
        """The message that stands for all: one that wants a receipt, if any does, for then the operator is asked."""
        return next((part.id for part in self.everything if wants_receipt(_registered(part))), self.parts[1].id)

    def whole(self, item: Submitted) -> Submitted:
        """Return the message, as if ``item``, which completed it, had been all of it: with the first part's fields."""
        parts = self.everything[: self._total]
        first = _pdu(parts[0].body)
        [standing] = [part for part in self.everything if part.id == self.joined]
        return item._replace(
            pdu=first,
            fields=first.fields | {"registered_delivery": _registered(standing)},
            submission=item.submission._replace(pieces=tuple(_piece(part) for part in parts)),
            due=parts[0].due,
            expires=parts[0].expires,
        )


class Bundles:
    """The bundles that a transaction's submissions are about.

    Args:
        tx: the transaction.
        items: its submissions.
        patience: milliseconds that a bundle's first part waits for the others.
    """

    def __init__(self, tx: Tx, items: Iterable[Submitted], patience: int) -> None:
        self._tx = tx
        self._patience = patience
        keys = {_key(item, place) for item in items if (place := item.place)}
        waiting = held.find(tx, keys) if keys else {}
        self._waiting = {key: _bundles(parts) for key, parts in waiting.items()}
        self._stored = {part.id for parts in waiting.values() for part in parts}
        self._new: dict[int, Part] = {}

    def has_room(self, item: Submitted, place: Concatenation) -> bool:
        """Say whether a part may come in: not if too many wait under its key, and none of their messages lacks it."""
        bundles = self._waiting.get(_key(item, place), [])
        lacking = any(place.number not in each.parts for each in bundles)
        return lacking or sum(len(each.everything) for each in bundles) < _MOST_WAITING

    def take(self, item: Submitted, place: Concatenation, identifier: int) -> Bundle:
        """Add the part that ``item`` is to its bundle, and return that; one that it completes waits no longer."""
        key = _key(item, place)
        part = Part(identifier, 0, key, place.number, 0, item.due, item.expires, _body(item), id(item.link))
        bundles = self._waiting.setdefault(key, [])
        bundle = _same(bundles, part) or _lacking(bundles, part)
        if bundle is None:
            bundle = Bundle(key.total)
            bundles.append(bundle)
            part = part._replace(bundle=identifier, until=min(self._tx.now + self._patience, item.expires))
        else:
            first = bundle.everything[0]
            part = part._replace(bundle=first.bundle, until=first.until)
        bundle.add(part)
        self._new[identifier] = part
        if bundle.complete:
            bundles.remove(bundle)
        return bundle

    def write(self) -> None:
        """Keep what waits from now on, and let go of what does not any more."""
        waiting = {part.id for bundles in self._waiting.values() for each in bundles for part in each.everything}
        held.add(self._tx, [part for identifier, part in self._new.items() if identifier in waiting])
        held.remove(self._tx, self._stored - waiting)


def _bundles(parts: list[Part]) -> list[Bundle]:
    """Return the bundles of parts under one key, the oldest first."""
    found: dict[int, Bundle] = {}
    for part in parts:
        found.setdefault(part.bundle, Bundle(part.key.total)).add(part)
    return list(found.values())


def _key(item: Submitted, place: Concatenation) -> Key:
    return Key(
        item.customer.name,
        item.submission.destination.key,
        item.fields["source_addr"],
        int(place.wide),
        place.reference,
        place.total,
    )


def _body(item: Submitted) -> bytes:
    """Return a part as a submit_sm, whichever request it came in."""
    return smpp.encode_body(smpp.SUBMIT_SM, item.fields, item.pdu.tlvs)


@lru_cache(maxsize=1_024)
def _pdu(body: bytes) -> Pdu:
    """Read a part; several questions are asked about each."""
    return submission.reread(body)


def _piece(part: Part) -> Piece:
    pdu = _pdu(part.body)
    return submission.piece(pdu, pdu.fields)


def _registered(part: Part) -> int:
    return int(_pdu(part.body).fields["registered_delivery"])


def _same(bundles: list[Bundle], part: Part) -> Bundle | None:
    """Return the bundle that has this very part already."""
    there = [(each, each.parts[part.place]) for each in bundles if part.place in each.parts]
    return next((bundle for bundle, other in there if _piece(other) == _piece(part)), None)


def _lacking(bundles: list[Bundle], part: Part) -> Bundle | None:
    """Return the bundle that this part goes to, if there is one that lacks it."""
    lacking = [each for each in bundles if part.place not in each.parts]
    if len(lacking) > 1:
        coding = _piece(part).data_coding
        lacking.sort(key=lambda each: (_piece(each.everything[0]).data_coding != coding, not each.came_by(part.origin)))
    return next(iter(lacking), None)
