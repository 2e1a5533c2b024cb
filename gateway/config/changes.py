"""What differs between two configurations: what a gateway that runs can take over, whom it concerns, what it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gateway.config.models import Account, Config, Operator

# How we bind, and what a session begins with; everything else about an operator changes while sessions last.
_BINDING = (
    *("host", "port", "tls", "system_id", "password", "system_type", "interface_version", "bind", "binds"),
    *("outbind", "nodes", "enquire_link", "response_timeout"),
)

_FIXED = ("node", "store", "control", "web", "metrics")


class Changes(NamedTuple):
    """What a new configuration means for a gateway that runs.

    ``config`` is the new one, with what needs a restart as it was; ``fixed`` are those keys. ``unbound`` are accounts
    whose apps have to bind again, or may no more; ``ended`` and ``begun`` are operators to be left, and to be bound to
    (one whose way of binding has changed is among both).
    """

    config: Config
    fixed: list[str]
    unbound: set[str]
    ended: set[str]
    begun: set[str]


def changes(old: Config, new: Config) -> Changes:
    """Compare the configuration in force with a new one."""
    config, fixed = _with_fixed(old, new)
    ended = {name for name, each in old.operators.items() if _rebinds(each, config.operators.get(name))}
    begun = {name for name in config.operators if name in ended or name not in old.operators}
    unbound = {name for name, each in old.accounts.items() if _binds_again(each, config.accounts.get(name))}
    return Changes(config, fixed, unbound, ended, begun)


def _with_fixed(old: Config, new: Config) -> tuple[Config, list[str]]:
    """Put what needs a restart back to what it was."""
    tls = new.smpp.tls
    if tls is not None and old.smpp.tls is not None:
        tls = tls.model_copy(update={"listen": old.smpp.tls.listen})
    else:
        tls = old.smpp.tls
    smpp = new.smpp.model_copy(update={"listen": old.smpp.listen, "tls": tls, "limits": old.smpp.limits})
    log = new.log.model_copy(update={"format": old.log.format})
    config = new.model_copy(update={**{key: getattr(old, key) for key in _FIXED}, "smpp": smpp, "log": log})
    wanted = {key: getattr(new, key) != getattr(config, key) for key in _FIXED}
    wanted |= {f"smpp.{key}": getattr(new.smpp, key) != getattr(smpp, key) for key in ("listen", "tls", "limits")}
    wanted["log.format"] = new.log != log
    return config, [key for key, differs in wanted.items() if differs]


def _rebinds(old: Operator, new: Operator | None) -> bool:
    return new is None or any(getattr(old, key) != getattr(new, key) for key in _BINDING)


def _binds_again(old: Account, new: Account | None) -> bool:
    return new is None or new.password != old.password
