"""The user data header, and a part's place in a long message: written there, or in the sar_* parameters.

Sources: 3GPP TS 23.040 section 9.2.3.24, SMPP 3.4 sections 5.3.2.22 to 24.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.smpp.text import TextError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONCATENATION = {
    (0x00, 3): False,
    (0x08, 4): True,
    (0x00, 4): True,
}  # the last breaks the rules and is met in the wild
_SAR_MSG_REF_NUM, _SAR_TOTAL_SEGMENTS, _SAR_SEGMENT_SEQNUM = 0x020C, 0x020E, 0x020F


class Concatenation(NamedTuple):
    """One part's place in a long message: ``number`` of ``total``, from 1; ``wide`` references have 16 bits."""

    reference: int
    total: int
    number: int
    wide: bool

    @property
    def possible(self) -> bool:
        """Whether there can be such a part; others are ignored (TS 23.040 section 9.2.3.24.1)."""
        return 1 <= self.number <= self.total


def split_udh(octets: bytes) -> tuple[bytes, bytes]:
    """Cut octets that begin with a user data header into that header, its length octet included, and the rest.

    Raises:
        TextError: the header is longer than the octets, or its elements do not fill it exactly.
    """
    length = octets[0] + 1 if octets else 1
    if length > len(octets):
        raise TextError("the user data header is cut short")
    elements(octets[:length])
    return octets[:length], octets[length:]


def elements(header: bytes) -> list[tuple[int, bytes]]:
    """Return a user data header's information elements as (identifier, data), in wire order.

    Raises:
        TextError: the elements do not fill the header exactly, which voids it (TS 23.040 section 9.2.3.24).
    """
    found = []
    position = 1
    while position + 1 < len(header):
        end = position + 2 + header[position + 1]
        found.append((header[position], header[position + 2 : end]))
        position = end
    if position != len(header):
        raise TextError("the information elements do not fill the user data header")
    return found


def concatenation(header: bytes) -> Concatenation | None:
    """Return the place that ``header`` gives its part in a long message: the last valid element's, or None.

    Raises:
        TextError: as :func:`elements`.
    """
    place = None
    for identifier, data in elements(header):
        wide = _CONCATENATION.get((identifier, len(data)))
        if wide is not None:
            candidate = Concatenation(int.from_bytes(data[:-2], "big"), data[-2], data[-1], wide)
            place = candidate if candidate.possible else place
    return place


def place_element(part: Concatenation) -> bytes:
    """Write the information element that gives ``part`` its place: 5 octets, or 6 with a wide reference.

    Raises:
        ValueError: the reference, the total or the number does not fit its octets.
    """
    if part.wide:
        return bytes((0x08, 4, part.reference >> 8, part.reference & 0xFF, part.total, part.number))
    return bytes((0x00, 3, part.reference, part.total, part.number))


def sar_parameters(part: Concatenation) -> tuple[tuple[int, bytes], ...]:
    """Write the sar_* parameters (tag, value) that give ``part`` its place.

    Raises:
        OverflowError: the reference, the total or the number does not fit its octets.
    """
    return (
        (_SAR_MSG_REF_NUM, part.reference.to_bytes(2, "big")),
        (_SAR_TOTAL_SEGMENTS, part.total.to_bytes(1, "big")),
        (_SAR_SEGMENT_SEQNUM, part.number.to_bytes(1, "big")),
    )


def sar_concatenation(tlvs: Sequence[tuple[int, bytes]]) -> Concatenation | None:
    """Return the place that the sar_* parameters among ``tlvs`` (tag, value) give a part; all three, or None."""
    values = {
        tag: int.from_bytes(value, "big")
        for tag, value in reversed(tlvs)
        if _SAR_MSG_REF_NUM <= tag <= _SAR_SEGMENT_SEQNUM
    }
    try:
        part = Concatenation(values[_SAR_MSG_REF_NUM], values[_SAR_TOTAL_SEGMENTS], values[_SAR_SEGMENT_SEQNUM], True)
    except KeyError:
        return None
    return part if part.possible else None
