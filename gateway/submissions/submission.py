"""One submission as it arrives: read into plain values, whatever request it came in.

A submit_sm, a data_sm and each destination of a submit_multi are alike from here on: the fields of a submit_sm to one
address. Everything here is a function of the request; nothing waits and nothing is looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.rules.number import Number, NumberError, canonical
from gateway.rules.pacing import TokenBucket
from gateway.rules.policy import Submission, place
from gateway.rules.reading import Piece
from gateway.rules.times import TimeError, read_time
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.submissions.many import Many

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.config.models import Account
    from gateway.rules.policy import Profile
    from gateway.smpp.pdu import Pdu
    from gateway.smpp.udh import Concatenation
    from gateway.submissions.askers import Asker, Call

SAR = frozenset(map(int, (smpp.Tag.sar_msg_ref_num, smpp.Tag.sar_total_segments, smpp.Tag.sar_segment_seqnum)))
_PORTS = frozenset(map(int, (smpp.Tag.source_port, smpp.Tag.destination_port)))
_LONGEST_ADDRESS = 20  # characters of an address in a submit_sm; a data_sm takes 64
_SECONDS_OCTETS = 4  # of qos_time_to_live (SMPP 3.4 section 5.3.2.9)
Key = tuple[int, str]
"""What tells a submission from all others that are on their way: its request, and its destination."""
_DATA_SM_LACKS = {
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "replace_if_present_flag": 0,
    "sm_default_msg_id": 0,
    "short_message": b"",
}


class Customer:
    """An account while the gateway runs: its rules and its rate."""

    def __init__(self, account: Account, profile: Profile) -> None:
        self.name = account.name
        self.account = account
        self.profile = profile
        self.bucket = TokenBucket(account.rate, 0.0)
        self.suspended = False  # by an administrator: it may not bind
        self.undecided = 0  # destinations of submit_multi that wait for their commit
        self._asked = 0
        self._charged: dict[Key, int] = {}  # by submissions whose commit is not known yet

    def configure(self, account: Account, profile: Profile, now: float) -> None:
        """Go by these settings from ``now`` on, in seconds, on the clock of :meth:`take`."""
        if account.rate != self.account.rate:
            self.bucket.change(account.rate, now)
        self.account = account
        self.profile = profile

    def take(self, segments: int, now: float) -> bool:
        """Say whether the rate allows ``segments`` more at ``now``, in seconds."""
        self._asked += segments
        return self.bucket.take(segments, now)

    def charge(self, key: Key, segments: int, now: float) -> bool:
        """Take ``segments`` for a submission whose transaction may yet fail, or be run again."""
        taken = self.take(segments, now)
        if taken:
            self._charged[key] = self._charged.get(key, 0) + segments
        return taken

    def refund(self, key: Key) -> None:
        """Give back what a submission was charged: it was not committed, or is to be decided anew."""
        self.bucket.give_back(self._charged.pop(key, 0))

    def keep(self, key: Key) -> None:
        """Keep what a submission was charged: it is committed."""
        self._charged.pop(key, None)

    def demand(self) -> int:
        """Return how many segments were asked for since the last look; never 0, since the next may come at any time."""
        asked, self._asked = self._asked, 0
        return max(1, asked)


class Submitted(NamedTuple):
    """One destination of a request whose form is sound: ``fields`` are those of a submit_sm to it."""

    link: Asker
    pdu: Pdu
    customer: Customer
    submission: Submission
    due: int  # milliseconds since 1970; 0: at once
    expires: int
    fields: Mapping[str, Any]
    many: Many | None = None
    place: Concatenation | None = None  # of a part that waits for the others of its message
    closes: int = 0  # when the hours end in which it may be sent; 0: never
    call: Call | None = None  # instead of ``link``, which then is nobody
    received: float = 0.0  # when, on the event loop's clock

    @property
    def key(self) -> Key:
        """What tells it from all others, as long as it is there."""
        return id(self.pdu), self.submission.destination.key


class Clock(NamedTuple):
    """The present and the default validity_period, both in milliseconds; the present on the event loop's clock."""

    now: int
    validity: int
    received: float = 0.0


