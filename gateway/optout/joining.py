"""Long texts to a short code: parts wait for each other, in any order, and are read as the one text that they are.

Each part is kept, and answered, as it comes, and copied to the accounts as it is. What is not complete in time is read
as far as it goes: half a STOP is still somebody who has had enough. A part that says something else in a place that is
taken begins another text; the older one is read then.

A part that comes again, before or after its text was read, is answered, and that is all (:mod:`gateway.optout.parts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.homeward import Address, Text
from gateway.optout.heard import Heard
from gateway.optout.parts import Bundles, place_of
from gateway.rules.inbound import Octets, decide, joined
from gateway.rules.keyword import Decision
from gateway.rules.ladder import Reading, Rule
from gateway.rules.number import canonical
from gateway.ruleset import codes, meanings
from gateway.smpp.text import USUAL
from gateway.store import inbound
from gateway.store.inbound import Key, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.config.models import Config
    from gateway.optout.effect import Heeded, OptOuts
    from gateway.smpp.udh import Concatenation
    from gateway.store.base import Tx


_CHANGING = (Reading.OPT_OUT, Reading.OPT_IN)


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
        bundles = Bundles(tx, keys)
        complete: list[Heard] = []
        for each in heard:
            complete += self._take(bundles, each, each.part) if each.part else [_noted(bundles, each)]
        bundles.write()
        return self._opt_outs.hear(tx, complete)

    def _take(self, bundles: Bundles, heard: Heard, place: Concatenation) -> list[Heard]:
        """Put a part to the others; returns what is heard now: the part, and each text that is to be read."""
        taken = bundles.take(_part(heard, place, bundles.now + self._patience))
        here = heard if taken.copies else heard._replace(copied=False)
        before = [_again(each) for each in taken.copies[:-1]]  # the last one is the part itself
        texts = [_noted(bundles, self._whole(parts), parts) for parts in taken.texts]
        return [*before, here, *texts]

    def overdue(self, tx: Tx, limit: int) -> Heeded:
        """Read up to ``limit`` texts of which parts have not come in time."""
        keys = inbound.overdue(tx, limit)
        tx.lock({key.number for key in keys})
        bundles = Bundles(tx, keys)  # as they are now: parts may have come meanwhile
        heard: list[Heard] = []
        for given_up in bundles.give_up():
            heard += [*map(_again, given_up.copies), *map(self._whole, given_up.texts)]
        bundles.write()
        return self._opt_outs.hear(tx, heard)

    def _whole(self, parts: Sequence[Part]) -> Heard:
        """Return the text that parts make, as far as it goes; the accounts have had it, part by part."""
        first = parts[0]
        means = self._means.get(first.operator, USUAL)
        octets, said = joined([Octets(each.octets, each.data_coding, each.esm_class) for each in parts], means)
        text = _text(first)._replace(esm_class=octets.esm_class, data_coding=octets.data_coding, octets=octets.octets)
        decision = decide(octets, said, self._codes)
        return _heard(first, decision, text)._replace(copied=False)


def _noted(bundles: Bundles, heard: Heard, parts: Sequence[Part] = ()) -> Heard:
    """Let it be known for parts that come again, if a text may change what they mean; returns the text."""
    if heard.decision.reading in _CHANGING:
        bundles.change(heard.number.key, parts)
    return heard


def _heard(part: Part, decision: Decision, text: Text) -> Heard:
    return Heard(canonical(part.key.number), part.key.code, "sms", decision, part.operator, text)


def _again(part: Part) -> Heard:
    """Return a part that was kept as what was heard when it came."""
    return _heard(part, Decision(Reading.NONE, Rule.PART, ""), _text(part))._replace(part=place_of(part))


def _text(part: Part) -> Text:
    source = Address(part.source_ton, part.source_npi, part.source_addr)
    code = Address(part.dest_ton, part.dest_npi, part.key.code)
    return Text(source, code, part.esm_class, part.data_coding, part.octets)


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
