"""Failed binds by address: how long the next refusal waits, and who is not let in at all for a while.

The first failure is answered at once, for it is mostly a typing error; each further one waits twice as long as the one
before. An address that fails too often is banned for a fixed time, and begins anew after it. What has not failed for
that long is forgotten, so is whoever binds; and there is an upper limit on what is remembered, however many addresses
an attacker has.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipaddress import IPv4Address

_FIRST_WAIT = 0.25  # seconds that the second refusal waits
_LONGEST_WAIT = 4.0  # an app should still hear why; most give up after 5 seconds or more
_REMEMBERED = 10_000
_SUBSCRIBER = 64  # bits of an IPv6 address that one subscriber has for himself at least, the others he chooses


def origin(address: str) -> IPv4Address | IPv6Address:
    """Read a peer's address; an IPv4 address in IPv6's clothes is an IPv4 address."""
    parsed = ip_address(address)
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


def household(address: IPv4Address | IPv6Address) -> str:
    """Return what counts as one origin: an IPv4 address, or the /64 around an IPv6 address."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _SUBSCRIBER), strict=False))
    return str(address)


class _Record(NamedTuple):
    failures: int
    latest: float
    banned_until: float


_CLEAN = _Record(0, float("-inf"), float("-inf"))


class Bans:
    """Who has failed to bind, how often, and who is banned for it.

    Args:
        failures: how many failures lead to a ban.
        duration: how long a ban lasts, and a failure is remembered, in seconds.
        remembered: of how many households at most; the one that has not failed for longest is forgotten first.
    """

    def __init__(self, failures: int, duration: float, remembered: int = _REMEMBERED) -> None:
        self._most = failures
        self._duration = duration
        self._remembered = remembered
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def failed(self, who: str, now: float) -> float:
        """Count a failed bind and return how many seconds its refusal is to wait."""
        record = self._records.pop(who, _CLEAN)
        failures = 1 if now - record.latest > self._duration else record.failures + 1
        begins = failures >= self._most and now >= record.banned_until
        until = now + self._duration if begins else record.banned_until
        self._records[who] = _Record(failures, now, until)
        if len(self._records) > self._remembered:
            self._records.popitem(last=False)
        return 0.0 if failures == 1 else min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(failures - 2, 32))

    def succeeded(self, who: str) -> None:
        """Forget the failures of somebody who has bound."""
        self._records.pop(who, None)

    def banned(self, who: str, now: float) -> bool:
        """Say whether nobody from there is let in; a ban that is over is forgotten with its failures."""
        record = self._records.get(who)
        if record is None or record.failures < self._most:
            return False
        if now < record.banned_until:
            return True
        del self._records[who]
        return False
