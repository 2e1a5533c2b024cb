"""Numbers that have opted out: listed, added and removed by the account, each change with its reason."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Response
from starlette.requests import Request  # noqa: TC002 (FastAPI reads the annotations)

from gateway.optout.effect import Decided, lift, opt_out_by_hand
from gateway.rules.number import NumberError
from gateway.store import blacklist, listing
from gateway.store.blacklist import EVERYBODY
from gateway.web.api.fields import Reason  # noqa: TC001 (FastAPI reads the annotations)
from gateway.web.api.lists import NewOptOut, OptOut, OptOuts
from gateway.web.api.messages import moment, read_number
from gateway.web.api.paging import Cursor, Limit, bad_cursor, cursor_of, link_to, place_of
from gateway.web.api.problems import ProblemError, responses

if TYPE_CHECKING:
    from enum import Enum

    from fastapi import FastAPI

    from gateway.config.models import Account
    from gateway.store.base import Tx
    from gateway.store.blacklist import Entry
    from gateway.web.site import Site

_BY = "api"

_TAGS: list[str | Enum] = ["Blacklist"]


class Numbers:
    """The part of the interface that is about the blacklist."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def add_to(self, app: FastAPI) -> None:
        """Add its routes."""
        app.get(
            "/blacklist",
            tags=_TAGS,
            operation_id="listBlacklist",
            summary="List opted-out numbers",
            responses=responses(),
        )(self.list)
        app.post(
            "/blacklist",
            status_code=201,
            tags=_TAGS,
            operation_id="addToBlacklist",
            summary="Opt a number out",
            responses=responses(400, 413, 415) | {200: {"model": OptOut, "description": "It had opted out before."}},
        )(self.add)
        app.delete(
            "/blacklist/{number}",
            status_code=204,
            response_class=Response,
            tags=_TAGS,
            operation_id="removeFromBlacklist",
            summary="Lift an opt-out",
            responses=responses(404, 409),
        )(self.remove)

    async def list(
        self,
        request: Request,
        response: Response,
        number: Annotated[
            str | None,
            Query(max_length=32, description="Only numbers that begin so, in any spelling; or one number."),
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> OptOuts:
        """List the numbers that the account must not send marketing to, newest first."""
        name = request.state.account.name
        key, after = _digits(number), place_of(cursor)
        try:
            page = await self._site.reader.read(lambda tx: listing.page(tx, [name, EVERYBODY], key, after, limit))
        except ValueError:
            raise bad_cursor() from None
        token = None if page.next is None else cursor_of(page.next)
        if token:
            response.headers["link"] = link_to(request, cursor=token)
        return OptOuts(items=[_shown(each) for each in page.entries], next_cursor=token)

    async def add(self, request: Request, response: Response, wish: NewOptOut) -> OptOut:
        """Opt a number out of the account's marketing, because its owner asked for it in another way.

        Nothing is confirmed and nothing billed. 200 says that it had opted out before.
        """
        account: Account = request.state.account
        number = read_number(wish.number, "/number")
        decided = Decided(number, account.name, self._site.config.opt_out.short_codes[0], wish.reason, _BY)
        added, entries = await self._site.backend.transact(partial(_added, decided=decided))
        response.status_code = 201 if added else 200
        return next(_shown(each) for each in entries if each.number == number.key)

    async def remove(
        self,
        request: Request,
        number: str,
        reason: Annotated[Reason, Query(description="Why, such as the subscriber's written wish; kept as evidence.")],
    ) -> None:
        """Lift an opt-out of the account's marketing.

        One that counts for everybody is not the account's to lift; the subscriber does that with START.
        """
        account: Account = request.state.account
        line = read_number(number, "number")
        decided = Decided(line, account.name, self._site.config.opt_out.short_codes[0], reason, _BY)
        lifted, everybody = await self._site.backend.transact(partial(_lifted, decided=decided))
        if everybody and not lifted:
            raise ProblemError("not-yours", f"{line.key} has opted out of everybody's marketing")
        if not lifted:
            raise ProblemError("not-found", f"{line.key} has not opted out of this account's marketing")


def _added(tx: Tx, decided: Decided) -> tuple[bool, list[Entry]]:
    """Opt a number out; returns whether that is new, and its entries."""
    added = opt_out_by_hand(tx, decided)
    return added, listing.page(tx, [decided.account], decided.number.key).entries


def _lifted(tx: Tx, decided: Decided) -> tuple[bool, bool]:
    """Lift an opt-out; returns whether there was one, and whether one for everybody is left."""
    lifted, number = lift(tx, decided), decided.number.key
    return lifted, (number, EVERYBODY) in blacklist.lookup(tx, [number])


def _digits(text: str | None) -> str:
    try:
        return listing.digits(text) if text else ""
    except NumberError as error:
        raise ProblemError("invalid-number", str(error), errors=[{"pointer": "number", "detail": str(error)}]) from None


def _shown(entry: Entry) -> OptOut:
    return OptOut(
        number=entry.number,
        since=moment(entry.since),
        source=entry.source,
        short_code=entry.code,
        everything=entry.everything,
        scope="everybody" if entry.account == EVERYBODY else "account",
    )
