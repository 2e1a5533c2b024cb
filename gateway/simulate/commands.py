"""`stopgate simulate`: an operator or an app on the command line, to try a gateway out by hand."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click
import trio

from gateway.config.values import address
from gateway.rules.visible import in_a_line
from gateway.simulate.app import SimulatedApp
from gateway.simulate.operator import SimulatedOperator
from gateway.simulate.peer import PeerError
from gateway.smpp import receipt, status
from gateway.smpp.fields import PduError
from gateway.smpp.text import TextError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


_READ_SIZE = 4_096
_RECEIPT_TIME = 30.0  # seconds that a receipt may take


def read_address(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, int]:
    """Read HOST:PORT as the configuration spells it; a callback for options."""
    try:
        return address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@contextlib.contextmanager
def in_plain_words() -> Iterator[None]:
    """End the command with one sentence for what the network or a peer did, or no PDU holds; quietly for Ctrl-C."""
    failure: BaseException | None = None
    try:
        yield
    except* KeyboardInterrupt:
        click.echo("stopped")
    except* (OSError, PeerError, PduError, TextError) as errors:
        failure = errors
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if failure is not None:
        raise click.ClickException(str(failure))


system_id_option = click.option("--system-id", required=True, metavar="NAME", help="Who binds.")
password_option = click.option("--password", required=True, metavar="SECRET", help="With what password.")


@click.group()
def simulate() -> None:
    """Play an operator's SMSC or an upstream app, for trying things out."""


@simulate.command()
@click.option(
    "--listen",
    callback=read_address,
    metavar="HOST:PORT",
    default="127.0.0.1:2776",
    show_default=True,
    help="Where to be bound to.",
)
@system_id_option
@password_option
@click.option("--delay", type=click.FloatRange(min=0), default=0.5, show_default=True, help="Seconds until a receipt.")
@click.option("--short-code", default="36034", show_default=True, help="Where the texts that you type go.")
def operator(listen: tuple[str, int], system_id: str, password: str, delay: float, short_code: str) -> None:
    """Be an operator: print what arrives, report it delivered, and send what you type, `NUMBER TEXT` on each line."""
    peer = SimulatedOperator(system_id, password, delay)
    with in_plain_words():
        trio.run(_operate, peer, listen, short_code)


async def _operate(peer: SimulatedOperator, listen: tuple[str, int], short_code: str) -> None:
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(peer.run, *listen)
        click.echo(f"listening on {host}:{port}; type NUMBER TEXT to send a text to {short_code}, Ctrl-C to end")
        await talk(peer, short_code)


async def talk(peer: SimulatedOperator, short_code: str, seen: int = 0) -> None:
    """Print what arrives after the first ``seen`` texts, and hand in what is typed to ``short_code``, for ever."""
    async with trio.open_nursery() as nursery:
        if sys.stdin is not None:
            nursery.start_soon(_listen_to_keyboard, peer, short_code)
        async for text in peer.arrivals(seen):
            segments = "1 segment" if text.segments == 1 else f"{text.segments} segments"
            click.echo(in_a_line(f"{text.source} → {text.destination} ({segments}, {text.alphabet}): {text.text}"))


async def _listen_to_keyboard(peer: SimulatedOperator, short_code: str) -> None:
    async for line in _lines(sys.stdin.fileno()):
        number, _, text = line.strip().partition(" ")
        if text:
            await _hand_in(peer, (number, short_code), text)
        elif number:
            click.echo(f"to send a text, type a number, a space and the text, such as: 33612345678 {number}")


async def _hand_in(peer: SimulatedOperator, ends: tuple[str, str], text: str) -> None:
    if not peer.bound:
        click.echo("nobody is bound yet; the text waits until somebody is")
    try:
        for answer in await peer.text(*ends, text):
            click.echo(in_a_line(f"{ends[0]} → {ends[1]}: {text} ({status.name(answer.status)})"))
    except (PeerError, PduError, TextError) as error:
        click.echo(in_a_line(f"{ends[0]} → {ends[1]}: {error}"))


async def _lines(descriptor: int) -> AsyncIterator[str]:
    """Yield the lines of a terminal, a pipe or a file, without its last one where that has no end."""
    buffer = b""
    while True:
        with contextlib.suppress(PermissionError):  # a plain file is always readable, so nobody can wait for it
            await trio.lowlevel.wait_readable(descriptor)
        data = os.read(descriptor, _READ_SIZE)
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")


@simulate.command()
@click.option(
    "--connect",
    callback=read_address,
    metavar="HOST:PORT",
    default="127.0.0.1:2775",
    show_default=True,
    help="Where the gateway is.",
)
@system_id_option
@password_option
@click.option("--from", "sender", default="DEMO", show_default=True, metavar="SENDER", help="The source address.")
@click.argument("message", nargs=2, metavar="NUMBER TEXT")
def app(connect: tuple[str, int], system_id: str, password: str, sender: str, message: tuple[str, str]) -> None:
    """Be an app: send TEXT to NUMBER, print the answer and the receipt; status 1 when it was not accepted."""
    peer = SimulatedApp(system_id, password, sender)
    with in_plain_words():
        trio.run(_send, peer, connect, message)


async def _send(peer: SimulatedApp, connect: tuple[str, int], message: tuple[str, str]) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(peer.run, *connect)
        click.echo(f"bound to {connect[0]}:{connect[1]}")
        answer = await peer.submit(*message)
        if answer.status != status.ESME_ROK:
            await peer.leave()
            raise PeerError(f"refused: {status.describe(answer.status)} ({status.name(answer.status)})")
        message_id = answer.fields["message_id"]
        click.echo(f"accepted as {in_a_line(message_id)}")
        with trio.move_on_after(_RECEIPT_TIME) as waiting:
            report = await peer.receipt_for(message_id)
            click.echo(f"receipt: {in_a_line(receipt.write(report).decode('ascii'))}")
        await peer.leave()
        if waiting.cancelled_caught:
            raise PeerError(f"no receipt within {_RECEIPT_TIME:.0f} s")
