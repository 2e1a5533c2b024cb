"""Texts that may be opt-outs: what waits for a person, and what that person says."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import Response
from starlette.requests import Request  # noqa: TC002 (FastAPI reads the annotations)

from gateway.optout.reviews import Ruling
from gateway.rules.inbound import Octets, words
from gateway.ruleset import meanings
from gateway.smpp.text import USUAL
from gateway.store import reviews
from gateway.store.blacklist import EVERYBODY
from gateway.store.reviews import FIRST, Place
from gateway.web.api.lists import Case, Cases, Decision
from gateway.web.api.messages import moment, read_number
from gateway.web.api.paging import Cursor, Limit, bad_cursor, cursor_of, link_to, place_of
from gateway.web.api.problems import ProblemError, responses

if TYPE_CHECKING:
    from enum import Enum

    from fastapi import FastAPI

    from gateway.store.reviews import Open
    from gateway.web.site import Site

_TAGS: list[str | Enum] = ["Review"]


class Texts:
    """The part of the interface that is about texts to be read."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def add_to(self, app: FastAPI) -> None:
        """Add its routes."""
        app.get(
            "/reviews",
            tags=_TAGS,
            operation_id="listReviews",
            summary="List what waits for a decision",
            responses=responses(),
        )(self.list)
        app.post(
            "/reviews/{number}/decision",
            status_code=204,
            response_class=Response,
            tags=_TAGS,
            operation_id="decideReview",
            summary="Decide about a text",
            responses=responses(400, 404, 409, 413, 415),
        )(self.decide)

    async def list(self, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = None) -> Cases:
        """List the texts because of which the account's marketing to a number waits, the most urgent first."""
        name, after = request.state.account.name, _place(cursor)
        found = await self._site.reader.read(lambda tx: list(reviews.cases(tx, name, after, limit + 1)))
        token = cursor_of(found[limit - 1].place.written) if len(found) > limit else None
        if token:
            response.headers["link"] = link_to(request, cursor=token)
        return Cases(items=[self._shown(each) for each in found[:limit]], next_cursor=token)

    async def decide(self, request: Request, number: str, decision: Decision) -> None:
        """Say what a text is: an opt-out, or not, so that what has waited is sent.

        What concerns everybody is for the gateway's own people to decide.
        """
        name, line = request.state.account.name, read_number(number, "number")
        ruling = Ruling(line.key, decision.short_code, name, decision.opt_out, "api", name, decision.reason)
        if await self._site.backend.decide(ruling):
            return
        cases = await self._site.backend.transact(partial(reviews.of, numbers=[line.key]))
        if any(case.account == EVERYBODY and case.code == decision.short_code for case in cases):
            raise ProblemError("not-yours", "everybody's marketing to this number waits for that decision")
        raise ProblemError("not-found", f"nothing of {line.key} waits for a decision of this account")

    def _shown(self, found: Open) -> Case:
        case, operator = found.case, self._site.config.operators.get(found.operator)
        octets, everybody = Octets(found.octets, found.data_coding, found.esm_class), case.account == EVERYBODY
        return Case(
            number=case.number,
            short_code=case.code,
            text="" if everybody else words(octets, meanings(operator) if operator else USUAL),
            rule=found.rule,
            since=moment(case.since),
            until=moment(case.until),
            scope="everybody" if everybody else "account",
        )


def _place(cursor: str | None) -> Place:
    """Read the place that a cursor says; without one it is before all.

    Raises:
        ProblemError: it is no cursor of ours.
    """
    text = place_of(cursor)
    try:
        return FIRST if text is None else reviews.place(text)
    except ValueError:
        raise bad_cursor() from None
