"""The web as the gateway sees it: ports that are its own, and a process that serves pages there.

Pages cost more than messages do, and one interpreter does one thing at a time: in a process of their own they cannot
hold a message up. The gateway opens the ports, starts the process, answers its calls (:mod:`gateway.web.backend`), and
starts another whenever it ends or shows no sign of life. Visitors wait in the ports' backlog meanwhile; but one that
starves goes on until another one serves, for two of them may take visitors in through the same ports.
"""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import structlog
import trio

from gateway.observe import log
from gateway.store.base import StoreError
from gateway.web.channel import Action, Channel, ChannelError
from gateway.web.child import Child
from gateway.web.courtesy import Courtesy
from gateway.web.http import open_web
from gateway.web.served import FAILED, LEAVE, End, Served

if TYPE_CHECKING:
    from gateway.config.models import Config
    from gateway.ports import Port
    from gateway.web.backend import Backend

_log = structlog.get_logger()
_COMMAND = (sys.executable, "-P", "-m", "gateway.web")
_SILENCE = 30.0
_BEATS = 6  # signs of life in that time
_LOOK = 1.0  # seconds between looks at how a process fares that gives way
_START = 60.0  # seconds that a process has to begin
_PAUSES = (0.5, 30.0)  # seconds before it is started again: at first, at most
_STEADY = 60.0  # seconds after which it counts as having run well
_FREED = 15.0  # seconds that a gateway which was killed may keep its ports: its pages give way while they end, too
_HANDED_OVER = 15.0  # seconds for visitors of a process that is relieved: it gets little of the processors
_WORK = 3_600.0  # seconds for the imports that it has begun


def actions(backend: Backend) -> dict[str, Action]:
    """Return what the process that serves pages may call."""
    return {
        "transact": backend.transact,
        "submit": backend.submit,
        "opt_out": backend.opt_out,
        "decide": backend.decide,
        "usable": backend.usable,
        "state": backend.state,
        "keep_import": backend.keep_import,
        "kept_import": backend.kept_import,
    }


