"""When an account's marketing may go to a number: the account's hours, on the clock of that place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.hours import closing, opening
from gateway.rules.policy import Kind
from gateway.ruleset import hours
from gateway.submissions.calendars import calendar

if TYPE_CHECKING:
    from gateway.config.models import Config
    from gateway.rules.number import Number

ALWAYS = 0  # the end of an opening that has none


class Opening(NamedTuple):
    """A time in which a message may be sent: from ``due`` until just before ``closes``, in milliseconds since 1970."""

    due: int
    closes: int


class Openings:
    """The hours of all accounts of one configuration; what has no hours may be sent at any time."""

    def __init__(self, config: Config) -> None:
        self._hours = {
            name: set_hours
            for name, account in config.accounts.items()
            if Kind(account.kind) is Kind.MARKETING and (set_hours := hours(account)) is not None
        }
        self._last: dict[tuple[str, int], Opening] = {}

    def next(self, account: str, number: Number, at: int) -> Opening:
        """Return the opening that ``at`` is in, or the next one after it."""
        chosen = self._hours.get(account)
        if chosen is None:
            return Opening(at, ALWAYS)
        place = calendar(number)
        key = account, id(place)
        last = self._last.get(key)
        if last is None or not last.due <= at < last.closes:
            due = opening(chosen, place, at)
            last = self._last[key] = Opening(due, closing(chosen, place, due))
        return Opening(max(last.due, at), last.closes)
