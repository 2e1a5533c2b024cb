"""Lists of numbers as people keep them: which column is what, and what each row says.

Spreadsheets and databases write lists in their own ways: with a first line that names the columns or without, with
commas, semicolons or tabs between them, in UTF-8 or in what Windows used before. All of that is found out from the
beginning of a list. Nothing here reads a file.
"""

from __future__ import annotations

import codecs
import csv
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from gateway.rules.number import NumberError, canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

_DELIMITERS = ";,\t|"
_SAMPLE_LINES = 50
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NAMES = {
    "number": "number numero tel telephone phone msisdn mobile portable gsm destinataire recipient to phonenumber "
    "mobilenumber telephonenumber numerodetelephone",
    "account": "account compte",
    "since": "since date time at optedoutat datestop stopdate createdat",
    "source": "source origin origine",
    "code": "shortcode codecourt numerocourt",
    "everything": "everything all tout",
}
_COLUMNS = {name: column for column, names in _NAMES.items() for name in names.split()}
_YES, _NO = frozenset({"1", "true", "yes", "oui", "vrai"}), frozenset({"", "0", "false", "no", "non", "faux"})
_FRENCH_DATES = ("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S")
_LONGEST_SOURCE = 32
_LONGEST_CODE = 20
_WITHOUT_ZERO = 9  # digits of a French number whose 0 a spreadsheet has dropped
_DIALLED = ("0", "+", "33")
_TOMORROW = timedelta(days=1)


class RowError(ValueError):
    """What is wrong with one row, in words for whoever keeps the list."""


class Layout(NamedTuple):
    """How a list is written: its encoding, what is between columns, where each is, and if its first line names them."""

    encoding: str
    delimiter: str
    columns: dict[str, int]
    header: bool


class Listed(NamedTuple):
    """What one row says; ``since`` in milliseconds since 1970, 0 where it does not say."""

    number: str
    account: str = ""
    since: int = 0
    source: str = ""
    everything: bool = False
    code: str = ""


def layout(beginning: bytes) -> Layout:
    """Find out how a list is written from its first octets.

    Raises:
        RowError: it has no column of numbers, or several that may be.
    """
    encoding = _encoding(beginning)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(beginning)
    lines = [line.replace("\0", "") for line in text.splitlines()[:_SAMPLE_LINES] if line.strip("\0\ufeff \t")]
    tried = [_split(lines, delimiter) for delimiter in _DELIMITERS]
    best = max(tried, key=lambda each: each.numbers)
    if not best.numbers and any(each.width > 1 for each in tried):
        raise RowError("no column of numbers; name one of them number, in the first line")
    if not best.columns:
        raise RowError("more than one column may be the numbers; name one of them number, in the first line")
    return Layout(encoding, best.delimiter, best.columns, best.header)


class _Split(NamedTuple):
    """What a list looks like, cut at one delimiter; ``numbers``: in how many rows a number stands where it should."""

    numbers: float
    width: int
    delimiter: str
    columns: dict[str, int]
    header: bool


def _split(lines: Sequence[str], delimiter: str) -> _Split:
    rows = list(csv.reader(lines, delimiter=delimiter))
    width = max(map(len, rows), default=0)
    named = _named(rows[0]) if rows else {}
    if "number" in named:
        count = sum(_is_number(row, named["number"]) for row in rows)
        return _Split(count + 0.5, width, delimiter, named, header=True)  # also where no row can be used
    counts = [_likeness(rows, place) for place in range(width)] or [(0, 0)]
    best = max(counts)
    header = bool(rows) and not any(map(_has_digits, rows[0]))
    columns = {} if best[1] and counts.count(best) > 1 else {"number": counts.index(best)}
    return _Split(best[1], width, delimiter, columns, header)


