"""Imports: lists of opted-out numbers that were uploaded, taken in while nobody waits, with what they have come to.

One import of an account goes on at a time. How far it has got is known to the process that took it; that it goes on,
and what it has come to, to all of them. What has been added stays, whatever becomes of that process, and the same list
again adds the rest; the next process tells so.
"""

import os
from contextlib import suppress
from pathlib import PurePosixPath
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO

import structlog
import trio
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.optout.importing import WIDTH, Import, Order, Problem, Report
from gateway.rules.columns import RowError
from gateway.store.base import StoreError
from gateway.store.sorting import sorter
from gateway.web.area.frame import Frame, Visit
from gateway.web.backend import Kept
from gateway.web.channel import ChannelError
from gateway.web.site import Site

_log = structlog.get_logger()
PATH = "/blacklist/import"
_AT_ONCE = 1  # lists that are read at the same time
_LONGEST = 500  # characters of a reason


class Job:
    """One import: how far it is, and in the end what it came to, or why it ended.

    Attributes:
        order: what is to be done.
        size: octets of the list; `seen` of them have been read.
        rows: what has been added, or was there already.
        problems: how many rows cannot be used so far.
        report: what it has come to, once it is over.
        failed: why it ended before that.
        told: set once the others have been told of it.
    """

    def __init__(self, order: Order, file: IO[bytes], size: int) -> None:
        self.order = order
        self.size = size
        self.seen = self.rows = self.problems = 0
        self.report: Report | None = None
        self.failed = ""
        self.told = trio.Event()
        self._file = file

    @property
    def name(self) -> str:
        """The list's."""
        return self.order.name

    @property
    def kept(self) -> Kept:
        """What other processes are told."""
        return Kept(self.name, os.getpid(), self.report, self.failed)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.kept.running

    def read(self, octets: int) -> None:
        """Note that so much more has been read."""
        self.seen += octets

    def problem(self, _problem: Problem) -> None:
        """Note a row that cannot be used."""
        self.problems += 1

    def added(self, rows: int) -> None:
        """Note rows that are on the blacklist now."""
        self.rows += rows

    async def run(self, site: Site, limit: trio.CapacityLimiter) -> None:
        """Do it; whatever goes wrong is told on the page."""
        with suppress(ChannelError):  # the gateway has gone, with what it remembered
            try:
                await site.backend.keep_import(self.order.account, self.kept)
            finally:
                self.told.set()
            await self._run(site, limit)
            await site.backend.keep_import(self.order.account, self.kept)

    async def _run(self, site: Site, limit: trio.CapacityLimiter) -> None:
        try:
            with self._file, sorter(WIDTH) as room:
                task = Import(self.order, self, room)
                await trio.to_thread.run_sync(task.read, self._file, limiter=limit)
                self.report = await task.add(site.backend.transact, politely=True)
        except RowError as error:
            self.failed = str(error)
        except StoreError as error:
            _log.error("import_failed", account=self.order.account, reason=str(error))
            self.failed = "store"
        except Exception:  # noqa: BLE001 (a defect here must end this import only)
            _log.exception("import_failed", account=self.order.account)
            self.failed = "defect"


class Imports:
    """The pages of imports."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self._frame = frame
        self._jobs: dict[str, Job] = {}
        self._limit = trio.CapacityLimiter(_AT_ONCE)

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [self._frame.show(PATH, self._show), self._frame.change(PATH, self._begin)]

    async def _show(self, visit: Visit) -> Response:
        return await self._page(visit, "", 200)

    async def _page(self, visit: Visit, problem: str, status: int) -> Response:
        context = {"job": await self._latest(visit), "problem": problem}
        return await self._frame.page(visit, "import", context, status)

    async def _latest(self, visit: Visit) -> Job | Kept | None:
        """Return the import that an account has begun last, in whichever process."""
        if self._runs(visit):
            return self._jobs[visit.account]
        kept = await self._site.backend.kept_import(visit.account)
        return kept._replace(failed="cut") if kept is not None and kept.running and not _lives(kept.pid) else kept

    def _runs(self, visit: Visit) -> bool:
        job = self._jobs.get(visit.account)
        return job is not None and job.running

    async def _begin(self, visit: Visit) -> Response:
        upload, reason = visit.form.get("file"), visit.field("reason")[:_LONGEST]
        latest = await self._latest(visit)
        if latest is not None and latest.running:
            return await self._page(visit, "running", 409)
        if not isinstance(upload, UploadFile) or not upload.size:
            return await self._page(visit, "file", 422)
        if not reason:
            return await self._page(visit, "reason", 422)
        if self._site.nursery is None:
            raise HTTPException(503)
        who = visit.guest.login.who
        name = PurePosixPath(upload.filename or "list").name[:100]
        code = self._site.config.opt_out.short_codes[0]
        order = Order(name, f"{who}: {reason}", code, self._frame.account(visit).name)
        file = await trio.to_thread.run_sync(_copied, upload.file)
        if self._runs(visit):  # another has come meanwhile
            file.close()
            return await self._page(visit, "running", 409)
        self._jobs[visit.account] = job = Job(order, file, upload.size)
        _log.info("import_begun", account=order.account, by=who, octets=upload.size)
        self._site.nursery.start_soon(job.run, self._site, self._limit)
        await job.told.wait()
        return RedirectResponse(PATH, 303)


def _lives(pid: int) -> bool:
    """Say whether a process of ours is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _copied(file: IO[bytes]) -> IO[bytes]:
    """Return a file with the same content, which is there after the request has ended."""
    copy = TemporaryFile()  # noqa: SIM115 (the import closes it)
    copyfileobj(file, copy)
    copy.seek(0)
    return copy
