"""Binds to an operator that go wrong, and the operator that calls us."""

import argon2
import pytest
import trio

from gateway.config.models import ConfigError, load
from gateway.demo.loopback import LOCAL, free_port
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.events import Odd
from gateway.smpp.state import BINDS, Role, State
from tests.dead_names import DeadNames
from tests.flows.peers import PATIENCE, Operator, Peer
from tests.flows.world import FRENCH


class Refusing(Operator):
    """An operator that answers the first binds with octets of a test's choice, and then lets everybody in."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers
        self.binds = []
        self.odd = []

    def _handle(self, link, events):
        self.odd += [event for event in events if isinstance(event, Odd)]
        super()._handle(link, events)

    def _request(self, link, pdu):
        if pdu.command in BINDS:
            self.binds.append(pdu)
            if self.answers:
                link.session._out.append(self.answers.pop(0)(pdu))
                link._to_write.set()
                return
        super()._request(link, pdu)


def refusal(code, body=b""):
    """Answer a bind with an error."""
    return lambda pdu: smpp.header(len(body), pdu.command | smpp.RESPONSE, code, pdu.sequence) + body


REFUSALS = {
    "bind failed": refusal(status.ESME_RBINDFAIL),
    "wrong password, with a body": refusal(status.ESME_RINVPASWD, b"smsc\0"),
    "wrong system_id, with a NUL": refusal(status.ESME_RINVSYSID, b"\0"),
    "already bound": refusal(status.ESME_RALYBND),
    "reserved status": refusal(0x1D),
    "a vendor's status, with damage": refusal(0x400, b"no end"),
    "nack": lambda pdu: smpp.header(0, smpp.GENERIC_NACK, status.ESME_RINVCMDID, pdu.sequence),
    "another bind's response": lambda pdu: smpp.header(5, 0x80000002, 0, pdu.sequence) + b"smsc\0",
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
async def test_refused_in_any_way(world, answer):
    """A bind that is refused, in whatever way, sends nothing, hangs up and is tried again (ideas 4, 5, 6, 7, 8, 20)."""
    world.orange = Refusing([answer, answer])
    await world.start()
    assert len(world.orange.binds) == 3
    assert world.orange.requests == []
    assert len(world.events("operator_refused")) == 2
    await (await world.app()).accepted(FRENCH)
    await world.orange.texts(1)


async def test_long_password(world):
    """An operator's password may be longer than SMPP has it: it is said whole."""
    world.orange = Refusing([])
    world.operator = {"password": "correct-horse-battery"}
    await world.start()
    assert [pdu.fields["password"] for pdu in world.orange.binds] == ["correct-horse-battery"]


async def test_already_bound_after_a_lost_link(world):
    """An operator that still holds our lost bind is asked again until it has let go of it (idea 20)."""
    world.orange = Refusing([])
    await world.start()
    world.orange.answers = [refusal(status.ESME_RALYBND)] * 3
    world.orange.hang_up()
    await world.orange.wait_for(lambda: len(world.orange.binds) == 5)
    message_id = await (app := await world.app()).accepted(FRENCH)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]
    assert [event["status"] for event in world.events("operator_refused")] == ["ESME_RALYBND"] * 3


async def test_bind_without_an_answer(world):
    """An operator that takes the connection and never answers the bind is left in time, and tried again (idea 3)."""
    world.operator["response_timeout"] = "300ms"
    world.orange = Refusing([lambda _pdu: b""] * 2)
    await world.start()
    assert len(world.orange.binds) >= 3  # one that it answers late is left as well


async def test_enquire_link_before_the_bind_resp(world):
    """An operator that asks whether we live before it has answered the bind is answered (idea 59)."""
    ask = smpp.header(0, smpp.ENQUIRE_LINK, 0, 77)
    world.orange = Refusing([lambda pdu: ask + smpp.header(5, 0x80000009, 0, pdu.sequence) + b"smsc\0"])
    await world.start()
    await world.eventually(lambda: "unexpected enquire_link_resp 77" in {each.what for each in world.orange.odd})
    assert len(world.orange.binds) == 1


