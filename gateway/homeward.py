"""What goes home to an account: receipts under our own ids, and inbound texts, as deliver_sm in the account's lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.hooks import Hooks
from gateway.rules.times import receipt_date
from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.store import balances, confirmations, messages
from gateway.store.blacklist import EVERYBODY
from gateway.store.ids import wire
from gateway.store.messages import PLATFORM, Finished
from gateway.store.spool import Spooled, account_lane

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.config.models import Config
    from gateway.hooks import Change
    from gateway.smpp.pdu import Pdu
    from gateway.store.base import Tx
    from gateway.store.messages import Message

RECEIPT, INTERMEDIATE = 0x04, 0x20  # esm_class of a delivery receipt, and of news before it (SMPP 3.4 section 5.2.12)
_NEWS_WANTED = 0x10  # registered_delivery
_ALWAYS, _ON_FAILURE, _ON_SUCCESS = 1, 2, 3  # registered_delivery, bits 1-0 (3 is a 5.0 value)
_RECEIPT_BITS = 3
REFUSED = f"{status.OPTED_OUT:03X}"  # what receipts say of a message that its number refuses
_GOOD = (messages.DELIVERED, messages.ACCEPTED)

TEMPLATE = {
    "service_type": "",
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "registered_delivery": 0,
    "replace_if_present_flag": 0,
    "sm_default_msg_id": 0,
}


class Address(NamedTuple):
    """An SMPP address."""

    ton: int
    npi: int
    addr: str


class Text(NamedTuple):
    """An inbound text as the operator delivered it."""

    source: Address
    destination: Address
    esm_class: int
    data_coding: int
    octets: bytes


class Homeward:
    """Writes rows for accounts' lanes: those of their apps, and those of their webhooks.

    Args:
        config: for how long a row waits for its account before it is dropped, and who has a webhook.
    """

    def __init__(self, config: Config) -> None:
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._keep = int(config.delivery.account_queue * 1_000)
        self._hooks = Hooks(config)

    def receipts(self, tx: Tx, finished: Sequence[Finished]) -> list[Spooled]:
        """Return the receipts that the accounts asked for, by the way that each message came.

        What became of messages of our own is written down, and what others have cost is given back where none was sent.
        """
        confirmations.ended(tx, [each for each in finished if each.message.account == PLATFORM])
        balances.give_back(tx, [each.message for each in finished if _is_unsent(each)])
        theirs = [each for each in finished if each.message.account != PLATFORM]
        asked = (each for each in theirs if each.message.channel == messages.SMPP)
        rows = [_receipt(tx, each, self._keep) for each in asked if _wanted(each.message.registered, each.state)]
        return rows + self._hooks.receipts(tx, theirs)

    def changed(self, tx: Tx, accounts: Iterable[str], change: Change) -> list[Spooled]:
        """Return what tells accounts of an opt-out, or of its end; :data:`EVERYBODY` means all of them."""
        named = list(accounts)
        return self._hooks.changed(tx, self._hooks.all_accounts() if EVERYBODY in named else named, change)

    def news(self, tx: Tx, waiting: Iterable[Message]) -> list[Spooled]:
        """Return the intermediate notifications that accounts asked for: these messages wait for their time."""
        told = [Finished(message, messages.ENROUTE, "000") for message in waiting if message.registered & _NEWS_WANTED]
        return [_receipt(tx, each, self._keep, INTERMEDIATE) for each in told]

    def alert(self, tx: Tx, account: str, told: tuple[Address, Pdu]) -> Spooled:
        """Return an operator's alert_notification for ``account``, which asked for it as the address given."""
        esme, pdu = told
        fields = pdu.fields | {"esme_addr_ton": esme.ton, "esme_addr_npi": esme.npi, "esme_addr": esme.addr}
        body = smpp.encode_body(smpp.ALERT_NOTIFICATION, fields, pdu.tlvs)
        return _spooled(tx, account, body, self._keep)._replace(command=smpp.ALERT_NOTIFICATION)

    def text(self, tx: Tx, account: str, inbound: Text) -> Spooled:
        """Return the copy of an inbound text for ``account``."""
        return _text(tx, account, inbound, self._keep)


def _is_unsent(finished: Finished) -> bool:
    """Say whether a message was called back before anything of it was sent: by its app, by us, or by its number."""
    refused = finished.state == messages.REJECTED and finished.error == REFUSED
    return refused or finished.state == messages.DELETED


def wants_receipt(registered: int) -> bool:
    """Say whether a registered_delivery asks for a receipt, in whatever case."""
    return bool(registered & _RECEIPT_BITS)


def _wanted(registered: int, state: int) -> bool:
    asked = registered & _RECEIPT_BITS
    return (
        asked == _ALWAYS or (asked == _ON_FAILURE and state not in _GOOD) or (asked == _ON_SUCCESS and state in _GOOD)
    )


def _receipt(tx: Tx, finished: Finished, keep: int, esm_class: int = RECEIPT) -> Spooled:
    message, identifier = finished.message, wire(finished.message.known_as)
    text = receipt.write(
        receipt.Receipt(
            identifier,
            finished.state,
            finished.error,
            receipt_date(message.submitted),
            receipt_date(tx.now),
            message.excerpt,
        )
    )
    fields = {
        **TEMPLATE,
        "source_addr_ton": message.dest_ton,
        "source_addr_npi": message.dest_npi,
        "source_addr": message.dest_addr,
        "dest_addr_ton": message.source_ton,
        "dest_addr_npi": message.source_npi,
        "destination_addr": message.source_addr,
        "esm_class": esm_class,
        "data_coding": 0,
        "short_message": text,
    }
    tlvs = receipt.tlvs(identifier, finished.state)
    if message.reference != messages.NO_REFERENCE:
        tlvs.append((int(smpp.Tag.user_message_reference), message.reference.to_bytes(2, "big")))
    return _spooled(tx, message.account, smpp.encode_body(smpp.DELIVER_SM, fields, tlvs), keep)


def _text(tx: Tx, account: str, each: Text, keep: int) -> Spooled:
    fits = len(each.octets) <= smpp.MAX_SHORT_MESSAGE
    fields = {
        **TEMPLATE,
        "source_addr_ton": each.source.ton,
        "source_addr_npi": each.source.npi,
        "source_addr": each.source.addr,
        "dest_addr_ton": each.destination.ton,
        "dest_addr_npi": each.destination.npi,
        "destination_addr": each.destination.addr,
        "esm_class": each.esm_class,
        "data_coding": each.data_coding,
        "short_message": each.octets if fits else b"",
    }
    payload = [] if fits else [(int(smpp.Tag.message_payload), each.octets)]
    return _spooled(tx, account, smpp.encode_body(smpp.DELIVER_SM, fields, payload), keep)


def _spooled(tx: Tx, account: str, body: bytes, keep: int) -> Spooled:
    return Spooled(tx.new_id(), account_lane(account), 0, "", smpp.DELIVER_SM, body, 0, tx.now + keep)
