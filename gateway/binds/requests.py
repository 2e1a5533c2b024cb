"""Which part serves which request of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.smpp import pdu as smpp
from gateway.smpp import status

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.smpp.pdu import Pdu
    from gateway.submissions.askers import Asker
    from gateway.submissions.manage import Manage
    from gateway.submissions.submission import Customer
    from gateway.submissions.submit import Submit


class Intake(Protocol):
    """What serves requests: each is answered, at once or after a commit."""

    def offer(self, link: Asker, customer: Customer, pdu: Pdu, now: int) -> None:
        """Take in one request, at an instant in milliseconds since 1970."""


class Requests:
    """Everything that an app may ask once it is bound.

    Args:
        submit: serves submissions.
        manage: serves requests about messages that were submitted.
        clock: tells the present in milliseconds since 1970, alike at all nodes.
    """

    def __init__(self, submit: Submit, manage: Manage, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._intakes: dict[int, Intake] = {
            smpp.SUBMIT_SM: submit,
            smpp.SUBMIT_MULTI: submit,
            smpp.DATA_SM: submit,
            smpp.QUERY_SM: manage,
            smpp.CANCEL_SM: manage,
            smpp.REPLACE_SM: manage,
        }

    def offer(self, link: Asker, customer: Customer, pdu: Pdu) -> None:
        """Pass a request on to whom it concerns."""
        intake = self._intakes.get(pdu.command)
        if intake is None:
            link.respond([(pdu, status.ESME_RINVCMDID, b"")])
        else:
            intake.offer(link, customer, pdu, self._clock())
