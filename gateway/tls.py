"""TLS, on both sides: contexts from files, handshakes in limited time, and what is wrong with either in one sentence.

TLS 1.2 is the oldest version spoken. A context is made whole or not at all, so files that do not load never replace
those that did. Nothing here asks for a passphrase: a daemon has nobody to ask.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NamedTuple

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.config.file import KeyPath
    from gateway.config.models import Config
    from gateway.config.smpp import Certificate, OperatorTls


class TlsError(ValueError):
    """Files that make no TLS, or a handshake that failed; `str` says why.

    Attributes:
        key: which setting of its section is at fault, such as `certificate`; empty for a handshake.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


def server_context(tls: Certificate) -> ssl.SSLContext:
    """Make the context that clients meet; with `client_ca` they have to show a certificate that it signed.

    Raises:
        TlsError: a file cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # it costs us far more than the peer that asks for it
    _load_pair(context, tls.certificate, tls.key)
    if tls.client_ca is not None:
        _load_authorities(context, tls.client_ca, "client_ca")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(tls: OperatorTls) -> ssl.SSLContext:
    """Make the context for an operator: its certificate and its host name are checked, always.

    Raises:
        TlsError: a file cannot be used.
    """
    # The certificate authorities of the system are trusted only where no others are named.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.ca is None:
        context.load_default_certs()
    else:
        _load_authorities(context, tls.ca, "ca")
    if tls.certificate is not None and tls.key is not None:
        _load_pair(context, tls.certificate, tls.key)
    return context


class Contexts(NamedTuple):
    """What a configuration's files make: the context that apps meet, and those for operators, by name."""

    server: ssl.SSLContext
    clients: dict[str, ssl.SSLContext]


def contexts(config: Config) -> Contexts:
    """Read every file that the configuration names, now.

    Raises:
        TlsError: one of them cannot be used.
    """
    tls = config.smpp.tls
    # Without a certificate no handshake could succeed, and nothing listens for one.
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls is None else server_context(tls)
    operators = {name: each.tls for name, each in config.operators.items()}
    return Contexts(server, {name: client_context(each) for name, each in operators.items() if each is not None})


def problems(config: Config) -> Iterator[tuple[KeyPath, str]]:
    """Try every file that the configuration names; yield the setting and what is wrong with it."""
    for section, certificate in (("smpp", config.smpp.tls), ("web", config.web.tls)):
        try:
            if certificate is not None:
                server_context(certificate)
        except TlsError as error:
            yield (section, "tls", error.key), str(error)
    for name, operator in config.operators.items():
        try:
            if operator.tls is not None:
                client_context(operator.tls)
        except TlsError as error:
            yield ("operators", name, "tls", error.key), str(error)
    for name, account in config.accounts.items():
        try:
            if account.webhook is not None and account.webhook.ca is not None:
                _load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), account.webhook.ca, "ca")
        except TlsError as error:
            yield ("accounts", name, "webhook", error.key), str(error)


async def shake_hands(stream: trio.abc.Stream, context: ssl.SSLContext, name: str | None = None) -> trio.abc.Stream:
    """Speak TLS on ``stream``: to the server called ``name``, or as the server where there is none.

    Cancelled or failed, it closes the stream.

    Raises:
        TlsError: the peer does not speak it, is not who it should be, or hangs up.
    """
    secure = trio.SSLStream(stream, context, server_hostname=name, server_side=name is None)
    try:
        await secure.do_handshake()
    except BaseException as error:
        await trio.aclose_forcefully(stream)
        forget(secure)
        if isinstance(error, trio.BrokenResourceError):
            raise TlsError(_reason(error)) from error
        raise
    return secure


def forget(stream: trio.abc.Stream) -> None:
    """Let a stream of :func:`shake_hands` that has been closed go at once, with what TLS takes for it.

    It refers to itself, so it would stay, and 40 KiB with it, until a collection: of many at once, which takes long.
    """
    vars(stream).clear()


def _reason(error: trio.BrokenResourceError) -> str:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return "the peer hung up"
    if isinstance(cause, ssl.SSLError):
        return _words(cause.reason or str(cause))
    return f"connection lost: {cause or error}"


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    # OpenSSL does not say which of two files it could not read, so the certificate is tried alone first.
    _load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, "certificate")
    _readable(key, "key")
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(f"{key} is not the key of {certificate}", "key") from error
        if error.reason is None:
            raise TlsError(f"{key} holds no private key in PEM form", "key") from error
        raise TlsError(f"{certificate} cannot be used: {_words(error.reason)}", "certificate") from error


def _load_authorities(context: ssl.SSLContext, file: Path, key: str) -> None:
    _readable(file, key)
    try:
        context.load_verify_locations(file)
    except ssl.SSLError as error:
        raise TlsError(f"{file} holds no certificates in PEM form", key) from error


def _readable(file: Path, key: str) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise TlsError(f"{file} cannot be read: {error.strerror}", key) from error


def _no_passphrase() -> str:
    raise TlsError("is encrypted; give a key without a passphrase", "key")


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()
