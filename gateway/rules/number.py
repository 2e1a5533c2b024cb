"""One phone line, one key: every spelling of a number becomes its E.164 digits and the territory it belongs to.

Blacklist, contacts, imports and web form all compare these keys, so two spellings of one line must never differ:
"06 94 38 74 74", "+33 6 94 38 74 74" and "+594 694 38 74 74" are one mobile in French Guiana. A number is accepted when
its length is possible in its country: numbering plans change faster than metadata. Nothing else imports phonenumbers.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, ValidationResult
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number

INTERNATIONAL, NATIONAL = 1, 2  # addr_ton, SMPP 3.4 section 5.2.5
SHORTEST, LONGEST = 7, 15  # digits of an E.164 number, calling code included
UNKNOWN_TERRITORY = "ZZ"
REMEMBERED = 20_000  # numbers: about 6 MB

_HEAD = 6  # digits that settle nearly every territory
_LONGEST_SPELLING = 64
# What people, phones and spreadsheets put between digits, the invisible marks of copied contacts among it.
_PUNCTUATION = re.compile(r"[\s.\-/()\[\]\u00ad\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")

_FRENCH_CODE = "33"
_FRENCH_LENGTH = 10  # digits of a national number, its 0 included
# The overseas parts of the French plan: first digits after +33 or 0, then calling code and territory (ARCEP).
_OVERSEAS = {
    **dict.fromkeys(("590", "690", "691", "7090"), ("590", "GP")),
    **dict.fromkeys(("594", "694", *map(str, range(70930, 70935))), ("594", "GF")),
    **dict.fromkeys(("596", "696", "697", "7091"), ("596", "MQ")),
    **dict.fromkeys(("262", "263", "692", "693", "7092"), ("262", "RE")),
    **dict.fromkeys(("269", "639", *map(str, range(70935, 70940))), ("262", "YT")),
    **dict.fromkeys(("508", "7084", "7085"), ("508", "PM")),
}
# Each stands for the calling code, whatever region the metadata shares it with.
_OVERSEAS_CODES = {"262": "RE", "508": "PM", "590": "GP", "594": "GF", "596": "MQ"}
_WITH_TRUNK_ZERO = tuple(f"{code}0" for code in (_FRENCH_CODE, *_OVERSEAS_CODES))
# National spellings are those of the common French plan there.
_FRENCH_DIALLING = frozenset({"BL", "GF", "GP", "MF", "MQ", "RE", "YT"})

_TOO = {
    ValidationResult.TOO_SHORT: "too short for its country",
    ValidationResult.TOO_LONG: "too long for its country",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "a local number without its area code",
}


class Number(NamedTuple):
    """A phone line."""

    key: str  # E.164 digits without "+": "33612345678"
    territory: str  # ISO 3166 region: "FR" is metropolitan France; "RE", "GF", "MC", "DE" …; "ZZ" where there is none


def zones(number: Number) -> tuple[str, ...]:
    """Return the names of the time zones that a number may be in, several where it does not tell; none: unknown."""
    try:
        parsed = phonenumbers.parse("+" + number.key, None)
    except phonenumbers.NumberParseException:
        return ()
    found = time_zones_for_number(parsed)
    return tuple(name for name in found if name != UNKNOWN_TIMEZONE)


def spoken(number: Number) -> str:
    """Spell a number as people of all countries read it: `+33 6 12 34 56 78`."""
    try:
        parsed = phonenumbers.parse("+" + number.key, None)
    except phonenumbers.NumberParseException:
        return "+" + number.key
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@cache
def territories() -> dict[str, int]:
    """Return every territory that has telephone numbers, in two letters, and its calling code."""
    return {name: phonenumbers.country_code_for_region(name) for name in sorted(phonenumbers.SUPPORTED_REGIONS)}


class NumberError(ValueError):
    """What is wrong with the spelling, in words for the person who wrote it; the number itself is not repeated."""


class _Range(NamedTuple):
    """The numbers that begin with the same few digits, of which phonenumbers would change none."""

    start: str  # what the key begins with instead
    territory: str
    lengths: frozenset[int]  # of whole numbers as spelled, calling code included
    code_length: int
    national_prefix: re.Pattern[str] | None  # where this matches after the calling code, only phonenumbers can tell


def prepare() -> None:
    """Load every numbering plan now, as a daemon must.

    Left to itself phonenumbers reads a plan from disk when it first meets a number of that country; where that fails,
    for want of a file descriptor say, it keeps the lock that it took, and the next number waits for ever.
    """
    PhoneMetadata.load_all()


@lru_cache(maxsize=REMEMBERED)
def canonical(address: str, ton: int = 1, default_region: str = "FR") -> Number:
    """Tell the line that an address means, as spelled on the wire or by a person.

    `ton` 1 takes foreign numbers of any length that E.164 allows, for plans change faster than tables of them; `ton` 2
    makes it a national number of `default_region`; any other is read as people write: "+" or "00" begins an
    international number, a single "0" a national one, and all else is international. Brackets, dots, dashes, spaces
    and invisible marks are ignored.

    Raises:
        NumberError: it cannot be a phone number.
    """
    usual = None if ton == NATIONAL else _usual(address, default_region)
    if usual:
        number = _plain(usual)
        if number is not None:
            return number
    try:
        return _spelled(address, ton, default_region)
    except NumberError:
        if ton != INTERNATIONAL:
            raise
        written = _as_written(address)
        if written is None:
            raise
        return written


def beginning(text: str) -> str:
    """Return the digits with which the keys of numbers begin whose spellings begin like this; empty for no digits.

    Raises:
        NumberError: no number begins like this.
    """
    spelling = _PUNCTUATION.sub("", text)
    digits = spelling.removeprefix("+")
    if digits and not (digits.isascii() and digits.isdecimal() and len(digits) <= LONGEST):
        raise NumberError("only digits, spaces and punctuation make up a phone number")
    if digits != spelling or not digits.startswith("0"):
        return _line(digits, "").key
    return digits[2:] if digits.startswith("00") else _line(_FRENCH_CODE + digits[1:], "").key


def _usual(address: str, default_region: str) -> str | None:
    """Return the digits from the calling code on, of a number spelled in one of the usual ways; None for others."""
    spelling = address if address.isdecimal() else _PUNCTUATION.sub("", address[:_LONGEST_SPELLING])
    digits: str | None = spelling.removeprefix("+")
    if digits == spelling and spelling.startswith("00"):
        digits = spelling[2:]
    elif digits == spelling and spelling.startswith("0"):
        is_french = len(spelling) == _FRENCH_LENGTH and (default_region == "FR" or default_region in _FRENCH_DIALLING)
        digits = _FRENCH_CODE + spelling[1:] if is_french else None
    return digits if digits and digits.isdecimal() and digits.isascii() and len(address) <= _LONGEST_SPELLING else None


def _as_written(address: str) -> Number | None:
    """Take a foreign number of a length that its country is not known to use: operators know better than tables."""
    digits = address.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal() and SHORTEST < len(digits) <= LONGEST) or digits.startswith("0"):
        return None  # no calling code begins with 0
    for code in (digits[:1], digits[:2], digits[:3]):
        region = phonenumbers.region_code_for_country_code(int(code))
        if code == _FRENCH_CODE or code in _OVERSEAS_CODES:
            return None  # this plan we know
        if region != UNKNOWN_TERRITORY:
            return Number(digits, region if region.isalpha() else UNKNOWN_TERRITORY)
    return None


def _plain(digits: str) -> Number | None:
    """Answer without phonenumbers, in a twentieth of the time, where it would change nothing; None where it might."""
    found = _range(digits[:_HEAD])
    if found is None or len(digits) not in found.lengths:
        return None
    if found.national_prefix is not None and found.national_prefix.match(digits, found.code_length):
        return None
    return Number(found.start + digits[_HEAD:], found.territory)


@lru_cache(maxsize=65_536)
def _range(head: str) -> _Range | None:
    metadata = None if head.startswith("0") else _metadata(head[:2]) or _metadata(head[:3])  # no calling code has a 0
    if metadata is None or metadata.general_desc is None or len(head) < _HEAD:
        return None
    code = str(metadata.country_code)
    national = head[len(code) :]
    prefix = metadata.national_prefix_for_parsing or ""
    if national.startswith("0") or _undecided(code, national) or (prefix.isdecimal() and national.startswith(prefix)):
        return None
    description = metadata.general_desc
    possible = set(description.possible_length) - set(description.possible_length_local_only)
    lengths = frozenset(n for n in (len(code) + length for length in possible) if SHORTEST <= n <= LONGEST)
    start, territory = _line(head, metadata.id)
    if _is_no_french_line(start):
        return None
    harmless = not prefix or (prefix.isdecimal() and len(prefix) <= len(national))
    return _Range(start, territory, lengths, len(code), None if harmless else re.compile(prefix))


@cache
def _metadata(code: str) -> PhoneMetadata | None:
    """Find the numbering plan of a calling code, None where several territories share it or none has it."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code or "0"), ())
    territory = _OVERSEAS_CODES.get(code) or (regions[0] if len(regions) == 1 else None)
    return PhoneMetadata.metadata_for_region(territory) if territory else None


