"""The composer: a text, and beside it what it becomes, which is what would be sent; and a way to send one of it.

The preview is :class:`gateway.submissions.previews.Previews`'s and the message is handed in as any submission, so
neither can promise what the other does not keep.
"""

import hashlib
import secrets

import structlog
import trio
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from gateway.rules.number import canonical
from gateway.rules.transliterate import transliterate
from gateway.smpp import status as statuses
from gateway.store import blacklist, settings
from gateway.store.base import Snapshot
from gateway.store.ids import wire
from gateway.submissions.askers import Once
from gateway.submissions.previews import Previews, Wish
from gateway.web.area.drafts import Draft, DraftError, Sight, submission
from gateway.web.area.frame import Frame, Visit, done
from gateway.web.current import Current
from gateway.web.site import Site

_log = structlog.get_logger()
FRENCH, FOREIGN = "33612345678", "4915112345678"  # whom a text is shown for, whoever it is for
_LONGEST = 4_000  # characters
# What HTTP calls the refusals that are not the draft's fault.
_HTTP = {statuses.ESME_RTHROTTLED: 429, statuses.ESME_RMSGQFUL: 503, statuses.ESME_RSYSERR: 503}
_AGAIN = {429: "1", 503: "5"}  # seconds after which the same draft may be taken
_AT_ONCE = 2  # previews that are made at the same time


class Composer:
    """The composer's pages."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self._frame = frame
        self._previews = Current(site, Previews)
        self._limit = trio.CapacityLimiter(_AT_ONCE)

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            self._frame.show("/compose", self._show),
            self._frame.change("/compose", self._look),
            self._frame.change("/compose/preview", self._fragment),
            self._frame.change("/compose/send", self._send),
        ]

    async def _show(self, visit: Visit) -> Response:
        return await self._page(visit, Draft(sender=visit.account[:11]))

    async def _look(self, visit: Visit) -> Response:
        draft = _draft(visit)
        if visit.field("plain"):
            draft = draft._replace(text=transliterate(draft.text) or draft.text)
        return await self._page(visit, draft)

    async def _fragment(self, visit: Visit) -> Response:
        draft = _draft(visit)
        return await self._frame.page(visit, "preview", {"draft": draft, "sights": await self._sights(visit, draft)})

    async def _page(self, visit: Visit, draft: Draft, problem: str = "", status: int = 200) -> Response:
        context = {
            "draft": draft,
            "problem": problem,
            "sights": await self._sights(visit, draft),
            "longest": _LONGEST,
            "once": secrets.token_urlsafe(12),
        }
        response = await self._frame.page(visit, "compose", context, status)
        if status in _AGAIN:
            response.headers["retry-after"] = _AGAIN[status]
        return response

    async def _sights(self, visit: Visit, draft: Draft) -> list[Sight]:
        """Return what a text becomes for the number typed, for a French one and for one from elsewhere."""
        account = self._frame.account(visit)
        if not draft.text:
            return []
        typed = draft.number()
        marketing = account.kind == "marketing"

        def work(snapshot: Snapshot) -> tuple[bool | None, bool]:
            own = None if marketing else settings.mention(snapshot, account.name)
            if typed is None:
                return own, False
            found = blacklist.of_number(snapshot, typed.key)
            return own, blacklist.refuses(found, typed.key, account.name, marketing=marketing)

        own, refused = await self._site.reader.read(work)
        wish = Wish(account.name, canonical(FRENCH), draft.text, draft.optout_mention, own)
        wishes = {"recipient": wish._replace(number=typed, opted_out=refused)} if typed else {}
        wishes |= {"french": wish, "foreign": wish._replace(number=canonical(FOREIGN))}
        usable = await self._site.backend.usable(list(self._site.config.operators))
        return await trio.to_thread.run_sync(self._look_at, wishes, usable, limiter=self._limit)

    def _look_at(self, wishes: dict[str, Wish], usable: list[str]) -> list[Sight]:
        now, previews = self._site.backend.clock(), self._previews.get()
        return [Sight(key, wish.number, previews.preview(wish, now, usable)) for key, wish in wishes.items()]

    async def _send(self, visit: Visit) -> Response:
        draft = _draft(visit)
        try:
            request = submission(draft, self._frame.account(visit))
        except DraftError as error:
            return await self._page(visit, draft, error.problem, 422)
        answer = await self._site.backend.submit(
            visit.account, request, self._site.backend.clock(), _once(visit, draft)
        )
        if answer.status != statuses.ESME_ROK:
            return await self._page(visit, draft, statuses.name(answer.status), _HTTP.get(answer.status, 422))
        if not answer.replayed:
            _log.info("test_sent", account=visit.account, by=visit.guest.login.who, message=wire(answer.message))
        return done("/messages", "sent" if answer.segments else "refused", id=wire(answer.message))


def _once(visit: Visit, draft: Draft) -> Once | None:
    """Return the key of a draft in one form, which two clicks send twice; no Idempotency-Key has a space in it."""
    form = visit.field("once")
    return Once(f"form {hashlib.sha256(repr((form, draft)).encode()).hexdigest()}", "") if form else None


def _draft(visit: Visit) -> Draft:
    text = visit.form.get("text", "")
    lines = text.replace("\r\n", "\n") if isinstance(text, str) else ""  # a form sends as two what was typed as one
    if len(lines) > _LONGEST:
        raise HTTPException(413)
    return Draft(lines, visit.field("sender"), visit.field("to"), bool(visit.field("bare")))
