"""`stopgate preview`: what a message becomes, without sending it."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from gateway.commands.common import Words, config_option, configuration
from gateway.commands.records import number_argument
from gateway.rules.visible import spelled_out
from gateway.smpp import status
from gateway.smpp.text import Alphabet, encode_gsm7
from gateway.store.base import StoreError
from gateway.store.url import is_missing, read_store
from gateway.submissions.calendars import calendar
from gateway.submissions.previews import Previews, Wish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.config.models import Config
    from gateway.rules.preview import Foreign, Preview, Size

_ALPHABETS = {Alphabet.GSM7: "GSM-7", Alphabet.UCS2: "UCS-2"}
_PLACES = 8  # of one character; more say nothing new


@click.command()
@config_option
@click.option("--account", required=True, metavar="NAME", type=Words(), help="Who would send it.")
@click.option("--to", required=True, metavar="NUMBER", type=Words(), help="To whom, in any spelling.")
@click.option(
    "--encoding", type=click.Choice(["auto", "gsm", "ucs2"]), default="auto", help="How it would be submitted."
)
@click.option("--optout-mention", type=click.IntRange(0, 1), help="The TLV optout_mention, 0 or 1; without: none.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to print it.")
@click.argument("text", type=Words())
def preview(  # noqa: PLR0913  click gives each option by itself
    *, config_path: Path, account: str, to: str, encoding: str, optout_mention: int | None, form: str, text: str
) -> None:
    """Show TEXT as its recipient would get it: the mention in place, alphabet and segments.

    The database, where there is one, tells whether the number has opted out and what the account has switched itself.
    The status is 1 where the message would be refused.
    """
    config = configuration(config_path)
    if account not in config.accounts:
        raise click.ClickException(f"there is no account {account}; the configuration has {', '.join(config.accounts)}")
    if encoding == "gsm" and encode_gsm7(text) is None:
        foreign = "".join(sorted({each for each in text if encode_gsm7(each) is None}))
        raise click.ClickException(f"the GSM alphabet has no {foreign!r}; use --encoding auto")
    number = number_argument(to)
    previews = Previews(config)
    wish = _informed(config, previews, Wish(account, number, text, optout_mention))
    found = previews.preview(wish, time.time_ns() // 1_000_000)
    if form == "json":
        click.echo(json.dumps({"to": number.key, "territory": number.territory} | found.values(), indent=2))
    else:
        click.echo(spelled_out("\n".join(_lines(wish, found))))
    if found.refusal:
        raise click.ClickException(f"it would be refused: {status.describe(found.refusal.status)}")


def _informed(config: Config, previews: Previews, wish: Wish) -> Wish:
    """Return a wish with what the database knows of it; nothing where it cannot be read, which is said."""
    if is_missing(config.store):
        return wish
    try:
        with read_store(config.store) as snapshot:
            return previews.informed(snapshot, wish)
    except StoreError as error:
        click.echo(f"Whether the number has opted out is not known: {error}", err=True)
        return wish


def _lines(wish: Wish, found: Preview) -> Iterator[str]:
    number = wish.number
    why = "a text of that number is read" if found.due == wish.held_until else "outside the account's hours"
    if found.segments:
        yield from (found.text, "")
    yield f"to        {number.key} ({number.territory})"
    yield f"mention   {found.mention.words + ', ' if found.mention else ''}{found.reason.replace('_', ' ')}"
    yield f"alphabet  {_ALPHABETS[found.after.alphabet]}{_alone(found, 'alphabet')}"
    room = f", room for {found.room} more in the last one" if found.segments else ""
    yield f"segments  {found.after.segments}{_alone(found, 'segments')}{room}"
    if len(found.segments) > 1:
        yield from (f"{number:>8}  {each!r}" for number, each in enumerate(found.segments, 1))
    if found.due:
        there = datetime.fromtimestamp(found.due / 1_000, calendar(number).zone)
        yield f"leaves    {there:%Y-%m-%d %H:%M} ({there.tzinfo}): {why} until then"
    if found.foreign:
        yield "foreign   " + ", ".join(map(_spelled, found.foreign))
    if found.plain and found.plain.segments:
        yield f"plain     without accents {_size(found.plain.after)}: {found.plain.text}"


def _alone(found: Preview, what: str) -> str:
    """Say what the text alone takes, where that is something else."""
    before, after = getattr(found.before, what), getattr(found.after, what)
    return "" if before == after else f" (the text alone: {_ALPHABETS.get(before, before)})"


def _size(size: Size) -> str:
    return f"{size.segments} in {_ALPHABETS[size.alphabet]}"


def _spelled(foreign: Foreign) -> str:
    """Say which character keeps the text out of GSM-7, where it stands, counted from 1, and how it could be spelled."""
    places = ", ".join(str(place + 1) for place in foreign.places[:_PLACES])
    places += " …" if len(foreign.places) > _PLACES else ""
    spelling = "" if foreign.spelling is None else f", in GSM-7 {foreign.spelling!r}"
    return f"{foreign.character!r} at {places}{spelling}"
