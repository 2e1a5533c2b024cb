"""GSM-7 with the letters of one language: national tables, which a user data header calls for in every part.

A *locking shift* table stands instead of the default one, a *single shift* table instead of the extension behind an
escape; both may be there, for different languages. Known are Turkish, Spanish and Portuguese; a header that calls for
any other makes the text unreadable here. Source: 3GPP TS 23.038 annex A, TS 23.040 sections 9.2.3.24.15 and 16.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from gateway.smpp.text import DEFAULT_TABLE, EXTENSION_TABLE, TextError

SINGLE_SHIFT, LOCKING_SHIFT = 0x24, 0x25  # information element identifiers
TURKISH, SPANISH, PORTUGUESE = 1, 2, 3  # national language identifiers
_ESC = 0x1B
_ELEMENT = 3  # octets of one such information element

_SINGLE = {  # what a language adds to the default extension
    TURKISH: "47 Ğ 49 İ 53 Ş 63 ç 67 ğ 69 \u0131 73 ş",
    SPANISH: "09 ç 41 Á 49 Í 4F Ó 55 Ú 61 á 69 í 6F ó 75 ú",
    PORTUGUESE: "05 ê 09 ç 0B Ô 0C ô 0E Á 0F á 12 Φ 13 Γ 15 Ω 16 Π 17 Ψ 18 Σ 19 Θ 1F Ê 41 À 49 Í 4F Ó 55 Ú 5B Ã 5C Õ "
    "61 Â 69 í 6F ó 75 ú 7B ã 7C õ 7F â",
}
_LOCKING = {  # where a language differs from the default table
    TURKISH: "04 € 07 \u0131 0B Ğ 0C ğ 1C Ş 1D ş 40 İ 60 ç",
    PORTUGUESE: "04 ê 06 ú 07 í 08 ó 09 ç 0B Ô 0C ô 0E Á 0F á 12 ª 13 Ç 14 À 15 ∞ 16 ^ 17 \\ 18 € 19 Ó 1A | 1C Â 1D â "
    "1E Ê 24 º 40 Í 5B Ã 5C Õ 5D Ú 60 ~ 7B ã 7C õ 7D `",
}


class National(NamedTuple):
    """The national tables that a text is written with, by language; 0: the default one."""

    locking: int = 0
    single: int = 0

    @property
    def elements(self) -> bytes:
        """The information elements that call for these tables."""
        single = bytes((SINGLE_SHIFT, 1, self.single)) if self.single else b""
        return single + (bytes((LOCKING_SHIFT, 1, self.locking)) if self.locking else b"")

    @property
    def octets(self) -> int:
        """How much of a header the elements take."""
        return _ELEMENT * (bool(self.single) + bool(self.locking))

    @property
    def alternatives(self) -> tuple[National, ...]:
        """These tables, and where they are two each alone, which takes less of a header."""
        alone = (National(single=self.single), National(locking=self.locking))
        return (*alone, self) if self.single and self.locking else (self,)


def national_of(elements: list[tuple[int, bytes]]) -> National | None:
    """Return the tables that a header's elements (identifier, data) call for; None: only the default ones.

    Raises:
        TextError: tables that are not known here.
    """
    languages = {identifier: data for identifier, data in elements if identifier in (SINGLE_SHIFT, LOCKING_SHIFT)}
    if not languages:
        return None
    locking, single = (languages.get(each, b"\0") for each in (LOCKING_SHIFT, SINGLE_SHIFT))
    if len(locking) != 1 or len(single) != 1 or locking[0] not in {0, *_LOCKING} or single[0] not in {0, *_SINGLE}:
        raise TextError("written with national language tables that are not known here")
    return National(locking[0], single[0]) if any(locking + single) else None


def decode_national(octets: bytes, national: National) -> str:
    """Read unpacked septets that were written with national tables.

    Raises:
        TextError: an octet above 0x7F, or an escape at the very end.
    """
    base, extension = _tables(national)
    characters = []
    septets = iter(octets)
    for septet in septets:
        code = next(septets, None) if septet == _ESC else septet
        if code is None or code >= len(base):
            raise TextError("not GSM-7: the text ends within an escape sequence, or has octets above 0x7F")
        if septet == _ESC:
            characters.append(extension.get(code) or (" " if code == _ESC else base[code]))
        else:
            characters.append(base[code])
    return "".join(characters)


def encode_national(text: str, national: National) -> bytes | None:
    """Write ``text`` with national tables, as unpacked septets; None when they lack a character."""
    spelled = _spellings(national)
    try:
        return b"".join([spelled[character] for character in text])
    except KeyError:
        return None


@lru_cache(maxsize=16)
def _tables(national: National) -> tuple[str, dict[int, str]]:
    """Return what each code means: in the table itself, and behind an escape."""
    base = list(DEFAULT_TABLE)
    for code, character in _listed(_LOCKING.get(national.locking, "")):
        base[code] = character
    extension = {code: character for character, code in EXTENSION_TABLE.items()}
    extension.update(_listed(_SINGLE.get(national.single, "")))
    return "".join(base), extension


@lru_cache(maxsize=16)
def _spellings(national: National) -> dict[str, bytes]:
    base, extension = _tables(national)
    spelled = {character: bytes((_ESC, code)) for code, character in extension.items()}
    spelled.update({character: bytes((code,)) for code, character in enumerate(base) if code != _ESC})
    return spelled


def _listed(text: str) -> list[tuple[int, str]]:
    words = text.split()
    return [(int(code, 16), character) for code, character in zip(words[::2], words[1::2], strict=True)]
