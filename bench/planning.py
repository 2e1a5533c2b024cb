"""How long a text takes to plan, and a receipt to read and to write: ``python bench/planning.py``."""

from __future__ import annotations

from timeit import Timer
from typing import TYPE_CHECKING

from gateway.rules.carriage import Form
from gateway.rules.mention import Budget, plan
from gateway.smpp.receipt import Receipt, read, write
from gateway.smpp.text import Alphabet, decode_text

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, LOOPS = 40, 300
MENTION = "STOP 36034"
BUDGET, FORM, CODES = Budget(max_segments=6), Form(), ("36034",)
LETTERS = "La boutique vous attend demain de 9h a 18h, tout est a moitie prix. "
RECEIPT = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2501011200 done date:2501011201 stat:DELIVRD err:000 text:La boutique"
)
TLVS = [(0x001E, b"0123456789\0"), (0x0427, b"\2")]


def letters(length: int) -> str:
    """Return that many characters of a text in GSM-7."""
    return (LETTERS * (length // len(LETTERS) + 1))[:length]


def only_plan(text: str) -> Callable[[], object]:
    """Return the planning alone: alphabet, mention, segments."""
    return lambda: plan(text, MENTION, BUDGET, CODES)


def send(text: str) -> Callable[[], object]:
    """Return the work that a submission of ``text`` makes for the rules."""

    def work() -> object:
        planned = plan(text, MENTION, BUDGET, CODES)
        return FORM.encode(planned.segments, planned.charset, 7)

    return work


CASES: dict[str, Callable[[], object]] = {
    "plan, GSM-7, 160 characters with the mention": only_plan(letters(149)),
    "plan, GSM-7, 160 characters alone (2 segments out)": only_plan(letters(160)),
    "plan, GSM-7, 3 segments": only_plan(letters(440)),
    "plan, GSM-7, 459 characters, 3 segments alone (4 out)": only_plan(letters(459)),
    "plan and encode, GSM-7, 160 characters with the mention": send(letters(149)),
    "plan and encode, GSM-7, 160 characters alone (2 segments out)": send(letters(160)),
    "plan and encode, GSM-7 with @ and a euro sign, 1 segment": send(letters(140) + "@€"),
    "plan and encode, GSM-7, 3 segments": send(letters(440)),
    "plan and encode, GSM-7 with a euro sign, 3 segments": send("€" + letters(440)),
    "plan and encode, UCS-2, 1 segment": send("ê" + letters(50)),
    "plan and encode, UCS-2 with emoji, 3 segments": send("\U0001f600 ж" + letters(180)),
    "plan and encode, transliterated to 1 segment": send("ê\N{RIGHT SINGLE QUOTATION MARK}" + letters(60)),
    "decode, GSM-7, 160 octets": lambda: decode_text(LETTERS.encode() * 2, Alphabet.GSM7),
    "read a receipt": lambda: read(RECEIPT),
    "read a receipt with TLVs": lambda: read(RECEIPT, TLVS),
    "write a receipt": lambda: write(Receipt("0123456789abcdef", 2, "000", "2501011200", "2501011201", LETTERS)),
}


def main() -> None:
    """Print the best of many short rounds, in microseconds: the cases take turns, so a busy moment spoils none."""
    best = dict.fromkeys(CASES, float("inf"))
    for _ in range(ROUNDS):
        for name, work in CASES.items():
            best[name] = min(best[name], Timer(work).timeit(LOOPS) / LOOPS)
    for name, seconds in best.items():
        print(f"{seconds * 1e6:8.2f} µs  {name}")


if __name__ == "__main__":
    main()
