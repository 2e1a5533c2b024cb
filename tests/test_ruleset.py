"""The configuration in the words of the rules."""

from __future__ import annotations

import pytest

from gateway import ruleset
from gateway.config.models import Config
from gateway.rules.carriage import Long
from gateway.rules.policy import Outlet
from gateway.smpp.text import Alphabet

GSM, LATIN1 = Alphabet.GSM7, Alphabet.LATIN1


@pytest.mark.parametrize(
    ("settings", "outlet"),
    [
        ({}, Outlet()),
        ({"default_alphabet": "latin1"}, Outlet(LATIN1)),
        ({"data_coding_3": "gsm"}, Outlet()),
        ({"default_alphabet": "latin1", "data_coding_3": "gsm"}, Outlet(GSM, coding=3)),
        ({"long_messages": "sar"}, Outlet(long=Long.SAR)),
        ({"interface_version": "3.3"}, Outlet(tlvs=False)),
    ],
)
def test_outlet(settings, outlet):
    """What an operator expects of messages follows from its configuration; GSM-7 goes out under whichever means it."""
    operator = {"host": "127.0.0.1", "system_id": "gw", "password": "secret", **settings}
    config = Config.model_validate({"operators": {"orange": operator}})
    assert ruleset.outlet(config.operators["orange"]) == outlet
