"""What the configuration says about a submission: who may carry it, what becomes of it, when, and as which rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gateway import ruleset
from gateway.homeward import wants_receipt
from gateway.rules.policy import Case, Forward, Kind, Refuse, decide
from gateway.rules.reason import Reason
from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store import blacklist
from gateway.store.spool import Spooled, operator_lane
from gateway.submissions.openings import Openings
from gateway.submissions.outbound import References, segment_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.config.models import Config
    from gateway.lanes.lanes import Lanes
    from gateway.rules.carriage import Encoded
    from gateway.rules.policy import Mentions, Verdict
    from gateway.store.base import Tx
    from gateway.store.messages import Message
    from gateway.submissions.submission import Submitted


_HIGHEST_PRIORITY = 3  # what is above it is reserved (SMPP 3.4 section 5.2.14)


class Facts(NamedTuple):
    """What is known about a submission in its transaction.

    Who carries it, whether its number refuses it, the present in milliseconds since 1970, and what numbers the first
    long message to a destination.
    """

    operator: str
    opted_out: bool
    now: int
    seed: int


class Judged(NamedTuple):
    """What becomes of a submission, and the submission as it is due within its account's hours."""

    verdict: Verdict
    item: Submitted


class Judge:
    """The rules of one configuration, applied to submissions.

    Args:
        config: opt-out texts, routes, hours.
        lanes: which operators have a link.
    """

    def __init__(self, config: Config, lanes: Lanes) -> None:
        self._lanes = lanes
        self._references = References()
        self._mentions: dict[str, Mentions] = {}
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Go by this configuration from now on; called while no submission is decided."""
        self._mentions = self._mentions | ruleset.mentions_of_all(
            config
        )  # what is under way may be of one that is gone
        self._routing = ruleset.Routing(config)
        self._operators = config.operators
        self._outlets = {name: ruleset.outlet(each) for name, each in config.operators.items()}
        self._openings = Openings(config)

    def decide(self, item: Submitted, facts: Facts) -> Judged:
        """Decide one submission."""
        references = partial(self._references.next, item.submission.destination.key, facts.seed)
        case = Case(item.customer.profile, item.submission, facts.opted_out, self._outlets[facts.operator])
        verdict = decide(case, self._mentions[item.customer.name], references)
        if not isinstance(verdict, Forward):
            return Judged(verdict, item)
        asked = max(item.due, facts.now)
        opening = self._openings.next(item.customer.name, item.submission.destination, asked)
        if opening.due == asked:
            return Judged(verdict, item._replace(closes=opening.closes) if opening.closes else item)
        if item.customer.account.hours_policy == "reject":
            return Judged(Refuse(status.OUTSIDE_HOURS, Reason.OUTSIDE_HOURS), item)
        return Judged(verdict, item._replace(due=opening.due, closes=opening.closes))

    def usable(self) -> list[str]:
        """Return the operators that have a link at this moment, at whatever node."""
        return [name for name in self._operators if self._lanes.reachable(operator_lane(name))]

    def operator_for(self, account: str, number: str, usable: list[str]) -> str | None:
        """Return the operator for a message: the first of its route that is usable, else the first."""
        return next(iter(self._routing.operators(account, number, usable)), None)

    def segments(self, tx: Tx, item: Submitted, message: Message, sent: tuple[str, Sequence[Encoded]]) -> list[Spooled]:
        """Return the rows of a message whose parts an operator is to be ``sent``."""
        operator, parts = sent
        asks = int(self._operators[operator].receipts or wants_receipt(message.registered))
        lane = operator_lane(operator)
        return [
            Spooled(
                tx.new_id(),
                lane,
                message.id,
                message.number,
                smpp.SUBMIT_SM,
                segment_body(item, part, asks),
                item.due,
                item.expires,
                account=item.customer.name,
                priority=min(item.fields["priority_flag"], _HIGHEST_PRIORITY),
                closes=item.closes,
                parts=len(parts),
            )
            for part in parts
        ]


def opted_out(refusals: blacklist.Entries, item: Submitted) -> bool:
    """Say whether the number of a submission refuses it, by the opt-outs looked up."""
    profile = item.customer.profile
    return blacklist.refuses(
        refusals, item.submission.destination.key, profile.account, marketing=profile.kind is Kind.MARKETING
    )
