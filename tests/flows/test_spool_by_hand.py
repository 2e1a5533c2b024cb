"""`stopgate spool` beside a gateway at work."""

from datetime import UTC, datetime

import pytest
import trio
from click.testing import CliRunner

from gateway import cli
from gateway.smpp import status
from gateway.smpp.pdu import Sme
from tests.flows.commandline import CommandLine
from tests.flows.peers import PATIENCE, SHORT_CODE
from tests.flows.test_hours import DAYS
from tests.flows.test_parts import submit_part, with_header
from tests.flows.test_requests import submit_multi
from tests.flows.world import FRENCH, GERMAN, OTHER_FRENCH

PUT_OFF = "UPDATE spool SET due = due + 3600000 WHERE attempts > 0 AND claimed IS NULL RETURNING id"
IN_AN_HOUR = "000000010000000R"


@pytest.fixture
def stopgate(world, tmp_path):
    """Give the command line of the world's gateway."""
    return CommandLine(world, tmp_path)


def refuse_for_now(_pdu):
    """Answer that there is a trouble that passes."""
    return status.ESME_RSYSERR


async def refused_once(world, app, to=FRENCH):
    """Have a message refused for now, in the spool again with a pause that no test waits for."""
    world.orange.answer = refuse_for_now
    await app.accepted(to)
    await later(world)


async def later(world):
    """Put what was refused off by an hour, as many refusals would, once it waits and is not being tried again."""
    with trio.fail_after(PATIENCE):
        while not await world.gateway.store.transact(lambda tx: tx.rows(PUT_OFF)):
            pass


async def test_status_and_list(world, stopgate):
    """What waits is counted by lane and listed row by row, for people and for machines."""
    await world.start()
    app = await world.app()
    scheduled = await app.accepted(FRENCH, schedule_delivery_time=IN_AN_HOUR)
    await app.accepted(GERMAN, schedule_delivery_time=IN_AN_HOUR)
    [lane] = (await stopgate.ok("spool", "status", "--format", "json")).data
    assert (lane["lane"], lane["rows"], lane["due"], lane["later"], lane["held"]) == ("operator/orange", 2, 0, 2, 0)
    [row] = (await stopgate.ok("spool", "list", "--number", "06 12 34 56 78", "--format", "json")).data
    assert (row["message_id"], row["account"], row["number"], row["state"]) == (scheduled, "shop", FRENCH, "later")
    assert "operator/orange" in (await stopgate.ok("spool", "status")).out
    assert len((await stopgate.ok("spool", "list", "--format", "csv")).out.splitlines()) == 3


async def test_status_of_parts(world, stopgate):
    """Parts of a message that is not complete are counted, too."""
    await world.start()
    await submit_part(await world.app(), with_header("a", 9, 2, 1))
    [lane] = (await stopgate.ok("spool", "status", "--format", "json")).data
    assert (lane["lane"], lane["rows"], lane["due"], lane["later"], lane["waits"]) == ("parts/shop", 1, 0, 1, 0)


async def test_message_by_the_id_that_its_account_knows(world, stopgate):
    """Rows are found by the id of any part of a message that its app had cut, and by that of a submit_multi."""
    await world.start()
    app = await world.app()
    parts = [
        await submit_part(app, with_header(text, 9, 2, number), schedule_delivery_time=IN_AN_HOUR)
        for number, text in enumerate("ab", 1)
    ]
    numbers = [Sme(1, 1, GERMAN), Sme(1, 1, OTHER_FRENCH)]
    many = (await submit_multi(app, numbers, schedule_delivery_time=IN_AN_HOUR)).fields["message_id"]
    await app.accepted(FRENCH, schedule_delivery_time=IN_AN_HOUR)
    for identifier, found in ((parts[0], 1), (parts[1], 1), (many, 2)):
        assert len((await stopgate.ok("spool", "list", "--message", identifier, "--format", "json")).data) == found
    said = await stopgate.ok("spool", "drop", "--yes", "--message", many)
    assert said.out == "2 rows dropped; a gateway has none in memory\n"
    assert world.rows("SELECT count(*) FROM spool WHERE lane = 'operator/orange'") == [(2,)]


