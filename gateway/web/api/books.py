"""What an account pays: its billable events, and what they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Response  # noqa: TC002 (FastAPI reads the annotations)
from starlette.requests import Request  # noqa: TC002 (FastAPI reads the annotations)

from gateway.store import balances, ledger
from gateway.web.api.lists import Event, Events, Month, Usage
from gateway.web.api.messages import moment
from gateway.web.api.paging import Cursor, Limit, Since, Until, bad_cursor, cursor_of, link_to, milliseconds, place_of
from gateway.web.api.problems import responses

if TYPE_CHECKING:
    from enum import Enum

    from fastapi import FastAPI

    from gateway.web.site import Site

_FOR_EVER = 2**63

_TAGS: list[str | Enum] = ["Billing"]


class Books:
    """The part of the interface that is about money."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def add_to(self, app: FastAPI) -> None:
        """Add its routes."""
        app.get(
            "/ledger", tags=_TAGS, operation_id="listLedger", summary="List billable events", responses=responses()
        )(self.events)
        app.get("/usage", tags=_TAGS, operation_id="getUsage", summary="Sum billable events up", responses=responses())(
            self.usage
        )

    async def events(self, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = None) -> Events:
        """List the account's billable events, newest first. None is ever changed or deleted."""
        name, before = request.state.account.name, _position(cursor)
        found, following = await self._site.reader.read(lambda tx: ledger.page(tx, name, before, limit))
        token = None if following is None else cursor_of(str(following))
        if token:
            response.headers["link"] = link_to(request, cursor=token)
        return Events(items=[_shown(each) for each in found], next_cursor=token)

    async def usage(self, request: Request, since: Since = None, until: Until = None) -> Usage:
        """Sum the account's billable events up by month (UTC) and kind."""
        name = request.state.account.name
        period = milliseconds(since) or 0, milliseconds(until)
        found, left = await self._site.reader.read(
            lambda tx: (ledger.totals(tx, name, *period), balances.balance(tx, name))
        )
        months = [Month(month=e.month, kind=e.kind, events=e.events, credits=e.credits) for e in found]
        return Usage(months=months, balance=left)


def _position(cursor: str | None) -> int | None:
    place = place_of(cursor)
    if place is None:
        return None
    if not place.isdigit() or not 0 < int(place) < _FOR_EVER:
        raise bad_cursor()
    return int(place)


def _shown(event: ledger.Event) -> Event:
    return Event(
        id=event.id,
        time=moment(event.at),
        kind=event.kind,
        credits=event.credits,
        number=event.number,
        short_code=event.code,
        source=event.source,
        message_id=event.message,
        note=event.note,
    )
