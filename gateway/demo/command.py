"""`stopgate demo`: sets the stage in a temporary folder, plays the story, and cleans up after itself."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
import trio

from gateway.demo.process import GatewayError, GatewayProcess, Setting
from gateway.demo.story import ENDING, MENTIONS, STORY, Stage, Step, StepError
from gateway.demo.teller import JsonTeller, PlainTeller, Teller
from gateway.simulate.app import SimulatedApp
from gateway.simulate.commands import read_address, talk
from gateway.simulate.operator import SimulatedOperator
from gateway.simulate.peer import PeerError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATIENCE = 60.0  # seconds for each step; a busy machine takes its time
_DELAY = 0.2  # seconds until a receipt: long enough to be seen, not to be waited for


@click.command()
@click.option("--once", is_flag=True, help="End after the story; status 0 only if all of it came true.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line for each step.")
@click.option(
    "--listen",
    default="127.0.0.1:0",
    callback=lambda ctx, param, value: "{}:{}".format(*read_address(ctx, param, value)),
    metavar="HOST:PORT",
    help="Where the gateway takes your apps; by default any free port.",
)
def demo(*, once: bool, as_json: bool, listen: str) -> None:
    """Show what the gateway does, with a simulated operator and a simulated app, in a temporary folder."""
    teller: Teller = JsonTeller() if as_json else PlainTeller()
    unheard: BaseException | None = None
    with tempfile.TemporaryDirectory(prefix="stopgate-demo-") as folder:
        play = Play(Path(folder), listen, teller)
        try:
            trio.run(play.run, once)
        except* OSError as errors:  # nobody reads what is told, or it cannot be written
            unheard = errors
    while isinstance(unheard, BaseExceptionGroup):
        unheard = unheard.exceptions[0]
    if unheard is not None:
        raise unheard
    sys.exit(0 if play.came_true else 1)


class Play:
    """One showing.

    Args:
        folder: for the gateway's files.
        listen: where the gateway takes apps, HOST:PORT.
        teller: tells each step.

    Attributes:
        came_true: whether every step so far did, and all were played.
    """

    def __init__(self, folder: Path, listen: str, teller: Teller) -> None:
        self.came_true = False
        self._folder = folder
        self._listen = listen
        self._teller = teller

    async def run(self, once: bool) -> None:  # noqa: FBT001 (trio.run passes by position)
        """Play the story; then go on until a signal comes unless ``once``; then stop everything."""
        setting = Setting(("", 0), self._listen)
        operator = SimulatedOperator(setting.operator_system_id, setting.operator_password, _DELAY)
        async with trio.open_nursery() as nursery:
            setting = setting._replace(operator=await nursery.start(operator.run))
            gateway = GatewayProcess(self._folder, setting)
            nursery.start_soon(gateway.run)
            stage = Stage(gateway, operator, SimulatedApp(setting.account, setting.password), nursery)
            with trio.CancelScope() as playing:
                nursery.start_soon(_heed_signals, playing)
                self.came_true = await self._tell(STORY, stage)
                if self.came_true and not once:
                    await self._stay_open(stage, setting)
            if self.came_true:
                self.came_true = await self._tell(ENDING, stage)
            nursery.cancel_scope.cancel()

    async def _stay_open(self, stage: Stage, setting: Setting) -> None:
        await stage.app.leave()  # or it would share the receipts of whoever binds to its account
        self._teller.invite(_ways_in(stage.gateway, setting))
        if self._teller.converses:
            await talk(stage.operator, MENTIONS.short_code, len(stage.operator.received))
        await trio.sleep_forever()

    async def _tell(self, steps: Sequence[Step], stage: Stage) -> bool:
        """Play steps until one fails; say whether none did."""
        for step in steps:
            try:
                with trio.fail_after(_PATIENCE):
                    figures = await step.act(stage)
            except trio.TooSlowError:
                why = f"that has not happened within {_PATIENCE:.0f} s"
            except (StepError, GatewayError, PeerError, OSError) as error:
                why = str(error)
            else:
                self._teller.came_true(step, figures)
                continue
            self._teller.failed(step, why, stage.gateway.log_tail)
            return False
        return True


def _ways_in(gateway: GatewayProcess, setting: Setting) -> dict[str, str]:
    address = "{}:{}".format(*gateway.address)
    credentials = f"--system-id {setting.account} --password {setting.password}"
    return {
        "bind an app": f"{address}, system_id {setting.account}, password {setting.password}",
        "or send with": f'stopgate simulate app --connect {address} {credentials} 33612345679 "Bonjour"',
        "text a STOP": "type it here: 33612345679 STOP",
        "look around": f"stopgate blacklist list --config {gateway.path}",
        "client area": f"{gateway.web_url}/, log in as {setting.account} with password {setting.password}",
        "opt-out page": f"{gateway.web_url}/opt-out",
        "metrics": gateway.metrics_url,
    }


async def _heed_signals(playing: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            playing.cancel()
