"""How a webhook's receiver tells that a request is ours: the signature of Standard Webhooks 1.0.

A request carries `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`: for each secret in
use `v1,` and the base64 of an HMAC-SHA256 over id, timestamp and body, joined by full stops. The receiver refuses old
timestamps, so a request that somebody has overheard cannot be played again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "whsec_"  # of a secret; the rest is base64


def sign(secrets: Iterable[str], identifier: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign one attempt, in seconds since 1970, at handing over an event."""
    signed = b"%s.%d.%s" % (identifier.encode(), timestamp, body)
    signatures = (base64.b64encode(hmac.digest(_key(each), signed, hashlib.sha256)).decode() for each in secrets)
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