def _undecided(code: str, national: str) -> bool:
    """Say whether digits beyond these first ones choose the French territory."""
    if code == "508":
        return national == "508"
    longer = (start for start in _OVERSEAS if len(start) > len(national))
    return code in {"33", "262"} and any(start.startswith(national) for start in longer)


def _line(key: str, territory: str) -> Number:
    """Give a French overseas line its own calling code and territory; leave every other number as it is."""
    if key.startswith("33"):
        national = key[2:]
        found = _overseas(national)
        if found is None:
            return Number(key, territory)
        code, territory = found
        return Number(code + national.removeprefix("508"), territory)
    if key.startswith("262"):
        return Number(key, "YT" if _overseas(key[3:]) == ("262", "YT") else "RE")
    if key.startswith("508508") and len(key) == len("508508551234"):
        return Number(key[3:], "PM")  # the national spelling 0508 55 12 34 after the calling code
    return Number(key, territory)


def _is_no_french_line(key: str) -> bool:
    return key.startswith(_WITH_TRUNK_ZERO)


def _overseas(national: str) -> tuple[str, str] | None:
    return _OVERSEAS.get(national[:3]) or _OVERSEAS.get(national[:4]) or _OVERSEAS.get(national[:5])


def _spelled(address: str, ton: int, default_region: str) -> Number:
    """Read any spelling, by way of phonenumbers."""
    if len(address) > _LONGEST_SPELLING:
        raise NumberError("far too long for a phone number")
    spelling = _PUNCTUATION.sub("", address)
    digits = spelling.removeprefix("+")
    if not digits:
        raise NumberError("no digits")
    if not (digits.isascii() and digits.isdecimal()):
        raise NumberError("only digits, spaces and punctuation make up a phone number")
    if digits == spelling and digits.startswith("00"):
        digits = spelling = spelling.removeprefix("00")
    elif digits == spelling and (ton == NATIONAL or digits.startswith("0")):
        return _parsed(digits, "FR" if default_region in _FRENCH_DIALLING else default_region)
    return _parsed("+" + digits, None)


