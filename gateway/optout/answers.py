"""What we answer whoever texts one of our codes: one SMS from that code, back the way the text came.

Confirmations of opt-outs and the answers to other words are alike in this. They are the platform's own, so neither the
blacklist nor hours nor a balance holds them up, and they go out before everything else of their lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.homeward import TEMPLATE, Address
from gateway.rules import segment
from gateway.rules.carriage import Form
from gateway.rules.reading import UDHI
from gateway.ruleset import Routing, alphabet, codes
from gateway.smpp import pdu as smpp
from gateway.store.ids import milliseconds
from gateway.store.messages import PLATFORM, Message
from gateway.store.spool import URGENT, Spooled, operator_lane

if TYPE_CHECKING:
    from gateway.config.models import Config
    from gateway.optout.heard import Heard
    from gateway.rules.carriage import Encoded
    from gateway.store.base import Tx

_ASKS = 1  # registered_delivery: what became of an answer is evidence
_SHORT_CODE_TON = 3  # network specific (SMPP 3.4 section 5.2.5)


class Answer(NamedTuple):
    """An SMS of ours: its message, the operator that carries it, and its rows for the spool."""

    message: Message
    operator: str
    rows: list[Spooled]


class Answers:
    """Answers by one configuration."""

    def __init__(self, config: Config) -> None:
        self._operators = config.operators
        self._codes = list(codes(config))
        self._validity = int(config.delivery.validity * 1_000)
        self._routing = Routing(config)

    def answer(self, tx: Tx, heard: Heard, text: str, reason: str) -> Answer | None:
        """Write an answer from the code that was texted, through the operator that the text came from, else by route.

        It is one segment where the operator's alphabet has all of its characters. Where it lacks one, the answer goes
        out in UCS-2, and takes more segments then: no spelling may stop an opt-out.

        Args:
            tx: gives identifiers and the present; the message and its rows are for the caller to keep.
            heard: what is answered.
            text: the answer.
            reason: what its message is called in our books.

        Returns:
            None where nothing is sent: no operator carries this number.
        """
        name = self._operator_for(heard)
        if name is None:
            return None
        operator = self._operators[name]
        chosen = segment.choose(text, alphabet(operator.default_alphabet))
        pieces = segment.split(text, chosen)
        message = self._message(tx, heard, text, reason)._replace(segments=len(pieces), open=len(pieces))
        row = Spooled(
            id=0,
            lane=operator_lane(name),
            message=message.id,
            number=heard.number.key,
            command=smpp.SUBMIT_SM,
            body=b"",
            due=URGENT,
            expires=tx.now + self._validity,
        )
        parts = Form().encode(pieces, chosen, milliseconds(message.id))
        rows = [row._replace(id=tx.new_id(), body=_submit_sm(message, part)) for part in parts]
        return Answer(message, name, rows)

    def _operator_for(self, heard: Heard) -> str | None:
        if heard.operator in self._operators:
            return heard.operator
        return next(iter(self._routing.operators("", heard.number.key)), None)

    def _message(self, tx: Tx, heard: Heard, text: str, reason: str) -> Message:
        """Address an answer: back the way the text came, or from a code of ours to the number."""
        code = heard.code if heard.code in self._codes else self._codes[0]
        ours: Address = heard.text.destination if heard.text else Address(_SHORT_CODE_TON, 0, code)
        theirs: Address = heard.text.source if heard.text else Address(1, 1, heard.number.key)
        return Message(
            id=tx.new_id(),
            account=PLATFORM,
            source_ton=ours.ton,
            source_npi=ours.npi,
            source_addr=ours.addr,
            dest_ton=theirs.ton,
            dest_npi=theirs.npi,
            dest_addr=theirs.addr,
            number=heard.number.key,
            submitted=tx.now,
            registered=_ASKS,
            reason=reason,
            excerpt=text[:20],
            segments=0,
            open=0,
        )


def _submit_sm(message: Message, part: Encoded) -> bytes:
    return smpp.encode_body(
        smpp.SUBMIT_SM,
        {
            **TEMPLATE,
            "source_addr_ton": message.source_ton,
            "source_addr_npi": message.source_npi,
            "source_addr": message.source_addr,
            "dest_addr_ton": message.dest_ton,
            "dest_addr_npi": message.dest_npi,
            "destination_addr": message.dest_addr,
            "esm_class": UDHI if part.udhi else 0,
            "registered_delivery": message.registered,
            "data_coding": part.data_coding,
            "short_message": part.octets,
        },
    )
