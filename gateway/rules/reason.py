"""Why a submission became what it became: one word for each outcome, the same in metrics, log, database and preview."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """What was done with a submission, or why nothing could be."""

    APPENDED = "appended"
    APPENDED_WITHOUT_SEPARATOR = "appended_without_separator"
    TRANSLITERATED = "transliterated"
    EXTENDED = "extended"
    TRUNCATED = "truncated"
    ALREADY_THERE = "already_there"
    NOT_WANTED = "not_wanted"
    NOT_TEXT = "not_text"  # refused as marketing, passed untouched as a notification
    HELD = "held"  # a part that waits for the others of its message
    DOES_NOT_FIT = "does_not_fit"  # the mention is what is too much
    TOO_LONG = "too_long"  # the text alone is
    TOO_LONG_FOR_OPERATOR = "too_long_for_operator"
    MENTION_REQUIRED = "mention_required"
    OPTED_OUT = "opted_out"
    OUTSIDE_HOURS = "outside_hours"
    NO_ROUTE = "no_route"
    NO_CREDIT = "no_credit"
    THROTTLED = "throttled"