class WebProcess:
    """Keeps the web served, by one process after another if need be.

    Args:
        config: what to serve; it has been seen to that it can be used.
        listen: where.
        backend: what pages may ask.
        silence: seconds without a sign of life after which a process is given up.
        courtesy: decides when the process gives way, and when that is too much.
    """

    def __init__(
        self,
        config: Config,
        listen: tuple[str, int],
        backend: Backend,
        *,
        silence: float = _SILENCE,
        courtesy: Courtesy | None = None,
    ) -> None:
        self._config = config
        self._listen = listen
        self._backend = backend
        self._silence = silence
        self._courtesy = courtesy or Courtesy()
        self._processes: list[Served] = []  # the newest one is the last
        self._relief = trio.Event()  # set once a process has begun
        self._ports: list[Port] = []
        self._changed = trio.Event()
        self._life = trio.CancelScope()

    @property
    def pid(self) -> int:
        """Of the newest process; 0: there is none at this moment."""
        return self._processes[-1].child.pid if self._processes else 0

    @property
    def serves(self) -> bool:
        """Whether any process does, as far as was last heard of it."""
        return any(process.begun for process in self._processes)

    async def run(self, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled or drained; started, with the address, once the ports are open.

        Raises:
            OSError: an address cannot be had; the message names it and the setting.
        """
        self._ports = await self._open()
        task_status.started(self._ports[0].socket.getsockname()[:2])
        try:
            with self._life:
                async with trio.open_nursery() as nursery:
                    await self._serve_for_ever(nursery)
        finally:
            self._close()

    async def _serve_for_ever(self, nursery: trio.Nursery) -> None:
        pause, most = _PAUSES
        while self._ports:  # a drain has closed them: whoever ends or starves from then on is the last
            began = trio.current_time()
            end: End | None = await nursery.start(self._serve)
            pause = _PAUSES[0] if trio.current_time() - began > _STEADY else pause
            if end is not None:
                end.log(pause)
                await trio.sleep(pause)
                pause = min(2 * pause, most)

    def follow(self, config: Config) -> None:
        """Have pages go by this configuration, and by certificates as they are now, as soon as their process can.

        Nobody waits for that: they are told while everything else goes on (``web_follows``). A process that does not
        go by it in time is ended: the next one begins with it.
        """
        self._config = config
        self._changed.set()
        self._changed = trio.Event()

    async def drain(self, patience: float) -> None:
        """Let nobody in any more, let who is there be answered within ``patience`` seconds, and end."""
        self._close()
        async with trio.open_nursery() as nursery:
            for process in self._processes:
                nursery.start_soon(process.drain, patience)
        self._life.cancel()

    def _close(self) -> None:
        while self._ports:
            self._ports.pop().socket.close()

    async def _open(self) -> list[Port]:
        began, told = trio.current_time(), False
        while True:
            try:
                return await open_web("web.listen", self._listen)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or trio.current_time() >= began + _FREED:
                    raise
                if not told:
                    _log.warning("web_waits", reason=error.strerror, seconds=_FREED)
                told = True
            await trio.sleep(0.1)

    async def _serve(self, *, task_status: trio.TaskStatus[End | None]) -> None:
        """Have one process serve until it ends; started when it has, or once another one is to take its place."""
        process, status = None, None
        try:
            ours, theirs = trio.socket.socketpair()
            async with trio.SocketStream(ours) as stream:
                with theirs:
                    descriptors = [theirs.fileno(), *(port.socket.fileno() for port in self._ports)]
                    child = Child([*_COMMAND, *map(str, descriptors)], descriptors)
                process = Served(child, Channel(stream, actions(self._backend)), task_status.started)
                status = await self._keep(process)
        except* OSError as errors:
            _log.error("web_failed", reason=str(errors.exceptions[0]))
        except* Exception:  # noqa: BLE001 (whatever befalls pages, messages are carried on)
            _log.exception("web_failed")
        end = End(status, process is not None and process.given_up)
        if process is not None and process.replaced:
            end.log(0.0)
        else:
            task_status.started(end)

    async def _keep(self, process: Served) -> int:
        """Talk to a process until it has ended, which it has on return."""
        self._processes.append(process)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._talk, process)
                status = await process.child.run(log.pass_on)
                nursery.cancel_scope.cancel()
        finally:
            self._processes.remove(process)
        return status

    async def _talk(self, process: Served) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tend, process, nursery)
            await process.channel.run()
            nursery.cancel_scope.cancel()
        await trio.sleep(LEAVE)
        process.child.kill()  # whoever has let go of its end has nothing more to do

    async def _tend(self, process: Served, nursery: trio.Nursery) -> None:
        """Tell a process what to go by, and see to it that it lives."""
        self._courtesy.begin()
        changed, pid = self._changed, process.child.pid
        try:
            with trio.fail_after(_START):
                await process.channel.call("begin", self._config, self._backend.seen)
            process.begun = True
            self._relief.set()
            _log.info("web_begun", pid=pid)
            nursery.start_soon(self._lead, process, changed)
            with trio.CancelScope() as enough:
                nursery.start_soon(self._watch, process, enough)
                await self._live(process)
            await self._hand_over(process)
        except trio.TooSlowError:
            self._courtesy.lost(trio.current_time())
            _log.error("web_stuck", pid=pid)
            process.give_up()
            process.replace()
        except ChannelError:
            _log.debug("web_gone", pid=pid)
        except (RuntimeError, StoreError) as error:
            _log.error("web_failed", pid=pid, reason=str(error))
            process.give_up()

    async def _hand_over(self, process: Served) -> None:
        """Let a process serve until another one does, and then end once it has answered visitors and taken lists in."""
        self._relief = relief = trio.Event()
        process.replace()
        await relief.wait()
        process.begun = False  # it lets nobody in any more
        await process.drain(_HANDED_OVER)
        with trio.move_on_after(_WORK):
            await process.channel.call("finish")
        process.give_up()

    async def _lead(self, process: Served, changed: trio.Event) -> None:
        """Have a process go by the configuration whenever that has changed."""
        try:
            while True:
                await changed.wait()
                changed = self._changed
                await self._ask(process, "follow", self._config)
                _log.info("web_follows", pid=process.child.pid)
        except (*FAILED, trio.TooSlowError) as error:
            _log.warning("web_follows_later", pid=process.child.pid, reason=str(error) or "took too long")
            process.give_up()

    async def _live(self, process: Served) -> NoReturn:
        """Want signs of life of a process for as long as that gives them."""
        while True:
            await trio.sleep(self._silence / _BEATS)
            await self._ask(process, "beat", self._backend.seen)

    async def _watch(self, process: Served, enough: trio.CancelScope) -> None:
        """Have a process give way, after some seconds and if the kernel tells how it fares then, until it starves."""
        await trio.sleep(self._silence / _BEATS)
        while turns := process.child.turns():
            now = trio.current_time()
            if self._courtesy.looked(turns, now):
                _log.warning("web_starved", pid=process.child.pid)
                enough.cancel()
                return
            if self._courtesy.asked(now):
                with suppress(*FAILED):  # whoever wants signs of life sees that, too
                    if not await process.channel.call("give_way"):
                        self._courtesy.refused()
            await trio.sleep(_LOOK)

    async def _ask(self, process: Served, name: str, *arguments: object) -> object:
        with trio.fail_after(self._silence):
            return await process.channel.call(name, *arguments)
