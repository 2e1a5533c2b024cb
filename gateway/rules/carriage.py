"""How a message of several segments travels: what each says of its place, and what else its header repeats.

Operators differ (``operators.X.long_messages``): a user data header with a reference of 8 or of 16 bits, the sar_*
parameters, or all in one message_payload that the operator cuts itself. What has a header of its own, for ports or for
national tables say, needs one in every segment, so it travels with a header wherever else sar_* or a payload would do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.segment import octets_of
from gateway.smpp.national import National
from gateway.smpp.text import Alphabet, data_coding_of
from gateway.smpp.udh import Concatenation, place_element, sar_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.rules.segment import Charset


class Long(StrEnum):
    """How the parts of a long message say that they belong together."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"


# Who writes the header of what has sar_* parameters may choose a reference of 16 bits, and so we leave room for it; who
# cuts a payload takes one of 8 bits.
_PLACE = {Long.UDH8: 5, Long.UDH16: 6, Long.SAR: 6, Long.PAYLOAD: 5}  # octets in the header
_WITH_HEADER = {Long.SAR: Long.UDH16, Long.PAYLOAD: Long.UDH8}
_NARROW, _WIDE = 0xFF, 0xFFFF


class Encoded(NamedTuple):
    """One segment as it goes into a PDU.

    ``udhi``: its octets begin with a user data header, and esm_class says so; ``tlvs``: the sar_* ones, where the place
    in the message is written there; ``payload``: a whole message, which has to travel in message_payload.
    """

    octets: bytes
    data_coding: int
    udhi: bool
    tlvs: tuple[tuple[int, bytes], ...] = ()
    payload: bool = False


class Form(NamedTuple):
    """How an operator wants long messages, and the information ``elements`` that every segment repeats."""

    long: Long = Long.UDH8
    elements: bytes = b""

    @property
    def alone(self) -> int:
        """Octets of the header of a segment that is all of its message, national tables apart."""
        return 1 + len(self.elements) if self.elements else 0

    @property
    def each(self) -> int:
        """Octets of the header of each of several segments, or of what the operator makes of them."""
        return 1 + len(self.elements) + _PLACE[self.long]

    def encode(self, segments: Sequence[str], charset: Charset, reference: int = 0) -> list[Encoded]:
        """Write the segments of one message.

        Args:
            segments: as :func:`gateway.rules.segment.split` cut them.
            charset: what they are written in.
            reference: 0 to 65535; where it has 8 bits, the lower ones count.

        Raises:
            TextError: the alphabet lacks a character.
            ValueError: more than 255 segments.
        """
        tables = charset.elements if isinstance(charset, National) else b""
        repeated, total = self.elements + tables, len(segments)
        coding = data_coding_of(Alphabet.GSM7 if isinstance(charset, National) else charset)
        if total == 1:
            header = _header(repeated)
            return [Encoded(header + octets_of(segments[0], charset), coding, bool(header))]
        long = _WITH_HEADER.get(self.long, self.long) if repeated else self.long
        if long is Long.PAYLOAD:
            return [Encoded(octets_of("".join(segments), charset), coding, udhi=False, payload=True)]
        wide = long is not Long.UDH8
        reference &= _WIDE if wide else _NARROW
        places = [Concatenation(reference, total, number, wide) for number in range(1, total + 1)]
        if long is Long.SAR:
            return [
                Encoded(octets_of(segment, charset), coding, False, sar_parameters(place))
                for segment, place in zip(segments, places, strict=True)
            ]
        return [
            Encoded(_header(place_element(place) + repeated) + octets_of(segment, charset), coding, udhi=True)
            for segment, place in zip(segments, places, strict=True)
        ]


def _header(elements: bytes) -> bytes:
    return bytes((len(elements),)) + elements if elements else b""
