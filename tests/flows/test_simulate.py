"""The simulated peers, against each other over real sockets."""

import re
import signal
import subprocess
import sys

import pytest
import trio
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import main
from gateway.rules import segment
from gateway.rules.carriage import Form
from gateway.simulate.app import SimulatedApp
from gateway.simulate.operator import SimulatedOperator
from gateway.simulate.peer import UDHI, Joiner, PeerError, Text, message_body
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.text import Alphabet

NUMBER, CODE = "33612345678", "36034"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=600)


@pytest.fixture
async def operator(nursery):
    """Start an operator that gw may bind to; `address` is where."""
    peer = SimulatedOperator("gw", "secret")
    peer.address = await nursery.start(peer.run)
    return peer


@pytest.fixture
async def app(nursery, operator):
    """Bind an app to the operator."""
    peer = SimulatedApp("gw", "secret", "SHOP")
    await nursery.start(peer.run, *operator.address)
    return peer


@pytest.mark.parametrize(
    ("text", "alphabet"),
    [("Bonjour Léa", Alphabet.GSM7), ("€" * 300, Alphabet.GSM7), ("Bonjour 😀" * 40, Alphabet.UCS2)],
    ids=["short", "long", "emoji"],
)
async def test_submitted_text_arrives(operator, app, text, alphabet):
    """A text that an app submits is accepted and arrives as it was, whatever its length and alphabet."""
    answer = await app.submit(NUMBER, text)
    assert (answer.status, bool(answer.fields["message_id"])) == (status.ESME_ROK, True)
    assert operator.received == [Text("SHOP", NUMBER, text, alphabet, 1)]


async def test_receipt_comes_back(app):
    """A message's receipt names the id of its response and says that it was delivered."""
    answer = await app.submit(NUMBER, "Bonjour")
    report = await app.receipt_for(answer.fields["message_id"])
    assert (report.state, report.stat) == (receipt.DELIVERED, "DELIVRD")


async def test_no_receipt_unasked(app):
    """Only the message for which a receipt was asked gets one."""
    await app.submit(NUMBER, "Bonjour", receipt_asked=False)
    asked = (await app.submit(NUMBER, "Bonjour")).fields["message_id"]
    await app.receipt_for(asked)
    assert [report.message_id for report in app.receipts] == [asked]


@pytest.mark.parametrize(("text", "segments"), [("Stop svp", 1), ("Stop " * 40, 2), ("Arrêtez 😀" * 10, 2)])
async def test_subscriber_text_arrives(operator, app, text, segments):
    """A subscriber's text reaches the app whole, in as many segments as it takes, each of them answered."""
    answers = await operator.text(NUMBER, CODE, text)
    assert [answer.status for answer in answers] == [status.ESME_ROK] * segments
    (arrived,) = app.texts
    assert (arrived.source, arrived.destination, arrived.text, arrived.segments) == (NUMBER, CODE, text, segments)


async def test_text_waits_for_a_bind(operator, nursery):
    """A subscriber's text that nobody can take waits until somebody binds."""
    nursery.start_soon(operator.text, NUMBER, CODE, "Stop")
    app = SimulatedApp("gw", "secret")
    await nursery.start(app.run, *operator.address)
    assert [text.text for text in await app.wait_for(lambda: app.texts)] == ["Stop"]


async def test_receipt_survives_its_bind(nursery, mock_clock):
    """A receipt that falls due after its app has left goes to the bind that follows."""
    operator = SimulatedOperator("gw", "secret", delay=10)
    address = await nursery.start(operator.run)
    first, second = SimulatedApp("gw", "secret"), SimulatedApp("gw", "secret")
    await nursery.start(first.run, *address)
    answer = await first.submit(NUMBER, "Bonjour")
    await first.leave()
    await nursery.start(second.run, *address)
    mock_clock.jump(10)
    await second.receipt_for(answer.fields["message_id"])
    assert first.receipts == []


@pytest.mark.parametrize(
    ("system_id", "password", "why"), [("gw", "wrong", "ESME_RINVPASWD"), ("nobody", "secret", "ESME_RINVSYSID")]
)
async def test_wrong_credentials(operator, nursery, system_id, password, why):
    """A bind with wrong credentials is refused with the status that says which."""
    with pytest.raises(PeerError, match=why):
        await nursery.start(SimulatedApp(system_id, password).run, *operator.address)
    assert not operator.bound


async def test_operator_goes_away():
    """An app whose operator has gone says so instead of waiting."""
    operator, app = SimulatedOperator("gw", "secret"), SimulatedApp("gw", "secret")
    async with trio.open_nursery() as apps, trio.open_nursery() as operators:
        await apps.start(app.run, *await operators.start(operator.run))
        operators.cancel_scope.cancel()
    with pytest.raises(PeerError, match="gone"):
        await app.submit(NUMBER, "Bonjour")


async def test_submit_before_the_bind():
    """An app that has not bound says so."""
    with pytest.raises(PeerError, match="not bound"):
        await SimulatedApp("gw", "secret").submit(NUMBER, "Bonjour")


