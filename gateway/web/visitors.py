"""Who asks, as far as the network tells: the address behind proxies that we trust."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from starlette.requests import HTTPConnection

from gateway.rules.bans import household, origin

Address = IPv4Address | IPv6Address
_NOWHERE = IPv6Address("::")


class Visitors:
    """Finds clients' addresses.

    `proxies` are the networks whose `X-Forwarded-For` is believed: the last address in it that is none of theirs is
    the client, whatever it has written there itself before that.
    """

    def __init__(self, proxies: Sequence[IPv4Network | IPv6Network]) -> None:
        self._proxies = proxies

    def address(self, request: HTTPConnection) -> Address:
        """Return the client's address; `::` where there is none to be had."""
        nearest = _parsed(request.client.host) if request.client else _NOWHERE
        if not self._trusts(nearest):
            return nearest
        for hop in reversed(",".join(request.headers.getlist("x-forwarded-for")).split(",")):
            address = _parsed(hop.strip())
            if address == _NOWHERE:  # what stands before rubbish was not written by a proxy
                return nearest
            nearest = address
            if not self._trusts(address):
                break
        return nearest

    def household(self, request: HTTPConnection) -> str:
        """Return what counts as one origin: an IPv4 address, or the /64 around an IPv6 address."""
        return household(self.address(request))

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)


def _parsed(text: str) -> Address:
    try:
        return origin(text)
    except ValueError:
        return _NOWHERE
