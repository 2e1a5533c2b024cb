"""Passwords: each is checked once, few at a time, and whoever hangs up leaves nothing behind."""

import threading

import argon2
import pytest
import trio

from gateway.binds import passwords
from gateway.binds.passwords import Passwords

PATIENCE = 60.0  # an upper bound: what is waited for mostly comes within milliseconds
HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = HASHER.hash("secret")


class Gate:
    """Holds every check of a hash until it is opened, and counts them."""

    def __init__(self, verify):
        self._verify = verify
        self._open = threading.Event()
        self._lock = threading.Lock()
        self.begun = self.running = self.most = 0

    def __call__(self, hasher, expected, given):
        """Stand in for `PasswordHasher.verify`."""
        with self._lock:
            self.begun += 1
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            assert self._open.wait(PATIENCE)
            return self._verify(hasher, expected, given)
        finally:
            with self._lock:
                self.running -= 1

    def open(self):
        """Let every check go on."""
        self._open.set()


@pytest.fixture
def gate(monkeypatch):
    """Put a gate before every check of a hash."""
    gate = Gate(argon2.PasswordHasher.verify)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *args: gate(*args))  # noqa: PLW0108 (only a function becomes a method)
    yield gate
    gate.open()


async def begun(gate, count):
    """Wait until as many checks have begun."""
    with trio.fail_after(PATIENCE):
        while gate.begun < count:  # noqa: ASYNC110 (a thread tells nobody)
            await trio.sleep(0.002)


async def asked(nursery, ask, *calls):
    """Start all ``calls`` of ``ask`` and wait until each is waiting; returns where their answers will be."""
    answers = []

    async def one(args):
        answers.append(await ask(*args))

    for args in calls:
        nursery.start_soon(one, args)
    await trio.testing.wait_all_tasks_blocked()
    return answers


@pytest.mark.parametrize("expected", ["secret", HASH], ids=["clear", "hashed"])
@pytest.mark.parametrize("given", ["secret", "wrong", "", "\xe9\xff"])
async def test_right_and_wrong(expected, given):
    """The right password is right, as often as it is asked for, and every other is wrong."""
    known = Passwords()
    assert [await known.check(expected, given) for _ in range(3)] == [given == "secret"] * 3


@pytest.mark.parametrize("given", ["secret", "wrong"])
async def test_one_password_asked_for_at_once(nursery, gate, given):
    """200 binds with one password at once cost one check, whether it is right or not."""
    answers = await asked(nursery, Passwords().check, *[(HASH, given)] * 200)
    await begun(gate, 1)
    gate.open()
    with trio.fail_after(PATIENCE):
        while len(answers) < 200:  # noqa: ASYNC110 (they come when they come)
            await trio.sleep(0.002)
    assert answers == [given == "secret"] * 200
    assert gate.begun == 1


async def test_two_at_a_time(nursery, gate):
    """Different passwords are checked two at a time."""
    answers = await asked(nursery, Passwords().check, *[(HASH, f"wrong {number}") for number in range(20)])
    await begun(gate, 2)
    gate.open()
    with trio.fail_after(PATIENCE):
        while len(answers) < 20:  # noqa: ASYNC110 (they come when they come)
            await trio.sleep(0.002)
    assert (gate.begun, gate.most, set(answers)) == (20, 2, {False})


async def test_verified_ones_wait_for_nobody(nursery, gate):
    """A password that was right before is right at once, while others wait for their checks."""
    known, other = Passwords(), HASHER.hash("other")
    gate.open()
    assert await known.check(HASH, "secret")
    gate._open.clear()
    await asked(nursery, known.check, *[(other, f"wrong {number}") for number in range(5)])
    with trio.fail_after(PATIENCE):
        assert await known.check(HASH, "secret")
    gate.open()


async def test_wrong_ones_are_checked_again(gate):
    """A wrong password is not remembered: it costs a check each time it comes."""
    known = Passwords()
    gate.open()
    assert not await known.check(HASH, "wrong")
    assert not await known.check(HASH, "wrong")
    assert gate.begun == 2


async def test_first_one_hangs_up(nursery, gate):
    """When the bind that waits for its check is cancelled, another with the same password is checked in its place."""
    known = Passwords()
    before = await asked(nursery, known.check, (HASH, "wrong 1"), (HASH, "wrong 2"))
    await begun(gate, 2)  # no thread is left
    with trio.CancelScope() as first:
        async with trio.open_nursery() as waiting:
            await asked(waiting, known.check, (HASH, "secret"))
            answers = await asked(nursery, known.check, (HASH, "secret"))
            first.cancel()
    gate.open()
    with trio.fail_after(PATIENCE):
        while len(before + answers) < 3:  # noqa: ASYNC110 (they come when they come)
            await trio.sleep(0.002)
    assert (before, answers) == ([False, False], [True])
    assert known._under_way == {}


async def test_unwanted_by_the_time_it_is_their_turn(nursery, gate):
    """Whoever is not wanted any more when a thread is free costs no check; another with the same password has his."""
    known, banned = Passwords(), []
    await asked(nursery, known.check, (HASH, "wrong 1"), (HASH, "wrong 2"))
    await begun(gate, 2)  # no thread is left
    answers = await asked(
        nursery, known.check, (HASH, "secret", lambda: not banned), (HASH, "wrong 3", lambda: not banned)
    )
    others = await asked(nursery, known.check, (HASH, "secret"))
    banned.append("address")
    gate.open()
    with trio.fail_after(PATIENCE):
        while len(answers + others) < 3:  # noqa: ASYNC110 (they come when they come)
            await trio.sleep(0.002)
    assert (answers, others) == ([False, False], [True])
    assert gate.begun == 3


async def test_memory_is_bounded(monkeypatch):
    """Only so many verified passwords are remembered, the oldest is forgotten first."""
    monkeypatch.setattr(passwords, "_REMEMBERED", 3)
    known = Passwords()
    hashes = [HASHER.hash("secret") for _ in range(5)]
    for each in hashes:
        assert await known.check(each, "secret")
    assert list(known._verified) == [known._digest(f"{each}\0secret") for each in hashes[2:]]
