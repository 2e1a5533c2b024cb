"""A stream of octets, cut into frames: one whole PDU each, however the network cut the stream.

The length of a frame is whatever its first four octets claim, so nothing is set aside for it before its octets have
come, and a claim that cannot be true ends the stream: nobody can say where the next PDU would begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.smpp.status import ESME_RINVCMDLEN

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = 4
_HEADER = 16
_SEQUENCE = slice(12, 16)


class FrameError(ValueError):
    """A command_length that no PDU can have; the session is to be ended.

    Attributes:
        status: for the generic_nack that may be sent before that.
        sequence: the PDU's sequence_number, 0 when its header had not come in whole.
    """

    def __init__(self, message: str, sequence: int) -> None:
        super().__init__(message)
        self.status = ESME_RINVCMDLEN
        self.sequence = sequence


class Frames:
    """Octets in, frames out.

    Args:
        limit: the longest frame taken, in octets. A PDU with the longest possible TLV needs less than the default.
    """

    def __init__(self, limit: int = 70_000) -> None:
        self._limit = limit
        self._octets = bytearray()

    @property
    def buffered(self) -> int:
        """How many octets wait, those of whole frames that nobody took included."""
        return len(self._octets)

    def feed(self, data: bytes) -> None:
        """Add octets as they came from the stream."""
        self._octets += data

    def next(self) -> bytes | None:
        """Take out the next whole frame, header included; None until more octets have come.

        Raises:
            FrameError: the length is below 16 or above the limit; so will every later call.
        """
        octets = self._octets
        if len(octets) < _LENGTH:
            return None
        length = int.from_bytes(octets[:_LENGTH], "big")
        if not _HEADER <= length <= self._limit:
            sequence = int.from_bytes(octets[_SEQUENCE], "big") if len(octets) >= _HEADER else 0
            raise FrameError(f"command_length {length} is not within {_HEADER} and {self._limit}", sequence)
        if len(octets) < length:
            return None
        frame = bytes(octets[:length])
        del octets[:length]
        return frame

    def __iter__(self) -> Iterator[bytes]:
        """Take out every whole frame, in order."""
        while (frame := self.next()) is not None:
            yield frame
