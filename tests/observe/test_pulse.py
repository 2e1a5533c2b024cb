"""Signs of life: who is late is complained of, who stays so is stuck, and systemd hears nothing until that ends."""

import trio
import trio.testing

from gateway.observe.pulse import PATIENCE, Pulse, Watchdog


class Told:
    """Counts what systemd is told."""

    def __init__(self):
        self.times = []

    def watchdog(self):
        """Note when."""
        self.times.append(trio.current_time())


def test_pulse_is_late_when_it_says_nothing_in_time():
    """A pulse is late once the time that it gave itself is over, and never while it has nothing to do."""

    async def play():
        pulse = Pulse()
        states = [pulse.late]
        pulse.beat(2.0)
        await trio.sleep(1.9)
        states.append(pulse.late)
        await trio.sleep(0.2)
        states.append(pulse.late)
        pulse.until(float("inf"))
        await trio.sleep(1_000)
        return [*states, pulse.late]

    assert trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0)) == [False, False, True, False]


async def test_systemd_hears_nothing_while_a_part_is_stuck(autojump_clock, nursery):
    """While all moves systemd hears of it in time; a part that is stuck silences us until it moves again."""
    complaints, told = [], Told()
    dog = Watchdog(lambda: complaints)
    nursery.start_soon(dog.run, told, 15.0)
    await trio.sleep(60.5)
    assert len(told.times) == 5
    complaints.append(("lane operator/orange", "its task does not wake up"))
    await trio.sleep(PATIENCE + 1.5)
    silent_since = len(told.times)
    assert dog.stuck == {"lane operator/orange": "its task does not wake up"}
    await trio.sleep(60)
    assert len(told.times) == silent_since
    complaints.clear()
    await trio.sleep(1.5)
    assert (dog.stuck, len(told.times)) == ({}, silent_since + 1)


async def test_complaints_that_change_are_progress(autojump_clock, nursery):
    """A part whose complaint changes moves, however slowly."""
    turn = 0

    def complaints():
        nonlocal turn
        turn += 1
        return [("store", f"{turn // 5} done")]

    dog = Watchdog(complaints)
    nursery.start_soon(dog.run, Told(), None)
    await trio.sleep(100)
    assert dog.stuck == {}


def test_who_was_stopped_himself_blames_nobody():
    """When the whole process stood still (SIGSTOP, a suspended machine), everybody gets his time anew."""
    dog = Watchdog(lambda: [("listener", "nobody is accepted")])
    dog.look(0.0)
    dog.look(100.0)
    assert dog.stuck == {}
    for second in range(101, 111):
        dog.look(float(second))
    assert dog.stuck == {"listener": "nobody is accepted"}
