"""What a new configuration means for a gateway that runs."""

import pytest

from gateway.config.changes import changes
from gateway.config.models import Config
from tests.flows.world import merged

SETTINGS = {
    "node": "gw1",
    "smpp": {"tls": {"listen": ["127.0.0.1:3550"], "certificate": "a.pem", "key": "a.key"}},
    "accounts": {"shop": {"password": "secret"}, "bank": {"password": "secret"}},
    "operators": {name: {"host": "127.0.0.1", "system_id": "gw", "password": "secret"} for name in ("orange", "sfr")},
    "routes": [{"prefixes": [""], "operators": ["orange"]}],
}


def compare(**differences):
    """Compare the settings with themselves under ``differences``."""
    return changes(Config.model_validate(SETTINGS), Config.model_validate(merged(SETTINGS, differences)))


def test_nothing_has_changed():
    """The same configuration concerns nobody and wants no restart."""
    news = compare()
    assert news == (Config.model_validate(SETTINGS), [], set(), set(), set())


@pytest.mark.parametrize(
    ("differences", "key"),
    [
        ({"node": "gw2"}, "node"),
        ({"store": "sqlite:///other.db"}, "store"),
        ({"web": {"public_url": "https://else.example"}}, "web"),
        ({"metrics": {"listen": "127.0.0.1:9200"}}, "metrics"),
        ({"smpp": {"listen": ["127.0.0.1:2776"]}}, "smpp.listen"),
        ({"smpp": {"tls": {"listen": ["127.0.0.1:3551"]}}}, "smpp.tls"),
        ({"smpp": {"tls": None}}, "smpp.tls"),
        ({"smpp": {"limits": {"ban": "1s"}}}, "smpp.limits"),
        ({"log": {"format": "console"}}, "log.format"),
    ],
)
def test_what_wants_a_restart(differences, key):
    """What cannot change while we run is named, and stays as it was."""
    news = compare(**differences)
    assert news.fixed == [key]
    assert news.config == Config.model_validate(SETTINGS)


@pytest.mark.parametrize(
    "differences",
    [
        {"accounts": {"shop": {"rate": 7, "max_binds": 1, "language": "en", "overflow": "reject"}}},
        {"operators": {"orange": {"rate": 7, "window": 3, "uncertain": "fail", "message_id": "hex"}}},
        {"routes": [{"prefixes": ["33"], "operators": ["sfr", "orange"]}]},
        {"opt_out": {"separator": "\n"}, "delivery": {"validity": "1h"}, "log": {"level": "debug"}},
        {"smpp": {"tls": {"certificate": "b.pem"}, "response_timeout": "3s"}},
    ],
)
def test_what_disturbs_nobody(differences):
    """Limits, texts, routes, certificates and times of apps' sessions change without anybody's binding again."""
    news = compare(**differences)
    assert news.config == Config.model_validate(merged(SETTINGS, differences))
    assert news[1:] == ([], set(), set(), set())


@pytest.mark.parametrize("key", ["password", "gone"])
def test_accounts_that_bind_again(key):
    """An account with another password, or that is gone, is let go; others are not."""
    settings = merged(SETTINGS, {"accounts": {"shop": {"password": "other"}}})
    if key == "gone":
        del settings["accounts"]["shop"]
    news = changes(Config.model_validate(SETTINGS), Config.model_validate(settings))
    assert (news.unbound, news.ended, news.begun) == ({"shop"}, set(), set())


@pytest.mark.parametrize("key", ["host", "port", "system_id", "password", "binds", "response_timeout"])
def test_operators_that_are_bound_to_again(key):
    """An operator that is reached or bound to another way is left and bound to again; others are not."""
    value = {"host": "127.0.0.2", "port": 2777, "binds": 2, "response_timeout": "3s"}.get(key, "other")
    news = compare(operators={"orange": {key: value}})
    assert (news.unbound, news.ended, news.begun) == (set(), {"orange"}, {"orange"})


def test_operators_that_come_and_go():
    """A new operator is bound to, one that is gone is left."""
    settings = merged(SETTINGS, {"operators": {"free": SETTINGS["operators"]["orange"]}})
    del settings["operators"]["sfr"]
    news = changes(Config.model_validate(SETTINGS), Config.model_validate(settings))
    assert (news.ended, news.begun) == ({"sfr"}, {"free"})
