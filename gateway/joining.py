"""Long texts to a short code: parts wait for each other, in any order, and are read as the one text that they are.

Each part is kept, and answered, as it comes, and copied to the accounts as it is. What is not complete in time is read
as far as it goes: half a STOP is still somebody who has had enough. A part that says something else in a place that is
taken begins another text; the older one is read then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.heard import Heard
from gateway.homeward import Address, Text
from gateway.rules.inbound import Octets, decide, joined
from gateway.rules.number import canonical
from gateway.ruleset import codes, meanings
from gateway.smpp.text import USUAL
from gateway.store import inbound
from gateway.store.inbound import Key, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.config import Config
    from gateway.opt_out import Heeded, OptOuts
    from gateway.smpp.udh import Concatenation
    from gateway.store.base import Tx

_Parts = dict[int, Part]  # by their place


class Joining:
    """Hears texts, long ones when they are complete.

    Args:
        config: short codes, operators, and how long parts wait.
        opt_outs: what a text leads to.
    """

    def __init__(self, config: Config, opt_outs: OptOuts) -> None:
        self._opt_outs = opt_outs
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._patience = int(config.delivery.held_parts * 1_000)
        self._codes = frozenset(codes(config))
        self._means = {name: meanings(operator) for name, operator in config.operators.items()}

    def hear(self, tx: Tx, heard: Sequence[Heard]) -> Heeded:
        """Act on texts, and on the parts of long ones: keep them, and act on each text that is complete now."""
        keys = {_key(each, each.part) for each in heard if each.part}
        if not keys:
            return self._opt_outs.hear(tx, heard)
        waiting = inbound.find(tx, keys)
        stored = set(waiting)
        complete = []
        for each in heard:
            complete.append(each)
            if each.part:
                complete += self._take(tx, waiting, (each, each.part))
        inbound.remove(tx, stored)
        inbound.add(tx, [part for parts in waiting.values() for part in parts.values()])
        return self._opt_outs.hear(tx, complete)

    def _take(self, tx: Tx, waiting: dict[Key, _Parts], item: tuple[Heard, Concatenation]) -> list[Heard]:
        """Put a part to the others; returns the texts that are to be read now."""
        part = _part(*item, tx.now + self._patience)
        parts = waiting.setdefault(part.key, {})
        there = parts.get(part.place)
        ready = []
        if there and there[7:] != part[7:]:  # another text under the same reference
            ready.append(self._whole(parts.values()))
            parts.clear()
        first = next(iter(parts.values()), part)
        parts.setdefault(part.place, part._replace(until=first.until))
        if len(parts) == part.key.total:
            ready.append(self._whole(waiting.pop(part.key).values()))
        return ready

    def overdue(self, tx: Tx, limit: int) -> Heeded:
        """Read up to ``limit`` texts of which parts have not come in time."""
        keys = inbound.overdue(tx, limit)
        tx.lock({key.number for key in keys})
        found = inbound.find(tx, keys)  # as it is now: parts may have come meanwhile
        inbound.remove(tx, found)
        return self._opt_outs.hear(tx, [self._whole(parts.values()) for parts in found.values()])

    def _whole(self, parts: Iterable[Part]) -> Heard:
        """Return the text that parts make, as far as it goes; the accounts have had it, part by part."""
        ordered = sorted(parts)
        first = ordered[0]
        means = self._means.get(first.operator, USUAL)
        octets, said = joined([Octets(each.octets, each.data_coding, each.esm_class) for each in ordered], means)
        source = Address(first.source_ton, first.source_npi, first.source_addr)
        code = Address(first.dest_ton, first.dest_npi, first.key.code)
        return Heard(
            number=canonical(first.key.number),
            code=first.key.code,
            source="sms",
            decision=decide(octets, said, self._codes),
            operator=first.operator,
            text=Text(source, code, octets.esm_class, octets.data_coding, octets.octets),
            copied=False,
        )


def _key(heard: Heard, place: Concatenation) -> Key:
    return Key(heard.number.key, heard.code, int(place.wide), place.reference, place.total)


def _part(heard: Heard, place: Concatenation, until: int) -> Part:
    text = heard.text
    if text is None:
        raise ValueError("a part is a text")
    source, code = text.source, text.destination
    return Part(
        _key(heard, place),
        place.number,
        until,
        heard.operator,
        source.ton,
        source.npi,
        source.addr,
        code.ton,
        code.npi,
        text.esm_class,
        text.data_coding,
        text.octets,
    )
