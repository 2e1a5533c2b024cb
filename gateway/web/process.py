"""The web as the gateway sees it: ports that are its own, and a process that serves pages there.

Pages cost more than messages do, and one interpreter does one thing at a time: in a process of their own they cannot
hold a message up. The gateway opens the ports, starts the process, answers its calls (:mod:`gateway.web.backend`), and
starts another whenever it ends or shows no sign of life. Visitors wait in the ports' backlog meanwhile.
"""

from __future__ import annotations

import errno
import sys
import time
from typing import TYPE_CHECKING

import structlog
import trio

from gateway.observe import log
from gateway.store.base import StoreError
from gateway.web.channel import Action, Channel, ChannelError
from gateway.web.child import Child
from gateway.web.courtesy import Courtesy, lacked
from gateway.web.http import open_web

if TYPE_CHECKING:
    from gateway.config.models import Config
    from gateway.ports import Port
    from gateway.web.backend import Backend

_log = structlog.get_logger()
_COMMAND = (sys.executable, "-P", "-m", "gateway.web")
_SILENCE = 30.0
_BEATS = 6  # signs of life in that time
_LATE = 0.1
_START = 60.0  # seconds that a process has to begin
_PAUSES = (0.5, 30.0)  # seconds before it is started again: at first, at most
_STEADY = 60.0  # seconds after which it counts as having run well
_FREED = 15.0  # seconds that a gateway which was killed may keep its ports: its pages give way while they end, too
_FAILED = (ChannelError, RuntimeError, StoreError)  # what a call may raise
_LEAVE = 1.0  # seconds beyond those for its visitors that it has to end


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
        late: seconds that the process may lack a processor during a sign of life; more is too little of one.

    Attributes:
        serves: whether it does, as far as was last heard of it.
    """

    def __init__(
        self,
        config: Config,
        listen: tuple[str, int],
        backend: Backend,
        *,
        silence: float = _SILENCE,
        late: float = _LATE,
    ) -> None:
        self.serves = False
        self._config = config
        self._listen = listen
        self._backend = backend
        self._silence = silence
        self._courtesy = Courtesy(late)
        self._channel: Channel | None = None
        self._child: Child | None = None
        self._ports: list[Port] = []
        self._changed = trio.Event()
        self._life = trio.CancelScope()

    @property
    def pid(self) -> int:
        """Of the process that serves; 0: there is none at this moment."""
        return self._child.pid if self._child is not None else 0

    async def run(self, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled or drained; started, with the address, once the ports are open.

        Raises:
            OSError: an address cannot be had; the message names it and the setting.
        """
        self._ports = await self._open()
        task_status.started(self._ports[0].socket.getsockname()[:2])
        pause, most = _PAUSES
        try:
            with self._life:
                while True:
                    began = trio.current_time()
                    code = await self._serve()
                    pause = _PAUSES[0] if trio.current_time() - began > _STEADY else pause
                    _log.error("web_ended", status=code, again_in=pause)
                    await trio.sleep(pause)
                    pause = min(2 * pause, most)
        finally:
            self._close()

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
        if self._channel is not None:
            with trio.move_on_after(patience + _LEAVE):
                try:
                    await self._channel.call("drain", patience)
                except _FAILED as error:
                    _log.debug("web_gone_before", reason=str(error))
        self._life.cancel()

    def _close(self) -> None:
        for port in self._ports:
            port.socket.close()

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

    async def _serve(self) -> int | None:
        """Have one process serve until it ends; returns its exit status, None where there was none."""
        try:
            ours, theirs = trio.socket.socketpair()
            async with trio.SocketStream(ours) as stream:
                with theirs:
                    descriptors = [theirs.fileno(), *(port.socket.fileno() for port in self._ports)]
                    child = Child([*_COMMAND, *map(str, descriptors)], descriptors)
                return await self._keep(child, Channel(stream, actions(self._backend)))
        except* OSError as errors:
            _log.error("web_failed", reason=str(errors.exceptions[0]))
        except* Exception:  # noqa: BLE001 (whatever befalls pages, messages are carried on)
            _log.exception("web_failed")
        return None

    async def _keep(self, child: Child, channel: Channel) -> int:
        """Talk to a process until it has ended, which it has on return."""
        self._child, self._channel = child, channel
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._talk, child, channel)
                status = await child.run(log.pass_on)
                nursery.cancel_scope.cancel()
        finally:
            self._child, self._channel, self.serves = None, None, False
        return status

    async def _talk(self, child: Child, channel: Channel) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tend, channel, child, nursery)
            await channel.run()
            nursery.cancel_scope.cancel()
        await trio.sleep(_LEAVE)
        child.kill()  # whoever has let go of its end has nothing more to do

    async def _tend(self, channel: Channel, child: Child, nursery: trio.Nursery) -> None:
        """Tell a process what to go by, and see to it that it lives."""
        self._courtesy.begin()
        changed = self._changed
        try:
            with trio.fail_after(_START):
                await channel.call("begin", self._config, self._ahead())
            self.serves = True
            _log.info("web_begun", pid=child.pid)
            nursery.start_soon(self._lead, channel, child, changed)
            while await self._lives(channel, child):
                pass
            _log.warning("web_starved", pid=child.pid)
            child.kill()
        except trio.TooSlowError:
            self._courtesy.lost(trio.current_time())
            _log.error("web_stuck", pid=child.pid)
            child.kill()
        except ChannelError:
            _log.debug("web_gone", pid=child.pid)
        except (RuntimeError, StoreError) as error:
            _log.error("web_failed", pid=child.pid, reason=str(error))
            child.kill()

    async def _lead(self, channel: Channel, child: Child, changed: trio.Event) -> None:
        """Have a process go by the configuration whenever that has changed."""
        try:
            while True:
                await changed.wait()
                changed = self._changed
                await self._ask(channel, "follow", self._config)
                _log.info("web_follows", pid=child.pid)
        except (*_FAILED, trio.TooSlowError) as error:
            _log.warning("web_follows_later", pid=child.pid, reason=str(error) or "took too long")
            child.kill()

    async def _lives(self, channel: Channel, child: Child) -> bool:
        """Wait for the next sign of life; returns False where the process gets too little of the processors."""
        await trio.sleep(self._silence / _BEATS)
        if self._courtesy.asked(trio.current_time()) and not await self._ask(channel, "give_way"):
            self._courtesy.refused()
        asked, before = trio.current_time(), child.waits()
        await self._ask(channel, "beat", self._ahead())
        heard, after = trio.current_time(), child.waits()
        return not self._courtesy.heard(lacked(heard - asked, before, after), heard)

    async def _ask(self, channel: Channel, name: str, *arguments: object) -> object:
        with trio.fail_after(self._silence):
            return await channel.call(name, *arguments)

    def _ahead(self) -> int:
        return self._backend.clock() - time.time_ns() // 1_000_000