def _encoding(beginning: bytes) -> str:
    for mark, encoding in _BOMS:
        if beginning.startswith(mark):
            return encoding
    if b"\0" in beginning[:64]:
        return "utf-16-be" if beginning[:1] == b"\0" else "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _named(header: Sequence[str]) -> dict[str, int]:
    """Say which columns a first line names."""
    found: dict[str, int] = {}
    for place, cell in enumerate(header):
        plain = unicodedata.normalize("NFKD", cell).casefold()
        column = _COLUMNS.get("".join(filter(str.isalpha, plain)))
        if column is not None:
            found.setdefault(column, place)
    return found


def _has_digits(cell: str) -> bool:
    return any(map(str.isdecimal, cell))


def _is_number(row: Sequence[str], place: int) -> bool:
    try:
        canonical(row[place].strip(), 0)
    except (NumberError, IndexError):
        return False
    return True


def _likeness(rows: Sequence[Sequence[str]], place: int) -> tuple[int, int]:
    """Count a column's numbers: those written as people dial, which no other digits are, and all."""
    found = [row[place].strip() for row in rows if _is_number(row, place)]
    return sum(number.startswith(_DIALLED) for number in found), len(found)


class Reader:
    """Reads the rows of one list.

    Args:
        columns: where what stands.
        accounts: which may be named.
        nine: what nine bare digits are that begin with 6 or 7: "french", a number whose 0 was dropped; "foreign"; or
            an error.
        now: the present; nothing can have happened later than that, a time zone apart.
    """

    def __init__(self, columns: dict[str, int], accounts: frozenset[str], nine: str, now: datetime) -> None:
        self._number = columns["number"]
        self._others = {name: place for name, place in columns.items() if name != "number"}
        self._accounts = accounts
        self._nine = nine
        self._now = now

    def read(self, row: Sequence[str]) -> Listed:
        """Read one row.

        Raises:
            RowError: it cannot be used.
        """
        try:
            text = row[self._number].strip()
            if len(text) == _WITHOUT_ZERO and text[0] in "67" and text.isdecimal():
                text = self._nine_digits(text)
            number = canonical(text, 0).key
        except IndexError:
            raise RowError("has too few columns") from None
        except NumberError as error:
            raise RowError(str(error)) from None
        return self._with_others(number, row) if self._others else Listed(number)

    def _nine_digits(self, text: str) -> str:
        """Spell out what may be a French mobile that a spreadsheet has cut, or a number abroad."""
        if not self._nine:
            raise RowError("may be a French mobile without its 0, or a number abroad: write 0 or + before it")
        return f"0{text}" if self._nine == "french" else text

    def _with_others(self, number: str, row: Sequence[str]) -> Listed:
        cells = {name: row[place].strip() if place < len(row) else "" for name, place in self._others.items()}
        account, source = cells.get("account", ""), cells.get("source", "")
        if account and account not in self._accounts:
            raise RowError("is for another account, or one that does not exist")
        if len(source) > _LONGEST_SOURCE:
            raise RowError(f"has a source of more than {_LONGEST_SOURCE} characters")
        code = cells.get("code", "")
        if code and not (code.isalnum() and code.isascii() and len(code) <= _LONGEST_CODE):
            raise RowError("has a short code that is none")
        everything = cells.get("everything", "").casefold()
        if everything not in _YES | _NO:
            raise RowError("says neither true nor false about everything")
        return Listed(number, account, self._since(cells.get("since", "")), source, everything in _YES, code)

    def _since(self, text: str) -> int:
        if not text:
            return 0
        found = _instant(text)
        if found is None:
            raise RowError("has a date that is none: write 2026-01-31 or 31/01/2026, with a time or without")
        if found > self._now + _TOMORROW:
            raise RowError("has a date in the future")
        return max(1, int(found.timestamp() * 1_000))


@lru_cache(maxsize=4_096)
def _instant(text: str) -> datetime | None:
    for form in (None, *_FRENCH_DATES):
        try:
            found = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007 (next)
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
