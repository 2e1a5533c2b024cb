"""An operator that misbehaves in every way: what was accepted arrives, is reported on, and is billed once.

In the suite one gateway lives through all of it in a row; the long version has a trial of each kind.
"""

import pytest
import trio

from tests.faults.endure import LONG, MESSAGES, OPT_OUTS, endure, told
from tests.faults.weather import Weather

pytestmark = pytest.mark.faults

SPELL = 10.0 if LONG else 1.2  # seconds
FAIR = 0.5  # seconds between them
WEATHERS = [each for each in Weather if each is not Weather.FAIR]
STRIKING = set(WEATHERS) - {Weather.DOWN, Weather.SILENT, Weather.HANGING}  # those that count what they befall
CERTAIN = {Weather.DOUBLE, Weather.SHUFFLED, Weather.THROTTLED, Weather.UNBOUND}  # nobody is in doubt for these


async def spell(peers, weather):
    """Let one kind of weather be for a while, and until it has befallen something."""
    before = peers.between.faults
    peers.between.turn(weather)
    if weather is Weather.UNBOUND:
        peers.operator.hang_up()
    await trio.sleep(SPELL)
    while weather in STRIKING and peers.between.faults == before:  # noqa: ASYNC110 (it tells nobody)
        await trio.sleep(0.05)
    peers.between.turn(Weather.FAIR)


@pytest.mark.short
def test_every_weather(tmp_path):
    """One gateway lives through every kind of weather; nothing is lost, and sent again is only what was in doubt."""
    struck = []

    async def meanwhile(peers):
        for weather in WEATHERS:
            await spell(peers, weather)
            await trio.sleep(FAIR)
        struck.append(peers.between.faults)

    books = trio.run(endure, tmp_path, meanwhile)
    assert books.accepted > MESSAGES
    assert books.opt_outs > OPT_OUTS
    assert struck[0] > 5


@pytest.mark.long
@pytest.mark.parametrize("weather", WEATHERS, ids=lambda each: each.name.lower())
def test_weather(tmp_path, capsys, weather):
    """A gateway lives through one kind of weather."""

    async def meanwhile(peers):
        for _ in range(2):
            await spell(peers, weather)
            await trio.sleep(3)

    books = trio.run(endure, tmp_path, meanwhile)
    assert weather not in CERTAIN or books.again == 0 or weather is Weather.UNBOUND
    told(capsys, f"operator: {weather.value}", "nothing lost; sent again at most what was in doubt", books)