@given(TEXTS, st.randoms(use_true_random=False))
def test_parts_are_joined_in_any_order(text, random):
    """The parts of a text, in any order, give the text once, with the last of them."""
    alphabet = segment.choose(text)
    parts = Form().encode(segment.split(text, alphabet), alphabet, reference=7)
    random.shuffle(parts)
    joiner = Joiner()
    results = [joiner.add(deliver_sm(part.octets, part.data_coding, udhi=part.udhi)) for part in parts]
    assert results == [None] * (len(parts) - 1) + [Text(NUMBER, CODE, text, alphabet, len(parts))]


@pytest.mark.parametrize(
    ("octets", "data_coding", "udhi"),
    [(b"\xff\x01", 0, False), (b"\x01\x02", 4, False), (b"\x09\x00", 0, True)],
    ids=["no GSM-7", "8-bit data", "header too long"],
)
def test_what_is_no_text(octets, data_coding, udhi):
    """Octets that cannot be read as text are shown in hexadecimal digits."""
    text = Joiner().add(deliver_sm(octets, data_coding, udhi=udhi))
    assert (text.text, text.alphabet) == (octets.hex(" "), Alphabet.BINARY)


def deliver_sm(octets, data_coding, *, udhi):
    """Build a deliver_sm as it comes off the wire."""
    content = {"esm_class": UDHI if udhi else 0, "data_coding": data_coding, "short_message": octets}
    body = message_body(smpp.DELIVER_SM, (NUMBER, CODE), content, None)
    return smpp.decode(smpp.header(len(body), smpp.DELIVER_SM, 0, 1) + body)


# On the command line


@pytest.fixture
def terminal():
    """Run `stopgate simulate operator` with pipes for a keyboard and a screen; gives the process and its port."""
    command = ["simulate", "operator", "--listen", "127.0.0.1:0", "--system-id", "gw", "--password", "secret"]
    line = [sys.executable, "-m", "gateway", *command, "--delay", "0"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process, int(re.search(r"listening on 127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
        process.kill()


def send(port, password="secret", sender="SHOP", text="Bonjour Léa"):
    """Run `stopgate simulate app` against the operator on that port."""
    options = ["--connect", f"127.0.0.1:{port}", "--system-id", "gw", "--password", password, "--from", sender]
    return CliRunner().invoke(main, ["simulate", "app", *options, NUMBER, text])


def test_app_command(terminal):
    """The app command prints the answer and the receipt, the operator command what arrived; Ctrl-C ends it."""
    operator, port = terminal
    result = send(port)
    assert result.exit_code == 0, result.output
    assert re.search(r"^accepted as (\w+)\nreceipt: id:\1 .* stat:DELIVRD ", result.output, re.MULTILINE)
    assert operator.stdout.readline() == f"SHOP → {NUMBER} (1 segment, gsm): Bonjour Léa\n"
    operator.send_signal(signal.SIGINT)
    assert (operator.stdout.read(), operator.wait()) == ("stopped\n", 0)


def test_app_command_refused(terminal):
    """An app that is not let in says why and ends with status 1."""
    result = send(terminal[1], password="wrong")
    assert (result.exit_code, result.stderr) == (1, "Error: the bind was refused: Invalid Password (ESME_RINVPASWD)\n")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"sender": "S" * 21}, "source_addr cannot be written: 21 octets"),
        ({"password": "correct horse"}, "the bind was refused"),
        ({"password": "x" * 256}, "password cannot be written: 256 octets"),
        ({"text": "a\udcff"}, "a lone surrogate at character 1"),
    ],
    ids=["sender", "password", "longest password", "text"],
)
def test_app_command_that_no_pdu_holds(terminal, what, says):
    """What no PDU can hold ends the app command with one sentence; a password may be longer than SMPP has it."""
    result = send(terminal[1], **what)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert says in result.stderr


async def test_operator_command_sends_what_is_typed(terminal, nursery):
    """A line typed into the operator command reaches the app as a text to the short code."""
    process, port = terminal
    app = SimulatedApp("gw", "secret")
    await nursery.start(app.run, "127.0.0.1", port)
    process.stdin.write(f"{NUMBER} Stop svp\n")
    process.stdin.flush()
    (text,) = await app.wait_for(lambda: app.texts)
    assert (text.source, text.destination, text.text) == (NUMBER, CODE, "Stop svp")


def test_operator_command_obeys_no_text(terminal):
    """What an app writes is printed in one line that commands no terminal."""
    operator, port = terminal
    assert send(port, text="\x1b[2J\u202eHello\nSHOP → me").exit_code == 0
    shown = r"\u001b[2J\u202eHello\u000aSHOP → me"
    assert operator.stdout.readline() == f"SHOP → {NUMBER} (1 segment, ucs2): {shown}\n"


def test_address_that_is_none():
    """An address without a port is refused in one sentence."""
    result = CliRunner().invoke(
        main, ["simulate", "operator", "--listen", "here", "--system-id", "a", "--password", "b"]
    )
    assert (result.exit_code, 'must be "host:port"' in result.stderr) == (2, True)
