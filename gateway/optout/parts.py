"""Which parts of long texts to a code belong together, and which of them were here before.

An operator that did not get our answer hands a part over again: at once, or hours later, to this node or another. While
its text waits it is known by what it says in its place. Once the text was read it is known by a digest, and told from a
new text under the same reference (they come around, and some telephones have only one) by what comes with it. Parts
that were all read before are no text; with one among them that was not they are, and the accounts, who were not shown
them again, then get them all. One that came before a new text began, and belongs behind its beginning, is probably none
of its parts: it is left in place of what may yet come, and the text is not complete by it. Where it may mean something
else by now it is read a second time: STOP, START and the same STOP again are three texts, and a STOP after the
marketing of somebody else is about that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.smpp.udh import Concatenation
from gateway.store import contacts, evidence, inbound

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from gateway.store.base import Tx
    from gateway.store.inbound import Key, Part, Place

_Parts = dict[int, "Part"]  # by their place


class Taken(NamedTuple):
    """What a part led to, or that none has come in time: texts to be read, and parts that the accounts are to get.

    Texts have their parts in order. ``copies`` ends with the part itself; it is empty where that came again.
    """

    texts: list[list[Part]]
    copies: list[Part]


class Bundles:
    """One batch: the parts that wait under some keys, and what is known of those that were read.

    Args:
        tx: a transaction that holds the lock on the numbers.
        keys: the only keys that parts may come under.
    """

    def __init__(self, tx: Tx, keys: Collection[Key]) -> None:
        self._tx = tx
        self.now = tx.now
        self._waiting = inbound.find(tx, keys)
        self._stored = set(self._waiting)
        self._read = inbound.already_read(tx, keys)
        self._new: set[Place] = set()
        self._outdated: set[Place] = set()  # read before a change that is in no table yet

    def change(self, number: str, by: Iterable[Part] = ()) -> None:
        """Take note that a text of this batch may opt a number out, or in; ``by`` its parts."""
        before = {place for place in self._read if place[0].number == number}
        self._outdated = (self._outdated | before) - set(map(_place, by))

    def take(self, part: Part) -> Taken:
        """Put a part to the others of its text."""
        parts = self._waiting.setdefault(part.key, {})
        there, open_text = parts.get(part.place), self._has_news(parts.values())
        if there and (there.content == part.content or (open_text and self._was_read(part))):
            return Taken([], [])
        texts = []
        if there and open_text and there not in self._doubtful(parts):  # another text under the same reference
            texts.append(self._end(part.key))
            parts, open_text = self._waiting.setdefault(part.key, {}), False
        copies = [part] if open_text else self._begin(parts, part)
        parts[part.place] = part._replace(until=max(each.until for each in parts.values())) if open_text else part
        taken, whole = Taken(texts, copies), len(parts) == part.key.total and not self._doubtful(parts)
        return self._complete(taken, part) if whole else taken

    def _begin(self, parts: _Parts, part: Part) -> list[Part]:
        """Let all parts wait for as long as the last; returns what the accounts get now: nothing new, nothing."""
        for place, each in parts.items():
            parts[place] = each._replace(until=part.until, doubtful=int(place > part.place))
        before = {place: each for place, each in parts.items() if place < part.place}
        return [] if self._was_read(part) else _last(part, before)

    def _doubtful(self, parts: _Parts) -> list[Part]:
        """Return those of the parts that are probably none of their text."""
        news = self._has_news(parts.values())
        return [each for each in parts.values() if news and each.doubtful and self._was_read(each)]

    def _complete(self, taken: Taken, part: Part) -> Taken:
        """Read a text of which all parts are here, unless it is one that was read and nothing has changed since."""
        parts = self._waiting[part.key]
        if self._has_news(parts.values()):
            return taken._replace(texts=[*taken.texts, self._end(part.key)])
        if self._is_changed(part.key):
            return Taken([*taken.texts, self._end(part.key)], _last(part, parts))
        del self._waiting[part.key]
        return taken

    def give_up(self) -> list[Taken]:
        """Wait no longer for any part; returns the texts that are to be read, as far as they go."""
        found = [(key, self._doubtful(parts)) for key, parts in self._waiting.items() if self._has_news(parts.values())]
        given_up = [Taken([self._end(key)], doubtful) for key, doubtful in found]
        self._waiting.clear()
        return given_up

    def write(self) -> None:
        """Write what waits from now on, and what has been read."""
        inbound.remove(self._tx, self._stored)
        inbound.add(self._tx, [part for parts in self._waiting.values() for part in parts.values()])
        inbound.remember(self._tx, self._new)

    def _end(self, key: Key) -> list[Part]:
        """Take a text out to be read."""
        parts = self._waiting.pop(key)
        places = {_place(part) for part in parts.values()}
        self._read |= dict.fromkeys(places, self.now)
        self._new |= places
        self._outdated -= places
        return [parts[place] for place in sorted(parts)]

    def _was_read(self, part: Part) -> bool:
        return _place(part) in self._read

    def _has_news(self, parts: Iterable[Part]) -> bool:
        return not all(map(self._was_read, parts))

    def _is_changed(self, key: Key) -> bool:
        """Say whether the number has opted out, or in, or got marketing, since the parts under a key were last read.

        As one text, that is: some of them may have been read later, as parts of another one.
        """
        places = set(map(_place, self._waiting[key].values()))
        together = min(self._read[place] for place in places)
        return (
            not places.isdisjoint(self._outdated)
            or evidence.changed_since(self._tx, key.number, together)
            or contacts.sent_since(self._tx, key.number, together)
        )


def place_of(part: Part) -> Concatenation:
    """Return a part's place in its text."""
    key = part.key
    return Concatenation(key.reference, key.total, part.place, bool(key.wide))


def _last(part: Part, parts: _Parts) -> list[Part]:
    """Return all parts of a text, this one at the end."""
    return [*(parts[place] for place in sorted(parts) if place != part.place), part]


def _place(part: Part) -> Place:
    return part.key, part.place, part.digest
