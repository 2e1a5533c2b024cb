"""How much there is of something that takes memory, or how much room for it: so many, and so many octets.

Either bound holds by itself: many small things cost by number, a few long ones by their octets.
"""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """So many rows, and so many octets of all their bodies; true where it is room for anything."""

    rows: int
    octets: int

    def __bool__(self) -> bool:
        return self.rows > 0 and self.octets > 0

    def fits(self, room: Size, beside: Size) -> bool:
        """Say whether it finds room beside what is there."""
        return self.rows + beside.rows <= room.rows and self.octets + beside.octets <= room.octets

    def reaches(self, limit: Size) -> bool:
        """Say whether it is as much as ``limit`` in either way."""
        return self.rows >= limit.rows or self.octets >= limit.octets

    def less(self, taken: Size) -> Size:
        """Return what is left of it."""
        return Size(max(0, self.rows - taken.rows), max(0, self.octets - taken.octets))

    def share(self, count: int) -> Size:
        """Return one of ``count`` equal shares, rounded down."""
        return Size(self.rows // count, self.octets // count)

    def at_least(self, other: Size) -> Size:
        """Return the greater of both, in either way."""
        return Size(max(self.rows, other.rows), max(self.octets, other.octets))


NOTHING = Size(0, 0)
