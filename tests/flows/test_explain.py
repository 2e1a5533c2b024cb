"""Decisions are explained: what was kept about a number, and how a text would be read."""

import pytest

from gateway.smpp import status
from tests.flows.commandline import CommandLine
from tests.flows.world import FRENCH


@pytest.fixture
async def stopgate(world, tmp_path):
    """Start everything, with one marketing message sent to FRENCH, and offer the command line."""
    await world.start(accounts={"shop": {"forward_mo": False}})
    app = await world.app()
    await app.accepted(FRENCH, "Soldes", registered_delivery=0)
    return CommandLine(world, tmp_path)


async def text(world, octets, **fields):
    """Text something to the code."""
    assert (await world.orange.deliver(FRENCH, octets, **fields)).status == status.ESME_ROK


async def why(stopgate, number):
    """Return what was texted, and what was decided about it."""
    lines = (await stopgate.ok("blacklist", "why", number, "--format", "json")).data
    return [each for each in lines if each["source"] != "receipt"]


async def test_why(world, stopgate):
    """Every text of a number is told as it was sent, with the rule, what followed, and what still rests on it."""
    await text(world, "Arrêtez vos sms !".encode("utf-16-be"), data_coding=8)
    await text(world, b"Merci")
    first, second = await why(stopgate, "06 12 34 56 78")
    assert (first["text"], first["normalised"]) == ("Arrêtez vos sms !", "arretez vos sms")
    assert (first["rule"], first["language"], first["effect"]) == ("keyword and object", "fr", "opted_out")
    assert (first["in_force"], first["short_code"], first["operator"]) == ("shop: opted out", "36034", "orange")
    assert "fr" in first["vocabulary"]
    assert (second["text"], second["rule"], second["in_force"]) == ("Merci", "ordinary text", "")


async def test_why_of_what_commands_a_terminal(world, stopgate):
    """Escape sequences, overrides and what looks like markup are printed, spelled out; as data the text is whole."""
    words = "\x1b]0;x\x07[/b] [red]\u202eSTOP"
    await text(world, words.encode("utf-16-be"), data_coding=8)
    table = (await stopgate.ok("blacklist", "why", FRENCH)).out
    cell = "".join(line.split("│")[5].strip() for line in table.splitlines() if line.startswith("│"))
    assert cell == "\\u001b]0;x\\u0007[/b][red]\\u202eSTOP"
    assert not {"\x1b", "\x07", "\u202e"} & set(table)
    assert (await why(stopgate, FRENCH))[0]["text"] == words
    assert words in (await stopgate.ok("blacklist", "why", FRENCH, "--format", "csv")).out
    assert not {"\x1b", "\u202e"} & set((await stopgate.ok("privacy", "export", FRENCH)).out)


async def test_why_of_what_is_held(world, stopgate):
    """What waits for a decision says until when."""
    await text(world, b"stop ou encore")
    [line] = await why(stopgate, FRENCH)
    assert line["in_force"].startswith("shop: held back until 20")


async def test_why_of_a_list(stopgate, tmp_path):
    """An opt-out that came with a list leads to the list."""
    path = tmp_path / "list.csv"
    path.write_text("number\n+33612345678\n")
    await stopgate.ok("blacklist", "import", "--reason", "from the old router", path)
    [line] = await why(stopgate, FRENCH)
    assert (line["effect"], line["in_force"]) == ("imported", "*: opted out")
    assert "from the old router" in line["note"]


async def test_why_of_nobody(stopgate):
    """About a number that never said anything there is nothing, in any form."""
    assert await why(stopgate, "33700000000") == []
    assert "vocabulary" in (await stopgate.ok("blacklist", "why", FRENCH, "--format", "csv")).out
    assert (await stopgate("blacklist", "why", "none")).status == 1


async def test_try(world, stopgate):
    """Texts are tried without anything being kept: how each is read, and what would follow."""
    words = ["STOP svp", "stop tout", "Christophe", "CONTACT", "Stop ?", "START", "aide"]
    found = (await stopgate.ok("blacklist", "try", *words, "--format", "json")).data
    assert [each["reading"] for each in found] == [
        *("opt_out", "opt_out", "none", "contact", "unclear", "opt_in", "help"),
    ]
    assert found[0]["effect"] == "opted out of marketing, confirmed, and billed once"
    assert "notifications too" in found[1]["effect"]
    assert found[0]["rule"] == "keyword and pleasantries"
    assert world.rows("SELECT count(*) FROM evidence") == [(0,)]


async def test_try_octets(stopgate):
    """Octets are read as they would be from an operator."""
    utf16 = "Arrêt".encode("utf-16-be").hex()
    found = (await stopgate.ok("blacklist", "try", "--octets", utf16, "--data-coding", 8, "--format", "json")).data
    assert [(each["text"], each["reading"]) for each in found] == [("Arrêt", "opt_out")]
    zeros = (await stopgate.ok("blacklist", "try", "--octets", "00530054004f0050", "--format", "json")).data
    assert zeros[0]["reading"] == "opt_out"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "give a text, or --octets"),
        (["--octets", "5"], "must be hexadecimal digits"),
        (["--octets", "53", "--data-coding", "256"], "256 is not in the range 0<=x<=255"),
    ],
)
async def test_try_what_cannot_be(stopgate, words, complaint):
    """What cannot be tried is refused with a remedy."""
    said = await stopgate("blacklist", "try", *words)
    assert (said.status, complaint in said.err) == (2, True)
