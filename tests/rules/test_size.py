"""How much there is, or may be, in rows and in octets: either bound holds by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.size import NOTHING, Size

SIZES = st.builds(Size, st.integers(0, 9), st.integers(0, 9))


@pytest.mark.parametrize(
    ("size", "room", "beside", "fits"),
    [
        (Size(1, 5), Size(2, 10), Size(1, 5), True),
        (Size(2, 5), Size(2, 10), Size(1, 5), False),
        (Size(1, 6), Size(2, 10), Size(1, 5), False),
    ],
)
def test_fits(size, room, beside, fits):
    """It fits where there is room for the rows, and for the octets."""
    assert size.fits(room, beside) is fits


@pytest.mark.parametrize(("size", "room"), [(Size(1, 1), True), (Size(0, 5), False), (Size(5, 0), False)])
def test_is_room(size, room):
    """Room without rows, or without octets, is none."""
    assert bool(size) is room


@given(SIZES, SIZES, st.integers(1, 4))
def test_never_more(one, other, count):
    """What is left, and a share, is never more than there was; what reaches a limit leaves no room in it."""
    assert one.less(other).fits(one, NOTHING)
    assert Size(count * one.share(count).rows, count * one.share(count).octets).fits(one, NOTHING)
    assert one.reaches(other) is not bool(other.less(one))
    assert one.fits(one.at_least(other), NOTHING)
    assert other.fits(one.at_least(other), NOTHING)
