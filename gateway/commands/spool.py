"""`stopgate spool`: what waits to be sent, in either direction; rows tried again, or dropped, by hand."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import click
import trio

from gateway.commands import progress
from gateway.commands.common import Words, config_option, configuration
from gateway.commands.records import format_option, number_argument, show_all, show_long
from gateway.commands.words import age, counted, instant
from gateway.control import ControlError, ask
from gateway.store import browse
from gateway.store.browse import Selection
from gateway.store.ids import made_at, unwire, wire
from gateway.store.url import open_store
from gateway.tend import Tending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gateway.config.models import Config
    from gateway.store.base import Snapshot, Tx
    from gateway.store.reading import Parts
    from gateway.tend import Tended

    Act = Callable[[Tx, Selection, int], Tended]

_STATUS = ["lane", "rows", "due", "later", "held", "tried", "oldest", "waits"]
_ROWS = ["id", "lane", "message_id", "account", "number", "state", "accepted", "due", "expires", "attempts", "priority"]


def _lane(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value.partition("/")[0] not in ("operator", "account"):
        raise click.BadParameter("must be operator/NAME or account/NAME; see `stopgate spool status`")
    return value


def _message(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    if (identifier := unwire(value)) is None:
        raise click.BadParameter("must be a message_id: 16 hexadecimal digits")
    return identifier


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which rows are meant; each given narrows it down."""
    options = [
        click.option("--lane", metavar="LANE", type=Words(), callback=_lane, help="operator/NAME or account/NAME."),
        click.option("--account", metavar="NAME", type=Words(), help="Only this account's, in lanes of operators."),
        click.option("--number", metavar="NUMBER", type=Words(), help="Only what is for this number."),
        click.option("--message", metavar="ID", type=Words(), callback=_message, help="Only this message."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _selection(lane: str | None, account: str | None, number: str | None, message: int | None) -> Selection:
    return Selection(lane, message, None if number is None else number_argument(number).key, account)


@click.group()
def spool() -> None:
    """Show what waits to be sent; try it again, or drop it."""


@spool.command()
@config_option
@format_option
def status(config_path: Path, form: str) -> None:
    """Print for each lane how much waits and for how long: due now, due later, held by a gateway, tried before."""
    now = time.time_ns() // 1_000_000

    def query(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
        for *counts, oldest, since in browse.status(snapshot, now):
            waits = max(0, now - since) if since else 0
            yield *counts, instant(oldest), age(waits) if form == "table" else waits / 1_000

    show_all(form, _STATUS, configuration(config_path), query)


@spool.command("list")
@config_option
@selection_options
@format_option
def list_spool(config_path: Path, form: str, **which: Any) -> None:  # noqa: ANN401 (the options' own types)
    """Print the rows that wait, the oldest first."""
    selection, now = _selection(**which), time.time_ns() // 1_000_000

    def query(parts: Parts) -> Iterator[tuple[Any, ...]]:
        for row in browse.listing(parts, selection):
            state = "held" if row.held else "due" if row.due <= now else "later"
            due = instant(row.due) if row.due > 0 else "at once"
            times = instant(made_at(row.id)), due, instant(row.expires)
            message = wire(row.message) if row.message else ""
            yield wire(row.id), row.lane, message, row.account, row.number, state, *times, row.attempts, row.priority

    show_long(form, _ROWS, configuration(config_path), query)


@spool.command()
@config_option
@selection_options
def retry(config_path: Path, **which: Any) -> None:  # noqa: ANN401 (likewise)
    """Let rows that were refused before be tried again at once, within the hours of their account."""
    config = configuration(config_path)
    tried, left = _act(config, Tending(config).retry, _selection(**which), "retry")
    click.echo(f"{counted(tried, 'row')} will be tried again at once; {left}")


@spool.command()
@config_option
@selection_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(config_path: Path, *, yes: bool, **which: Any) -> None:  # noqa: ANN401 (likewise)
    """Take rows out for good: their messages end as DELETED, with receipts; confirmations of opt-outs stay."""
    selection = _selection(**which)
    if selection == Selection():
        raise click.UsageError("say which rows are to go: --lane, --account, --number or --message")
    if not yes:
        click.confirm("Drop these rows for good?", abort=True, err=True)
    config = configuration(config_path)
    dropped, left = _act(config, Tending(config).drop, selection, "drop")
    click.echo(f"{counted(dropped, 'row')} dropped; {left}")


def _act(config: Config, act: Act, selection: Selection, stage: str) -> tuple[int, str]:
    """Act on all rows selected; returns on how many, and a word about those that a gateway has in memory."""

    async def run() -> tuple[int, int]:
        """Act page by page; returns on how many rows, and how many a gateway has in memory."""
        waiting, held = await store.once(lambda tx: browse.count(tx, selection))
        bar.begin(stage, waiting)
        done, after = 0, 0
        while True:
            tended = await store.once(lambda tx: act(tx, selection, after))  # noqa: B023 (run before the next turn)
            bar.advance(tended.seen)
            done += tended.done
            if tended.after is None:
                return done, held
            after = tended.after

    with (
        progress.in_plain_words(),
        closing(open_store(config.store, f"{config.node}/cli", create=False)) as store,
        progress.bar() as bar,
    ):
        done, held = trio.run(run)
    _have_looked(config)
    word = "a gateway has none in memory"
    if held:
        word = f"a gateway has {held:,} more in memory, which `stopgate operators suspend` makes it let go of"
    return done, word


def _have_looked(config: Config) -> None:
    """Have the gateway see at once what has changed; one that cannot be asked looks by itself, every ten seconds."""
    if config.control_socket is not None:
        with suppress(ControlError):
            ask(config.control_socket, "look")
