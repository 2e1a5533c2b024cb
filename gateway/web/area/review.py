"""The review queue: texts that may be opt-outs, decided by the account; marketing to their numbers waits meanwhile."""

from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.optout.reviews import Ruling
from gateway.rules.inbound import Octets, words
from gateway.rules.number import NumberError, canonical
from gateway.ruleset import meanings
from gateway.smpp.text import USUAL
from gateway.store import reviews
from gateway.store.base import Snapshot
from gateway.store.reviews import Case, Open
from gateway.web.area.frame import Frame, Visit, done
from gateway.web.site import Site

_MOST = 40  # cases on one page, the most urgent first


class Waiting(NamedTuple):
    """A case as it is shown: `ours` when the account may decide it, `text` as the subscriber wrote it to the account.

    What was written to nobody in particular is read by who decides it, and by no account.
    """

    case: Case
    text: str
    ours: bool


class Review:
    """The review queue's page."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self._frame = frame

    def routes(self) -> list[Route]:
        """Return its routes."""
        return [self._frame.show("/review", self._show), self._frame.change("/review", self._decide)]

    async def _show(self, visit: Visit) -> Response:
        text = visit.field("after")
        try:
            after = reviews.place(text) if text else reviews.FIRST
        except ValueError:
            raise HTTPException(404) from None

        def work(snapshot: Snapshot) -> list[Open]:
            return list(reviews.cases(snapshot, visit.account, after, _MOST + 1))

        found = await self._site.reader.read(work)
        if text and not found:  # what stood there has been decided, and not what is more urgent
            return RedirectResponse("/review", 303)
        context = {
            "cases": [self._waiting(visit, each) for each in found[:_MOST]],
            "first": not text,
            "next": found[_MOST - 1].place.written if len(found) > _MOST else "",
        }
        return await self._frame.page(visit, "review", context)

    def _waiting(self, visit: Visit, each: Open) -> Waiting:
        operator = self._site.config.operators.get(each.operator)
        means = meanings(operator) if operator else USUAL
        text = words(Octets(each.octets, each.data_coding, each.esm_class), means)
        ours = each.case.account == visit.account or visit.guest.admin
        return Waiting(each.case, text if ours else "", ours)

    async def _decide(self, visit: Visit) -> Response:
        try:
            number = canonical(visit.field("number"), 0)
        except NumberError:
            raise HTTPException(404) from None
        opts_out, whose = visit.field("decision") == "out", visit.account
        if not opts_out and visit.field("decision") != "keep":
            raise HTTPException(400)  # what has waited is let go by nothing but that word
        ruling = Ruling(
            number=number.key,
            code=visit.field("code"),
            account=None if visit.guest.admin else whose,
            opts_out=opts_out,
            source="web",
            by=visit.guest.login.who,
            reason=visit.field("reason")[:500],
        )
        if not await self._site.backend.decide(ruling):
            return done("/review", "gone")
        return done("/review", "out" if opts_out else "kept")
