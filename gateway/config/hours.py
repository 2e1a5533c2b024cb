"""The hours in which an account's marketing may be sent: the name of a preset, or windows of the account's own."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Tag, model_validator

from gateway.config.values import Section, off
from gateway.rules.hours import Window

_WINDOW = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9]) ?- ?([01][0-9]|2[0-4]):([0-5][0-9])")
_DAY = 24 * 60


def window(value: object) -> Window | None:
    """Return the window of `09:00-19:30`; null is none. ValueError for anything else."""
    if value is None or isinstance(value, Window):
        return value
    match = _WINDOW.fullmatch(value) if isinstance(value, str) else None
    if match:
        opens, closes = (int(hour) * 60 + int(minute) for hour, minute in (match.groups()[:2], match.groups()[2:]))
        if opens < closes <= _DAY:
            return Window(opens, closes)
    raise ValueError("must be a part of one day, such as 09:00-19:30, or null for closed")


DayWindow = Annotated[Window | None, BeforeValidator(window)]


class OwnHours(Section):
    """A window for each day of the week and for public holidays; a day that is not named is closed."""

    mon: DayWindow = None
    tue: DayWindow = None
    wed: DayWindow = None
    thu: DayWindow = None
    fri: DayWindow = None
    sat: DayWindow = None
    sun: DayWindow = None
    holidays: DayWindow = None

    @model_validator(mode="after")
    def _opens_at_all(self) -> "OwnHours":
        if not any(self.week):
            raise ValueError("must open on at least one day of the week, such as mon: 09:00-19:30")
        return self

    @property
    def week(self) -> tuple[Window | None, ...]:
        """The windows from Monday to Sunday."""
        return self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun


def _kind(value: object) -> str:
    return "own" if isinstance(value, Mapping | OwnHours) else "preset"


Preset = Literal["off", "strict", "af2m-2024", "af2m-2026"]
Opening = Annotated[
    Annotated[Preset, Tag("preset")] | Annotated[OwnHours, Tag("own")], Discriminator(_kind), BeforeValidator(off)
]
