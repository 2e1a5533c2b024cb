"""Cutting a stream of octets into frames."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp import pdu as smpp
from gateway.smpp.frame import FrameError, Frames
from gateway.smpp.status import ESME_RINVCMDLEN

ENQUIRE_LINK = smpp.header(0, smpp.ENQUIRE_LINK, 0, 7)

bodies = st.lists(st.binary(max_size=40), max_size=6)


def framed(body):
    """Put a header before a body."""
    return smpp.header(len(body), smpp.SUBMIT_SM, 0, 1) + body


@given(bodies, st.data())
def test_frames_do_not_depend_on_the_cuts(contents, data):
    """However the network cuts a stream, the same frames come out, in order."""
    expected = [framed(body) for body in contents]
    stream = b"".join(expected)
    cuts = {0, *data.draw(st.sets(st.integers(0, len(stream)))), len(stream)}
    frames = Frames()
    found = []
    for start, end in pairwise(sorted(cuts)):
        frames.feed(stream[start:end])
        found += frames
    assert found == expected
    assert frames.buffered == 0


def test_a_frame_waits_for_its_last_octet():
    """Nothing comes out before the last octet of a frame is in."""
    frames = Frames()
    for octet in ENQUIRE_LINK[:-1]:
        frames.feed(bytes([octet]))
        assert frames.next() is None
    frames.feed(ENQUIRE_LINK[-1:])
    assert frames.next() == ENQUIRE_LINK


def test_frames_come_one_at_a_time():
    """What the caller does not take stays buffered, in order."""
    frames = Frames()
    frames.feed(ENQUIRE_LINK * 3 + b"\0\0")
    assert frames.next() == ENQUIRE_LINK
    assert frames.buffered == 34
    assert list(frames) == [ENQUIRE_LINK] * 2
    assert frames.buffered == 2


@pytest.mark.parametrize("length", [0, 4, 15, 101, 0x7FFFFFFF, 0xFFFFFFFF])
def test_impossible_length_ends_the_stream(length):
    """A length below the header's or above the limit raises, with the sequence_number of the PDU, and does so again."""
    frames = Frames(limit=100)
    frames.feed(length.to_bytes(4, "big") + ENQUIRE_LINK[4:])
    for _ in range(2):
        with pytest.raises(FrameError) as raised:
            frames.next()
        assert (raised.value.status, raised.value.sequence) == (ESME_RINVCMDLEN, 7)


def test_impossible_length_is_not_waited_for():
    """A length that cannot be raises as soon as it is in, with sequence 0 while the rest of the header is missing."""
    frames = Frames()
    frames.feed(b"GET / HTTP/1.1"[:4])
    with pytest.raises(FrameError) as raised:
        frames.next()
    assert raised.value.sequence == 0


def test_frames_before_an_impossible_length_come_out():
    """Whole frames before an impossible length are taken out first."""
    frames = Frames()
    frames.feed(ENQUIRE_LINK + bytes(16))
    assert frames.next() == ENQUIRE_LINK
    with pytest.raises(FrameError):
        frames.next()


@pytest.mark.parametrize("length", [16, 100])
def test_limits_are_possible(length):
    """A bare header and a frame of exactly the limit are frames."""
    frames = Frames(limit=100)
    frame = framed(bytes(length - 16))
    frames.feed(frame)
    assert frames.next() == frame


def test_nothing_is_set_aside_for_a_claimed_length():
    """A header that claims the longest frame occupies only the octets that came."""
    frames = Frames()
    frames.feed((70_000).to_bytes(4, "big"))
    assert frames.next() is None
    assert frames.buffered == 4
    assert frames._octets.__sizeof__() < 200


@given(st.lists(st.binary(max_size=40)))
def test_noise_raises_nothing_else(chunks):
    """Octets at random give frames of the length that they claim, or FrameError."""
    frames = Frames()
    try:
        for chunk in chunks:
            frames.feed(chunk)
            assert all(len(frame) == int.from_bytes(frame[:4], "big") for frame in frames)
    except FrameError as error:
        assert error.status == ESME_RINVCMDLEN  # noqa: PT017 (noise may as well raise nothing)
