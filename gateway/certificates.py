"""Until when a certificate is good: read from its file, without a look at anything else in it.

The standard library opens certificates for handshakes only. Their dates stand at a fixed place of a fixed structure
(RFC 5280 section 4.1), which takes a few lines of DER to reach.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FIRST = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17
_LONG = 0x80  # a length of more than one octet, whose number of octets follows
_TURN = 50  # of a year in two digits: 50 to 99 are of the last century (RFC 5280 section 4.1.2.5.1)


def expiry(file: Path) -> datetime:
    """Return until when the first certificate of a PEM file is good.

    Raises:
        ValueError: there is none in it.
        OSError: it cannot be read.
    """
    found = _FIRST.search(file.read_text(encoding="ascii", errors="replace"))
    if found is None:
        raise ValueError(f"{file} holds no certificates in PEM form")
    try:
        return _not_after(ssl.PEM_cert_to_DER_cert(found.group()))
    except (ValueError, IndexError) as error:
        raise ValueError(f"{file} holds something that is no certificate") from error


def _not_after(der: bytes) -> datetime:
    certificate = _inside(der, 0)
    part = _inside(der, certificate)  # of what is signed: version, serial number, algorithm, issuer, validity
    skipped = 4 if der[part] == _VERSION else 3
    for _ in range(skipped):
        part = _behind(der, part)
    not_before = _inside(der, part)
    place = _behind(der, not_before)
    text = der[_inside(der, place) : _behind(der, place)].decode("ascii")
    if der[place] == _UTC_TIME:
        text = ("19" if int(text[:2]) >= _TURN else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _inside(der: bytes, at: int) -> int:
    """Return where the contents of the element at a place begin."""
    return at + 2 + (der[at + 1] & ~_LONG if der[at + 1] & _LONG else 0)


def _behind(der: bytes, at: int) -> int:
    """Return where the element at a place has ended."""
    begins = _inside(der, at)
    length = int.from_bytes(der[at + 2 : begins], "big") if der[at + 1] & _LONG else der[at + 1]
    return begins + length