@lru_cache(maxsize=REMEMBERED)
def spelled(key: str) -> str:
    """Write a canonical number as people read it: with its calling code, in groups."""
    try:
        number = phonenumbers.parse(f"+{key}", None)
    except phonenumbers.NumberParseException:
        return f"+{key}"
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def _parsed(spelling: str, region: str | None) -> Number:
    try:
        number = phonenumbers.parse(spelling, region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == error.INVALID_COUNTRY_CODE:
            raise NumberError("no country has this calling code") from error
        raise NumberError("too short or too long for a phone number") from error
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != ValidationResult.IS_POSSIBLE:
        raise NumberError(_TOO.get(reason, "not a length that its country uses"))
    national = phonenumbers.national_significant_number(number)
    key = f"{number.country_code}{national}"
    if national.startswith("0") and "+" + key != spelling:  # a trunk zero was taken off; there may be another one
        return _parsed("+" + key, None)
    if not SHORTEST <= len(key) <= LONGEST:
        raise NumberError(f"a phone number has {SHORTEST} to {LONGEST} digits")
    line = _line(key, _territory(number))
    if _is_no_french_line(line.key):
        raise NumberError("no French number has a 0 after its calling code")
    return line


def _territory(number: phonenumbers.PhoneNumber) -> str:
    code = number.country_code or 0
    main = _OVERSEAS_CODES.get(str(code)) or phonenumbers.region_code_for_country_code(code)
    if len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())) > 1 and str(code) not in _OVERSEAS_CODES:
        main = phonenumbers.region_code_for_number(number) or main
    return main if main.isalpha() else UNKNOWN_TERRITORY
