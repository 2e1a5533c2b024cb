"""Every outcome has its reason: in the metrics, in the log without text or number, and in the database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.rules.reason import Reason
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Request
from tests.flows.peers import submit_sm, tlv
from tests.flows.test_hours import closed_now
from tests.flows.world import FRENCH

PAGE = Path(__file__).parents[2] / "docs" / "mention.md"
MENTION_OUT = tlv(0x1534, b"\0")
ROK, INVALID_LENGTH = status.ESME_ROK, status.ESME_RINVMSGLEN
CUT = {"esm_class": 0x40}

# (reason, account, text, what else is submitted, what the account is like, status)
CASES = [
    (Reason.APPENDED, "shop", b"x", {}, {}, ROK),
    (Reason.APPENDED_WITHOUT_SEPARATOR, "shop", b"x" * 150, {}, {}, ROK),
    (Reason.TRANSLITERATED, "shop", "\u00ea".encode("utf-16-be") * 65, {"data_coding": 8}, {}, ROK),
    (Reason.EXTENDED, "shop", b"x" * 151, {}, {}, ROK),
    (Reason.TRUNCATED, "shop", b"x" * 151, {}, {"overflow": "truncate"}, ROK),
    (Reason.ALREADY_THERE, "shop", b"x STOP 36034", {}, {}, ROK),
    (Reason.NOT_WANTED, "bank", b"x", {}, {}, ROK),
    (Reason.NOT_TEXT, "bank", b"x", {"data_coding": 4}, {}, ROK),
    (Reason.NOT_TEXT, "shop", b"x", {"data_coding": 4}, {}, status.NOT_TEXT),
    (Reason.HELD, "shop", bytes((5, 0, 3, 1, 2, 1)) + b"x", CUT, {}, ROK),
    (Reason.DOES_NOT_FIT, "shop", b"x" * 160, {}, {"max_segments": 1}, status.MENTION_DOES_NOT_FIT),
    (Reason.TOO_LONG, "shop", b"x" * 161, {}, {"max_segments": 1}, INVALID_LENGTH),
    (
        Reason.TOO_LONG_FOR_OPERATOR,
        "bank",
        b"",
        {"data_coding": 4, "tlvs": tlv(0x0424, b"x" * 300)},
        {},
        INVALID_LENGTH,
    ),
    (Reason.MENTION_REQUIRED, "shop", b"x", {"tlvs": MENTION_OUT}, {}, status.MENTION_REQUIRED),
    (Reason.OPTED_OUT, "shop", b"x", {}, {}, status.OPTED_OUT),
    (Reason.OPTED_OUT, "shop", b"x", {}, {"on_opted_out": "receipt"}, ROK),
    (Reason.OUTSIDE_HOURS, "shop", b"x", {}, {"hours": closed_now(), "hours_policy": "reject"}, status.OUTSIDE_HOURS),
    (Reason.NO_ROUTE, "shop", b"x", {}, {}, status.ESME_RINVDSTADR),
    (Reason.NO_CREDIT, "shop", b"x", {}, {"credits": "prepaid"}, status.NO_CREDIT),
]


def counted(world, account):
    """Return how often each reason was counted."""
    found = re.findall(
        rf'stopgate_decisions_total{{account="{account}",reason="(\w+)"}} (\d+)',
        world.gateway.metrics.render().decode(),
    )
    return {reason: int(count) for reason, count in found}


def logged(world):
    """Return what the log says of decisions."""
    return [(each["account"], each["message_id"], each["reason"], each["status"]) for each in world.events("decided")]


@pytest.mark.parametrize(("reason", "name", "text", "more", "account", "code"), CASES)
async def test_reason(world, reason, name, text, more, account, code):  # noqa: PLR0913, PLR0917
    """What becomes of a submission is counted, logged and kept under the reason for it."""
    if reason is Reason.TOO_LONG_FOR_OPERATOR:
        world.operator = {"interface_version": "3.3"}
    routes = {"routes": [{"prefixes": ["49"], "operators": ["orange"]}]} if reason is Reason.NO_ROUTE else {}
    await world.start(accounts={name: {"forward_mo": False, **account}}, **routes)
    if reason is Reason.OPTED_OUT:
        assert (await world.orange.deliver(FRENCH, b"STOP")).status == ROK
    response = await (await world.app(name)).submit(FRENCH, text, **more)
    assert response.status == code
    identifier = response.fields["message_id"] if code == ROK else None
    assert counted(world, name) == {reason: 1}
    assert logged(world) == [(name, identifier, reason, status.name(code))]
    assert FRENCH not in str(world.events("decided"))
    kept = world.rows("SELECT reason FROM message WHERE account <> ''")
    assert kept == ([(reason,)] if code == ROK else [])


async def test_throttled(world):
    """What is over the account's rate is counted and logged as that."""
    await world.start(accounts={"shop": {"rate": 1, "forward_mo": False}})
    app, answers = await world.app(), []
    async with world.gateway.store.quiet:  # so that one instant sees both
        bodies = submit_sm(FRENCH, "x" * 400), submit_sm(FRENCH)
        app.links[0].send([Request(smpp.SUBMIT_SM, body, answers) for body in bodies])
        await app.heard()
    await app.wait_for(lambda: len(answers) == 2)
    assert [each.status for each in answers] == [ROK, status.ESME_RTHROTTLED]
    assert counted(world, "shop") == {"appended": 1, "throttled": 1}
    assert logged(world)[-1] == ("shop", None, "throttled", "ESME_RTHROTTLED")


def test_every_reason_is_tried_and_explained():
    """The cases above have every reason that there is, and so does the page about the mention."""
    assert {reason for reason, *_ in CASES} | {Reason.THROTTLED} == set(Reason)
    table = PAGE.read_text(encoding="utf-8").partition("## Reasons")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(Reason)


async def test_joined_and_refused_parts(world):
    """Parts that are joined, or refused as one, have the reason of the whole."""
    await world.start(accounts={"shop": {"max_segments": 2, "forward_mo": False}})
    app = await world.app()
    for reference, length, code in ((1, 20, ROK), (2, 153, status.MENTION_DOES_NOT_FIT)):
        for number in (1, 2):
            part = bytes((5, 0, 3, reference, 2, number)) + b"x" * length
            response = await app.submit(FRENCH, part, **CUT)
        assert response.status == code
    assert world.rows("SELECT reason FROM message ORDER BY id") == [("appended",), ("appended",), ("does_not_fit",)]
    assert counted(world, "shop") == {"held": 2, "appended": 1, "does_not_fit": 1}


async def test_new_texts(world):
    """A new text has a reason of its own, and so has the refusal of one."""
    await world.start(accounts={"shop": {"max_segments": 1, "forward_mo": False}})
    await world.close("orange", world.orange)
    app = await world.app()
    identifier = await app.accepted(FRENCH)
    empty = dict.fromkeys(("schedule_delivery_time", "validity_period"), "")
    source = {"source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "SHOP", "message_id": identifier}
    texts = {b"x" * 150: "appended_without_separator", b"x" * 151: "does_not_fit"}
    for text in texts:
        fields = {**source, **empty, "registered_delivery": 1, "sm_default_msg_id": 0, "short_message": text}
        await app.ask(app.links[0], smpp.REPLACE_SM, smpp.encode_body(smpp.REPLACE_SM, fields))
    assert world.rows("SELECT reason FROM message") == [("appended_without_separator",)]
    assert counted(world, "shop") == {"appended": 1, **dict.fromkeys(texts.values(), 1)}
    assert [reason for *_, reason, _ in logged(world)] == ["appended", *texts.values()]