class RefusedError(Exception):
    """A request that is refused, mostly for its form; ``status`` is the answer, ``reason`` why the rules say so."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(status.name(code))
        self.status = code
        self.reason = reason


def read(link: Asker, customer: Customer, pdu: Pdu, clock: Clock) -> Submitted:
    """Read a submit_sm or a data_sm.

    Raises:
        RefusedError: its form is not sound.
    """
    fields = _fields(pdu)
    due, expires = _times(pdu, clock)
    asked = _submission(pdu, fields)
    waits = place(customer.profile, asked)
    return Submitted(link, pdu, customer, asked, due, expires, fields, place=waits, received=clock.received)


def read_many(link: Asker, customer: Customer, pdu: Pdu, clock: Clock) -> tuple[Many, list[Submitted]]:
    """Read a submit_multi: what was refused already, and the destinations that are left.

    Raises:
        RefusedError: its form is not sound, whatever the destination.
    """
    shared = _fields(pdu)
    due, expires = _times(pdu, clock)
    many, items = Many(pdu, len(shared["dest_address"])), []
    for each in shared["dest_address"]:
        code = smpp.check_destination(each)
        if not isinstance(each, smpp.Sme):  # we keep no lists
            many.refuse(smpp.Sme(0, 0, each.dl_name[:_LONGEST_ADDRESS]), code or status.ESME_RCNTSUBDL)
            continue
        if code:
            many.refuse(each._replace(destination_addr=each.destination_addr[:_LONGEST_ADDRESS]), code)
            continue
        fields = shared | each._asdict()
        try:
            submission = _submission(pdu, fields)
        except RefusedError as refused:
            many.refuse(each, refused.status)
        else:
            waits = place(customer.profile, submission)
            item = Submitted(link, pdu, customer, submission, due, expires, fields, many, waits)
            items.append(item._replace(received=clock.received))
    return many, items


def _fields(pdu: Pdu) -> dict[str, Any]:
    """Return a request's fields as those of a submit_sm, its destination apart."""
    code = smpp.check(pdu)
    if code:
        raise RefusedError(code)
    if pdu.command != smpp.DATA_SM:
        return pdu.fields
    if len(pdu.fields["source_addr"]) > _LONGEST_ADDRESS:
        raise RefusedError(status.ESME_RINVSRCADR)
    if len(pdu.fields["destination_addr"]) > _LONGEST_ADDRESS:
        raise RefusedError(status.ESME_RINVDSTADR)
    return _DATA_SM_LACKS | pdu.fields


def _times(pdu: Pdu, clock: Clock) -> tuple[int, int]:
    """Return when a message is due (0: at once) and when it expires."""
    scheduled, validity = pdu.fields.get("schedule_delivery_time", ""), pdu.fields.get("validity_period", "")
    due = instant(scheduled, clock.now, status.ESME_RINVSCHED) if scheduled else 0
    start = max(due, clock.now)
    expires = instant(validity, clock.now, status.ESME_RINVEXPIRY) if validity else start + _lifetime(pdu, clock)
    if expires <= start:
        raise RefusedError(status.ESME_RINVEXPIRY)
    return due, expires


def _lifetime(pdu: Pdu, clock: Clock) -> int:
    """Return for how long a message without validity_period is valid: as its qos_time_to_live says, else as we say."""
    seconds = pdu.tlv(smpp.Tag.qos_time_to_live)
    if seconds is None:
        return clock.validity
    if len(seconds) != _SECONDS_OCTETS:
        raise RefusedError(status.ESME_RINVPARLEN)
    return int.from_bytes(seconds, "big") * 1_000


def piece(pdu: Pdu, fields: Mapping[str, Any]) -> Piece:
    """Return the text of a request, as submitted."""
    payload = pdu.tlv(smpp.Tag.message_payload)
    return Piece(
        fields["short_message"] if payload is None else payload,
        fields["data_coding"],
        fields["esm_class"],
        tuple(tlv for tlv in pdu.tlvs if tlv[0] in SAR) if pdu.tlvs else (),
    )


def reread(body: bytes) -> Pdu:
    """Read a submit_sm that was kept without its header."""
    return smpp.decode(smpp.header(len(body), smpp.SUBMIT_SM, 0, 0) + body)


def _submission(pdu: Pdu, fields: Mapping[str, Any]) -> Submission:
    return Submission(
        destination=destination(fields),
        pieces=(piece(pdu, fields),),
        optout_mention=_wish(pdu) if pdu.tlvs else None,
        canned=fields["sm_default_msg_id"],
        ported=bool(pdu.tlvs) and any(tag in _PORTS for tag, _ in pdu.tlvs),
    )


def _wish(pdu: Pdu) -> int | None:
    """Return what a request says of its mention.

    Raises:
        RefusedError: it says what cannot be.
    """
    wish = pdu.tlv(smpp.Tag.optout_mention)
    if wish is None:
        return None
    if len(wish) != 1:
        raise RefusedError(status.ESME_RINVPARLEN)
    if wish[0] > 1:
        raise RefusedError(status.ESME_RINVOPTPARAMVAL)
    return wish[0]


def destination(fields: Mapping[str, Any]) -> Number:
    """Return the number that a request is for.

    Raises:
        RefusedError: it is none.
    """
    try:
        return canonical(fields["destination_addr"], fields["dest_addr_ton"])
    except NumberError:
        raise RefusedError(status.ESME_RINVDSTADR) from None


def instant(text: str, now: int, code: int) -> int:
    """Read a time.

    Raises:
        RefusedError: it is none, with ``code``.
    """
    try:
        return read_time(text, now)
    except TimeError:
        raise RefusedError(code) from None
