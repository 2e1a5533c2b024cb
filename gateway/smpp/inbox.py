"""What a peer has sent and nobody has taken yet: frames, in order, and requests that are held back.

While the owner of a session owes too many responses, requests are held back here. What counts in no window (responses,
enquire_link) passes them: otherwise a peer would be called dead, or a message sent twice, because of answers that have
long arrived. When too much is held nothing passes any more, and the reader stops.
"""

from __future__ import annotations

from collections import deque

from gateway.smpp import pdu as smpp
from gateway.smpp.frame import Frames

_MOST_HELD = 16_384  # octets of requests, beside those that one more read brings


class Inbox:
    """Octets in; frames out, as far as they may be taken.

    Args:
        limit: the longest frame taken, in octets.
    """

    def __init__(self, limit: int) -> None:
        self._frames = Frames(limit)
        self._held: deque[bytes] = deque()
        self._octets = 0

    @property
    def full(self) -> bool:
        """Whether so much is held back that nothing passes any more."""
        return self._octets >= _MOST_HELD

    @property
    def buffered(self) -> int:
        """How many octets wait: never more than the most held, one PDU and one read."""
        return self._frames.buffered + self._octets

    def feed(self, data: bytes) -> None:
        """Add octets as they came from the stream."""
        self._frames.feed(data)

    def next(self, *, holding: bool) -> bytes | None:
        """Take out the next frame; None until there is one that may be taken.

        Args:
            holding: whether requests are to be held back.

        Raises:
            FrameError: a command_length that cannot be.
        """
        if self._held and not holding:
            frame = self._held.popleft()
            self._octets -= len(frame)
            return frame
        while not self.full:
            waiting = self._frames.next()
            if waiting is None or not holding or smpp.passes_windows(waiting):
                return waiting
            self._held.append(waiting)
            self._octets += len(waiting)
        return None
