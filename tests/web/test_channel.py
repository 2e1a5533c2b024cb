"""Calls between two processes: answered in any order, and never left without an answer."""

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from gateway.store.base import StoreError, StoreFullError
from gateway.web.channel import Channel, ChannelError


@pytest.fixture
def ends(nursery):
    """Return a way to open a channel whose other end has these actions."""

    def ends(**actions):
        here, there = trio.testing.memory_stream_pair()
        one, other = Channel(here, {}), Channel(there, actions)
        nursery.start_soon(one.run)
        nursery.start_soon(other.run)
        one.stream, one.other_stream = here, there
        return one

    return ends


async def test_answers_come_in_their_own_time(ends):
    """A call that takes long holds no other one up, and each gets its own answer."""
    go = trio.Event()

    async def wait(word):
        await go.wait()
        return word

    async def double(number):
        go.set()
        return 2 * number

    channel, answers = ends(wait=wait, double=double), []

    async def ask(*call):
        answers.append(await channel.call(*call))

    with trio.fail_after(30):
        async with trio.open_nursery() as both:
            both.start_soon(ask, "wait", "first")
            await trio.testing.wait_all_tasks_blocked()
            both.start_soon(ask, "double", 21)
    assert sorted(map(str, answers)) == ["42", "first"]


async def test_large_frames(ends):
    """What is called with and what is answered may be of any length."""

    async def back(octets):
        return octets[::-1]

    octets = bytes(range(256)) * 20_000
    assert await ends(back=back).call("back", octets) == octets[::-1]


@pytest.mark.parametrize("error", [StoreError("no database"), StoreFullError("no room")])
async def test_errors_of_the_store(ends, error):
    """What the store says reaches who has called, as it was said, and nobody calls it a defect."""

    async def fail():
        raise error

    with capture_logs() as logged, pytest.raises(type(error), match=str(error)):
        await ends(fail=fail).call("fail")
    assert logged == []


async def test_defects(ends):
    """A defect, an action that there is not and a result that cannot be told end that call, and are logged."""

    async def fail():
        raise KeyError("x")

    async def secret():
        return lambda: None

    channel = ends(fail=fail, secret=secret)
    for name in ("fail", "secret", "nothing"):
        with capture_logs() as logged, pytest.raises(RuntimeError, match=name):
            await channel.call(name)
        assert [(each["event"], each["call"]) for each in logged] == [("web_call_failed", name)]


async def test_what_cannot_be_read(ends):
    """A call, or an answer, that this side cannot read, as after half an upgrade, ends that call and nothing else."""

    async def back(_):
        return Unknown()

    async def echo(word):
        return word

    channel = ends(back=back, echo=echo)
    for name, argument in (("echo", Unknown()), ("back", "x")):
        with capture_logs() as logged, pytest.raises(RuntimeError, match=f"{name}.*no such class"):
            await channel.call(name, argument)
        assert [(each["event"], each["call"]) for each in logged] == [("web_call_failed", name)]
    assert await channel.call("echo", "word") == "word"


class Unknown:
    """Something that one process has and the other one does not."""

    def __reduce__(self):
        return unknown, ()


def unknown():
    """Fail as the look-up of what is not there does."""
    raise AttributeError("no such class")


async def test_other_side_reads_no_more():
    """Whoever waits for somebody who reads nothing can be cancelled, and so can the channel, amid a large frame."""
    here, there = trio.testing.lockstep_stream_pair()
    channel = Channel(here, {})
    with trio.fail_after(30):
        async with trio.open_nursery() as both:
            both.start_soon(channel.run)
            both.start_soon(channel.call, "first", bytes(1 << 20))
            both.start_soon(channel.call, "second")
            await trio.testing.wait_all_tasks_blocked()
            both.cancel_scope.cancel()
    await there.aclose()


async def test_other_side_goes(ends):
    """Whoever waits when the other side goes is told so, and so is whoever calls later."""

    async def leave():
        await channel.other_stream.aclose()
        await trio.sleep_forever()

    channel = ends(leave=leave)
    with trio.fail_after(30):
        for _ in range(2):
            with pytest.raises(ChannelError):
                await channel.call("leave")


async def test_call_that_nobody_waits_for(ends):
    """A call whose caller has left is carried out, and its answer disturbs nobody."""
    done, go = [], trio.Event()

    async def act(number):
        await go.wait()
        done.append(number)
        return number

    channel = ends(act=act)
    async with trio.open_nursery() as leaving:
        leaving.start_soon(channel.call, "act", 1)
        await trio.testing.wait_all_tasks_blocked()
        leaving.cancel_scope.cancel()
    go.set()
    assert await channel.call("act", 2) == 2
    assert done == [1, 2]
