"""The life of a message in the log: at debug, joined by its id."""

import pytest

from gateway.smpp import status
from tests.flows.world import FRENCH

STEPS = ("decided", "row_settled", "receipt_matched", "message_ended")


async def test_a_message_is_followed(world):
    """Each step of a message's life is a line with its id, and neither the number nor the text is in any of them."""
    await world.start()
    app = await world.app()
    message_id = await app.accepted(FRENCH, "Vente privée")
    await app.receipts(1)
    await world.settled()
    lines = [each for each in world.log if each.get("message_id") == message_id]
    assert [each["event"] for each in lines] == list(STEPS)
    decided, settled, matched, ended = lines
    assert (decided["account"], decided["status"]) == ("shop", "ESME_ROK")
    assert (settled["lane"], settled["status"], settled["step"]) == ("operator/orange", "ESME_ROK", "done")
    assert settled["remote_id"] == matched["remote_id"] == world.orange.taken[0][0]
    assert (matched["operator"], matched["state"], ended["state"], ended["account"]) == (
        "orange",
        *["DELIVRD"] * 2,
        "shop",
    )
    assert {each["log_level"] for each in lines} == {"debug"}
    assert FRENCH not in str(world.log)
    assert "Vente" not in str(world.log)


@pytest.mark.parametrize(("texts", "shown"), [("hidden", None), ("clear", "stop svp")])
async def test_what_was_heard(world, texts, shown):
    """A text to a short code is a line at debug; what it said is there only where the configuration says so."""
    await world.start(log={"texts": texts})
    assert (await world.orange.deliver(FRENCH, b"Stop svp")).status == status.ESME_ROK
    [line] = world.events("heard")
    assert (line["log_level"], line["effect"], line["source"]) == ("debug", "opted_out", "sms")
    assert (line["text"] or "").lower() == (shown or "")
    assert FRENCH not in str(world.log)


async def test_links_are_told_apart(world):
    """The lines of a bind's begin and end have the number of its connection."""
    await world.start()
    for count in (1, 2):
        app = await world.app()
        app.links[0].unbind()
        await world.eventually(lambda count=count: len(world.events("app_unbound")) == count)
    begun, ended = ([each["link"] for each in world.events(name)] for name in ("app_bound", "app_unbound"))
    assert begun == ended
    assert len({*begun, world.events("operator_bound")[0]["link"]}) == 3
