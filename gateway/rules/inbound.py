"""What an inbound text says, as well as it can be read: nothing that a subscriber sends is refused for its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.rules import keyword
from gateway.rules.ladder import Reading
from gateway.rules.reading import UDHI
from gateway.smpp.national import decode_national, national_of
from gateway.smpp.text import Alphabet, TextError, alphabet_of, decode_text
from gateway.smpp.udh import elements, split_udh

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gateway.rules.keyword import Decision
    from gateway.smpp.text import Meanings


class Octets(NamedTuple):
    """The octets of a text, and the two fields that say how to read them (SMPP 3.4 sections 5.2.12 and 5.2.19)."""

    octets: bytes
    data_coding: int = 0
    esm_class: int = 0


def words(text: Octets, means: Meanings) -> str:
    """Return what a text says; octets that are no text by their data_coding are read as Latin-1.

    Args:
        text: as the operator delivered it.
        means: what that operator means by data_coding 0 and 3.
    """
    header, octets = _cut(text)
    try:
        alphabet = alphabet_of(text.data_coding, means, octets)
        national = national_of(elements(header)) if header else None
        if national is not None and alphabet is Alphabet.GSM7:
            return decode_national(octets, national)
        return decode_text(octets, alphabet)
    except TextError:
        return octets.decode("latin-1")


def joined(parts: Sequence[Octets], means: Meanings) -> tuple[Octets, str]:
    """Return the octets of parts as one text, without their headers, and what it says.

    Where all parts have one data_coding they are read together, for a character may have been cut; headers that name
    national tables, and parts that differ, are read one by one.
    """
    pieces = [_cut(part) for part in parts]
    whole = Octets(b"".join(octets for _, octets in pieces), parts[0].data_coding)
    if len({part.data_coding for part in parts}) == 1 and all(_is_plain(header) for header, _ in pieces):
        return whole, words(whole, means)
    return whole, "".join(words(part, means) for part in parts)


def decide(text: Octets, said: str, short_codes: Collection[str]) -> Decision:
    """Decide what a text asks for that says ``said``; what its data_coding makes nonsense of is read otherwise too.

    Some operators hand over UTF-8, letters of one octet as UCS-2, or UCS-2 with its octets the wrong way round. Another
    way to read it counts only where the announced one says nothing and the other does: no request is made of nonsense,
    and none is missed for a wrong field.
    """
    decision = keyword.read(said, short_codes)
    if decision.reading is not Reading.NONE:
        return decision
    others = (keyword.read(other, short_codes) for other in _otherwise(_cut(text)[1]))
    return next((other for other in others if other.reading is not Reading.NONE), decision)


def _otherwise(octets: bytes) -> Iterator[str]:
    """Yield what octets say in the encodings that are announced wrongly."""
    encodings = ["utf-8"] if len(octets) % 2 else ["utf-8", "utf-16-be", "utf-16-le"]
    for encoding in encodings:
        try:
            yield octets.decode(encoding)
        except UnicodeDecodeError:
            continue


def _is_plain(header: bytes) -> bool:
    try:
        return not header or national_of(elements(header)) is None
    except TextError:
        return True


def _cut(text: Octets) -> tuple[bytes, bytes]:
    """Cut off the header, if there is one that can be read."""
    if not text.esm_class & UDHI:
        return b"", text.octets
    try:
        return split_udh(text.octets)
    except TextError:
        return b"", text.octets
