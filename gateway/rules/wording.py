"""Does a text already say how to opt out? Then it is not given a second mention.

It does when it ends with the mention, or tells its reader to send STOP to a short code of ours. To take something else
for that would let marketing out without a way out, so whatever is not plain does not count; a doubled mention does
less harm.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_END = r"[\W_]*+\Z"  # what may follow at the end: punctuation, white space, an emoji
_PATH = r"(?:[/?#]\S*+)?+"  # what may follow a host name
_MARK = r"[^\w.,;!?\u2026\u00a1\u00bf]|_"  # signs that do not end a sentence: dashes, arrows, quotes, white space
_BOUND = r"(?![^\W\d_])"
_WAY = (  # words that say what stops, or where STOP goes
    r"\b(?:au|to|at|an|al|ao|aan|en|par|by|via|per|por|le|the|la|el|il|o|die|code|court|short|corto|breve|curto|"
    r"num[eé]ro|n[uú]mero|number|nummer|kurzwahl|n[°º]|no|nr|sms|msgs?|messages?|mails?|mailing|pubs?|publicit[eé]s?|"
    r"promos?|infos?|alertes?|offres?|news|spam|gratuit|gratuitement|gratis|kostenlos|free|svp|please|bitte|retour|"
    r"pour (?:se|vous) d[eé]s(?:inscrire|abonner)|to (?:opt[ -]?out|unsubscribe|cancel|end)|zum abmelden)" + _BOUND
)
_SEND = (  # words that say that something is to be sent
    r"\b(?:avec|with|mit|con|com|met|mot|word|wort|palabra|parola|palavra|woord|texte?|envoyez|envoyer|envoi|"
    r"r[eé]pondez|r[eé]pondre|r[eé]ponse|tapez|send|reply|replying|sende|antworte|env[ií]e|responda|invia|rispondi|"
    r"envie|stuur)" + _BOUND
)
_STOP = r"(?<!\w)(?<![^\W\d_][-\u2010\u2011\u2013])stop"  # not that of "non-stop"
_NO_PRICE = r"(?!\w|[.,]\d|\s?(?:[€$£%°]|euros?\b|eur\b))"


def locate(text: str, mention: str, codes: Sequence[str] = ()) -> tuple[int, int] | None:
    """Return where ``text`` says what ``mention`` would, so that it needs none: at its end, or in words of its own.

    Those tell the reader to send STOP to one of ``codes``. Case, and what is neither letter nor digit at the end, do
    not matter; a host name may have a path. A longer word or host name that merely ends like the mention does not
    count, nor does a STOP without the code.
    """
    folded = text.casefold()
    if mention.casefold() in folded and (found := _at_the_end(mention).search(text)):
        return found.start(), found.start() + len(mention)
    if "stop" in folded:
        for code in codes:
            if found := _instruction(code).search(text):
                return found.span()
    return None


@lru_cache(maxsize=256)
def _at_the_end(mention: str) -> re.Pattern[str]:
    alone = r"(?<![\w@])(?<![^\W_][-.\u2010\u2011\u2013])"
    www = r"|(?<=\bwww\.)"
    path = _PATH if "." in mention and " " not in mention else ""
    return re.compile(rf"(?:{alone}{www}){re.escape(mention)}{path}{_END}", re.IGNORECASE)


@lru_cache(maxsize=256)
def _instruction(code: str) -> re.Pattern[str]:
    """Match "STOP au 36034", "Stop SMS: 36 034", "text STOP to 36034", "au 36034, répondez STOP" and their like.

    Where the code comes first a word between the two must say that STOP is what to send: "36034 stop" may say anything.
    """
    number = r"[ \u00a0\u202f.-]?".join(re.escape(digit) for digit in code)
    forwards = rf"{_STOP}(?:sms|pub)?(?:{_MARK}|{_WAY}|{_SEND}){{0,24}}{number}{_NO_PRICE}"
    between = rf"(?:{_MARK}|,|{_WAY}){{0,8}}{_SEND}(?:{_MARK}|,|{_WAY}|{_SEND}){{0,16}}"
    return re.compile(rf"{forwards}|(?<!\d){number}{between}{_STOP}(?![\w-])", re.IGNORECASE)