async def test_retry(world, stopgate):
    """What was refused before is tried again at once; what is scheduled goes on waiting."""
    await world.start()
    app = await world.app()
    await refused_once(world, app)
    await app.accepted(OTHER_FRENCH, schedule_delivery_time=IN_AN_HOUR)
    world.orange.answer = lambda _pdu: status.ESME_ROK
    said = await stopgate.ok("spool", "retry", "--lane", "operator/orange")
    assert said.out == "1 row will be tried again at once; a gateway has none in memory\n"
    world.gateway.lanes["operator/orange"].look()  # likewise
    await world.orange.texts(1)
    left = [(OTHER_FRENCH,)]
    await world.eventually(lambda: world.rows("SELECT number FROM spool WHERE lane = 'operator/orange'") == left)


async def test_retry_keeps_to_the_hours(world, stopgate):
    """Marketing that was refused before waits for its account's hours, also when it is to be tried again."""
    await world.start()
    app = await world.app()
    await refused_once(world, app)
    await world.gateway.store.transact(lambda tx: tx.rows("UPDATE spool SET closes = due + 1"))
    day = DAYS[(datetime.now(UTC).weekday() + 3) % 7]  # not today, wherever that is
    world.settings["accounts"]["shop"]["hours"] = dict.fromkeys(DAYS) | {day: "09:00-09:01"}
    await stopgate.ok("spool", "retry")
    [(due, closes)] = world.rows("SELECT due, closes FROM spool")
    assert closes - due == 60_000


async def test_drop(world, stopgate):
    """What is dropped is not sent any more, and its account is told; confirmations of opt-outs stay."""
    await world.start(accounts={"shop": {"forward_mo": False}})
    app = await world.app()
    long = await app.accepted(FRENCH, "a" * 200, schedule_delivery_time=IN_AN_HOUR)
    await app.accepted(GERMAN, schedule_delivery_time=IN_AN_HOUR)
    world.orange.answer = refuse_for_now
    assert (await world.orange.deliver(OTHER_FRENCH, b"STOP")).status == status.ESME_ROK
    await later(world)
    said = await stopgate.ok("spool", "drop", "--lane", "operator/orange", "--yes")
    assert said.out.startswith("3 rows dropped")
    world.gateway.lanes["account/shop"].look()  # as it does by itself every ten seconds
    assert [each.stat for each in await app.receipts(2)] == ["DELETED"] * 2
    assert long in {each.message_id for each in await app.receipts(2)}
    await world.eventually(lambda: world.rows("SELECT number, account FROM spool") == [(OTHER_FRENCH, "")])
    world.orange.answer = lambda _pdu: status.ESME_ROK
    await stopgate.ok("spool", "retry")
    world.gateway.lanes["operator/orange"].look()
    assert [each.source for each in await world.orange.texts(1)] == [SHORT_CODE]


async def test_drop_leaves_what_may_be_on_the_wire(world, stopgate):
    """A row that the gateway has in memory stays, and the command says what would make it let go."""
    await world.start()
    app = await world.app()
    world.orange.answer = lambda _pdu: None
    await app.accepted(FRENCH)
    await world.orange.received(1)
    said = await stopgate.ok("spool", "drop", "--account", "shop", "--yes")
    assert said.out == (
        "0 rows dropped; a gateway has 1 more in memory, which `stopgate operators suspend` makes it let go of\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["drop", "--yes"], "say which rows are to go"),
        (["drop", "--lane", "orange", "--yes"], "must be operator/NAME or account/NAME"),
        (["list", "--message", "12"], "must be a message_id: 16 hexadecimal digits"),
        (["list", "--number", "none"], "only digits"),
        (["status"], "there is no such database"),
    ],
)
def test_mistakes(words, sentence, tmp_path):
    """What cannot be done is said in a sentence."""
    path = tmp_path / "gateway.yaml"
    path.write_text(f"store: sqlite:///{tmp_path}/gateway.db\n")
    result = CliRunner().invoke(cli.main, ["spool", *words, "--config", str(path)])
    assert result.exit_code != 0
    assert sentence in result.stderr