async def test_nobody_listens(world):
    """A connection that is refused is logged with its cause, and tried again (idea 1)."""
    await world.nursery.start(world.orange.run)
    await world.orange.close()
    await world.start_gateway({"orange": world.orange})
    await world.eventually(lambda: len(world.events("operator_unreachable")) > 1)
    assert "refused" in world.events("operator_unreachable")[0]["reason"].lower()
    await world.nursery.start(world.orange.run)
    await world.usable("orange")


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_that_cannot_be(tmp_path, host):
    """A host that no name server could know is refused by the configuration (idea 2)."""
    path = tmp_path / "gateway.yaml"
    path.write_text(f"operators: {{orange: {{host: {host!r}, system_id: gw, password: secret}}}}\n")
    with pytest.raises(ConfigError, match="must be the name of a host or its address"):
        load(path, {})


async def test_begins_again(world):
    """An operator that restarts is bound to by a new session, which numbers from 1 (ideas 107, 111)."""
    world.orange = Refusing([])
    await world.start()
    app = await world.app()
    for _ in range(2):
        await app.accepted(FRENCH)
    await app.receipts(2)
    await world.settled()
    await world.close("orange", world.orange)
    await world.nursery.start(world.orange.run)
    await app.accepted(FRENCH)
    await world.orange.texts(3)
    assert [pdu.sequence for pdu in world.orange.binds] == [1, 1]
    assert [pdu.sequence for pdu in world.orange.requests] == [2, 3, 2]


@pytest.mark.parametrize(("version", "octet"), [("3.3", 0x33), ("3.4", 0x34)])
async def test_interface_version(world, version, octet):
    """We bind with the version that is configured, and an operator of 3.3 is sent no TLVs (idea 21)."""
    world.operator["interface_version"] = version
    world.orange = Refusing([])
    await world.start()
    app = await world.app()
    await app.accepted(FRENCH, tlvs=b"\x02\x04\0\x02\0\x07")
    await world.orange.texts(1)
    assert [pdu.fields["interface_version"] for pdu in world.orange.binds] == [octet]
    assert [bool(pdu.tlvs) for pdu in world.orange.requests] == [version == "3.4"]


# The operator calls


class Caller(Peer):
    """An operator that connects to us and says who it is."""

    async def call(self, nursery, address, system_id="smsc", password="theirs"):
        """Connect and send an outbind."""
        stream = await trio.open_tcp_stream(*address)
        nursery.start_soon(self.serve, stream, Role.MC)
        await self.wait_for(lambda: self.links)
        link = self.links[0]
        body = smpp.encode_body(smpp.OUTBIND, {"system_id": system_id, "password": password})
        link.session._out.append(smpp.header(len(body), smpp.OUTBIND, 0, 1) + body)
        link._to_write.set()

    def _request(self, link, pdu):
        self.requests.append(pdu)
        link.accept_bind(pdu, "smsc")


async def outbind(world, **settings):
    """Start a gateway that `orange` may call, and return where."""
    address = LOCAL, free_port()
    listen = {"listen": ["{}:{}".format(*address)], "system_id": "smsc", "password": "theirs"}
    world.operator["outbind"] = {**listen, **settings}
    await world.start()
    return address


async def test_outbind(world):
    """An operator that calls and is who it should be is bound to as a receiver, and served (idea 32)."""
    world.orange.reports = None
    caller, address = Caller(), await outbind(world)
    app = await world.app()
    message_id = await app.accepted(FRENCH)
    [(remote, _)] = await world.orange.wait_for(lambda: world.orange.taken)
    await caller.call(world.nursery, address)
    [bind] = await caller.received(1)
    assert (bind.command, bind.fields["system_id"], bind.fields["password"]) == (smpp.BIND_RECEIVER, "gw", "secret")
    octets = receipt.write(receipt.Receipt(remote, receipt.DELIVERED))
    body = {"esm_class": 4, "short_message": octets}
    answer = await caller.ask(caller.links[0], smpp.DELIVER_SM, deliver_sm(body))
    assert (answer.status, caller.links[0].session.state) == (status.ESME_ROK, State.BOUND_RX)
    assert [each.message_id for each in await app.receipts(1)] == [message_id]


