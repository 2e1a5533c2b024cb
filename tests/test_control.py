"""The control socket: one request and one answer, for who may open the file, and nothing that a client does harms."""

import socket
import stat

import pytest
import trio
from structlog.testing import capture_logs

from gateway import control
from gateway.control import ControlError

PATIENCE = 60.0  # seconds for what comes within milliseconds where the machine is not busy


@pytest.fixture
def path(tmp_path):
    """Give a path that is longer than a socket's address may be."""
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    return folder / "control"


async def double(number):
    """Be an action."""
    if not isinstance(number, int):
        raise ControlError(f"{number} is no number; give one")
    return 2 * number


async def fail():
    """Be an action with a defect."""
    raise ZeroDivisionError


async def ask(path, command, **asked):
    """Ask from another thread, as another process would."""
    return await trio.to_thread.run_sync(lambda: control.ask(path, command, **asked))


@pytest.fixture
async def served(path, nursery, monkeypatch):
    """Serve two actions, to clients that may be held up."""
    monkeypatch.setattr(control, "_REQUEST_TIME", PATIENCE)
    with capture_logs() as events:
        await nursery.start(control.serve, path, {"double": double, "fail": fail})
        yield events


async def test_request(path, served):
    """A request is answered with what the action returns, and logged."""
    assert await ask(path, "double", number=21) == 42
    assert {"event": "control", "log_level": "info", "command": "double", "number": 21} in served


async def test_only_the_owner(path, served):
    """The socket's file is for its owner alone."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("command", "asked", "sentence"),
    [
        ("double", {"number": "x"}, "x is no number; give one"),
        ("triple", {}, "this gateway knows no command 'triple'; it may be of another release"),
        ("double", {}, "a defect of ours: TypeError; see the gateway's log"),
        ("fail", {}, "a defect of ours: ZeroDivisionError; see the gateway's log"),
    ],
)
async def test_refusals(path, served, command, asked, sentence):
    """What cannot be done is answered with a sentence, and the next request is served."""
    with pytest.raises(ControlError) as caught:
        await ask(path, command, **asked)
    assert str(caught.value) == sentence
    assert await ask(path, "double", number=1) == 2


@pytest.mark.parametrize("octets", [b"\n", b"[]\n", b"{}\n", b'{"command": []}\n', b"\xff" * 70_000, b"nothing"])
async def test_nonsense(path, served, octets):
    """Whatever a client says, it is answered or hung up on, and the next one is served."""

    def talk():
        with control._connect(path, PATIENCE) as client:
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
            return client.recv(1_000)

    assert b"error" in await trio.to_thread.run_sync(talk)
    assert await ask(path, "double", number=1) == 2


async def test_nobody_there(path):
    """Where no gateway runs the sentence says so, also where one that was killed left its socket."""
    with pytest.raises(ControlError, match="no gateway answers there; start it"):
        await ask(path, "double")
    with socket.socket(socket.AF_UNIX) as left, control._short(path) as name:
        left.bind(name)
    with pytest.raises(ControlError, match="no gateway answers there; start it"):
        await ask(path, "double")


async def test_what_is_left_is_replaced(path, nursery):
    """The socket of a gateway that was killed is no obstacle, and a clean end leaves none."""
    with socket.socket(socket.AF_UNIX) as left, control._short(path) as name:
        left.bind(name)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as inner:
            await inner.start(control.serve, path, {"double": double})
            assert await ask(path, "double", number=2) == 4
            scope.cancel()
    assert not path.exists()


async def test_two_gateways(path, served, nursery):
    """A socket on which a gateway answers is not taken away from it."""
    with pytest.raises(OSError, match=r"control: cannot listen on .*: another gateway answers there"):
        await control.serve(path, {})
    assert await ask(path, "double", number=1) == 2


async def test_something_else_is_there(path):
    """A file that is no socket is left alone."""
    path.write_text("mine")
    with pytest.raises(OSError, match="control: cannot listen on "):
        await control.serve(path, {})
    assert path.read_text() == "mine"
