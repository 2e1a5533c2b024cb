"""What an inbound text says, as well as it can be read: nothing that a subscriber sends is refused for its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.reading import UDHI
from gateway.smpp.text import TextError, alphabet_of, decode_text
from gateway.smpp.udh import split_udh

if TYPE_CHECKING:
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
    octets = text.octets
    try:
        if text.esm_class & UDHI:
            octets = split_udh(octets)[1]
        return decode_text(octets, alphabet_of(text.data_coding, means, octets))
    except TextError:
        return octets.decode("latin-1")