def deliver_sm(fields):
    """Write the body of a deliver_sm with some of its fields."""
    names = ("service_type", "source_addr", "destination_addr", "schedule_delivery_time", "validity_period")
    numbers = ("source_addr_ton", "source_addr_npi", "dest_addr_ton", "dest_addr_npi", "esm_class", "protocol_id")
    more = ("priority_flag", "registered_delivery", "replace_if_present_flag", "data_coding", "sm_default_msg_id")
    empty = {**dict.fromkeys(names, ""), **dict.fromkeys((*numbers, *more), 0), "short_message": b""}
    return smpp.encode_body(smpp.DELIVER_SM, {**empty, **fields})


@pytest.mark.parametrize(
    ("who", "settings"),
    [
        ({"password": "wrong"}, {}),
        ({"password": "\xe9"}, {}),
        ({"system_id": "other"}, {}),
        ({}, {"allow_from": ["192.0.2.0/24"]}),
    ],
)
async def test_outbind_from_somebody_else(world, who, settings):
    """Who calls from elsewhere, or under another name, is hung up on without a word (idea 32)."""
    caller, address = Caller(), await outbind(world, **settings)
    await caller.call(world.nursery, address, **who)
    await caller.wait_for(lambda: not caller.links)
    assert caller.requests == []
    await world.eventually(lambda: world.events("outbind_refused"))


async def test_outbind_that_does_not_come(world):
    """Who connects where operators call, and says nothing, is hung up on (idea 32)."""
    world.operator["response_timeout"] = "300ms"
    address = await outbind(world)
    async with await trio.open_tcp_stream(*address) as stream:
        with trio.fail_after(PATIENCE):
            assert await stream.receive_some() == b""


async def test_outbind_where_nobody_asked_for_one(world):
    """An outbind on a connection of our own making is ignored."""
    await world.start()
    body = smpp.encode_body(smpp.OUTBIND, {"system_id": "smsc", "password": "theirs"})
    [link] = world.orange.links
    link.session._out.append(smpp.header(len(body), smpp.OUTBIND, 0, 1) + body)
    await (app := await world.app()).accepted(FRENCH)
    await app.receipts(1)  # over the same link, behind the outbind
    assert world.orange.links == [link]


def test_two_operators_cannot_call_on_one_port(tmp_path):
    """An address on which one operator calls belongs to nobody else."""
    call = "outbind: {listen: ['127.0.0.1:2775'], system_id: a, password: b}"
    path = tmp_path / "gateway.yaml"
    path.write_text(f"operators: {{orange: {{host: h, system_id: gw, password: secret, {call}}}}}\n")
    with pytest.raises(ConfigError, match=r"operators\.orange\.outbind.* listens on the same port as smpp\.listen"):
        load(path, {})


async def test_names_that_cannot_be_had(world, monkeypatch):
    """Operators whose names no name server knows hold up neither other binds nor passwords nor a reload."""
    who = {"system_id": "gw", "password": "secret"}
    dead = {f"dead{number}": {"host": f"dead{number}.example", "port": 2775, **who} for number in range(60)}
    shop = {"shop": {"password": argon2.PasswordHasher().hash("secret")}}
    with DeadNames().hanging(monkeypatch) as names, trio.fail_after(PATIENCE):
        await world.start(
            accounts=shop,
            operators={**dead, "orange": {"host": "localhost"}},
        )
        await world.eventually(lambda: len(names.most) == len(dead))
        app = await world.app()
        await app.accepted(FRENCH)
        await world.orange.texts(1)
        assert await world.reload(operators={"dead0": None})
