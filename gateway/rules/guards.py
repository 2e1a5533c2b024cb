"""What keeps a text from being read word by word: reactions, answering machines, negations, signatures and quotes."""

from __future__ import annotations

import re

_STOP_VERBS = (
    r"stop(?!s\b)",
    r"stopp(?:er|ez|en)",
    r"arret(?:er|ez|e)",
    r"(?:me |nous )?des(?:abonn|inscri)\w+",
    "unsubscribe",
    "opt out",
    "cancel",
    "(?:mich )?(?:abmelden|abbestellen|austragen)",
    "(?:darme de |dar de |la )?baja",
    r"disiscriv\w+",
    r"cancell\w+",
    r"descadastr\w+",
    "(?:me |mij )?(?:uitschrijven|afmelden)",
)
_STOP = f"(?:{'|'.join(_STOP_VERBS)})"
_NEGATIONS = (
    rf"(?:n|ne) (?:vous |me )?{_STOP} (?:pas|jamais|surtout pas)(?! de )",
    rf"(?:pas|jamais) (?:de |d |me )?{_STOP}",
    rf"(?:don t|dont|do not|never|not) (?:ever )?(?:want |wish |like )?(?:to )?{_STOP}",
    rf"(?:nicht|niet) {_STOP}",
    rf"{_STOP} (?:mich )?nicht\b",
    rf"(?:no|non|nao) (?:quiero|deseo|voglio|desidero|quero|desejo) (?:me )?{_STOP}",
)
_NEGATED = re.compile(rf"\b(?:{'|'.join(_NEGATIONS)})")

# What phones say that somebody did to a text of ours, before they quote it.
_BEFORE_A_QUOTE = (
    # French
    r"(?:a |n['’]a pas )?(?:aimé|adoré|rigolé à|ri (?:de|à)|mis en (?:avant|évidence)|souligné|insisté sur|questionné)",  # noqa: RUF001
    r"(?:a )?(?:réagi|supprimé|retiré)[^«“\"]{0,40}",
    # English
    r"liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|replied to",
    r"reacted[^«“\"]{0,30}|removed [^«“\"]{1,40} from",
    # German
    r"gefällt|gefiel|liebt|lach(?:t|te) über|hebt|betont|fragt|(?:reagierte|hat)[^«“„\"]{0,30}",
    # Spanish
    r"(?:no )?le (?:gusta|gustó|encanta|encantó)|se (?:ríe|rió) de|enfatizó|destacó|(?:reaccionó|indicó)[^«“\"]{0,30}",
    # Italian
    r"(?:ha )?(?:messo|riso|evidenziato|amato|apprezzato|reagito|aggiunto)[^«“\"]{0,40}|adora|ama|ride di|sottolinea",
    # Portuguese
    r"(?:não )?gostou de|adorou|amou|riu de|enfatizou|destacou|questionou|reagiu[^«“\"]{0,30}",
    # Dutch
    r"vond|vindt|benadrukte|lachte om|(?:reageerde|heeft)[^«“„\"]{0,30}",
    r"(?<=\W)(?:to|à|a|auf|an|su|aan|op|em)",
)
_ECHO = re.compile(rf"\W*(?:{'|'.join(_BEFORE_A_QUOTE)})\s*[«“„‟\"‘‚'‹].*", re.IGNORECASE | re.DOTALL)  # noqa: RUF001

# How answers of machines begin.
_MACHINES = (
    r"(?:réponse|message|sms|texto) automatique",
    r"auto[- ]?(?:reply|response|répon\w+)",
    r"automated (?:reply|response|message)|automatic reply",
    r"automatische (?:antwort|nachricht)|abwesenheitsnotiz",
    r"out of (?:the )?office",
    r"(?:respuesta automática|mensaje automático)",
    r"(?:risposta automatica|messaggio automatico)",
    r"(?:resposta automática|mensagem automática)",
    r"automatisch (?:antwoord|bericht)",
    r"absence du bureau",
)
# How people who are away begin, or their phones for them.
_AWAY = (
    r"je suis (?:actuellement )?(?:absente?|en (?:congés?|vacances|réunion|déplacement))",
    r"je conduis",
    r"i(?:['’]m| am) (?:currently )?(?:driving|away|out of|in a meeting|on (?:vacation|holiday|leave))",  # noqa: RUF001
)
_GREETING = r"(?:bonjour,? |hi,? |hello,? |ceci est une? |this is an? |dies ist eine )?"
_AUTOMATIC = re.compile(rf"\W*{_GREETING}(?:{'|'.join(_MACHINES)})\b", re.IGNORECASE)
_ABSENT = re.compile(rf"\W*{_GREETING}(?:{'|'.join(_AWAY)})\b", re.IGNORECASE)

# A closing line and at most four short ones after it, or a first and a last name on a line of their own.
_CLOSINGS = (
    r"--|—|cordialement|cdlt|bien à vous|envoyé de|sent from|(?:kind |best )?regards|get outlook|von meinem|"
    r"gesendet von|mit freundlichen|mfg|enviado desde|inviato da|enviado do|verzonden"
)
_NAME = r"[A-ZÀ-Þ][\w'’-]{1,20}"  # noqa: RUF001
_SIGNATURE = re.compile(rf"\n[ \t]*(?:(?i:{_CLOSINGS})[^\n]{{0,40}}(?:\n[^\n]{{0,40}}){{0,4}}|{_NAME} {_NAME}[ \t]*)\Z")
_QUOTED_LINE = re.compile(r"^[ \t]*>[^\n]*(?:\n|\Z)", re.MULTILINE)


def is_echo(text: str) -> bool:
    """Say whether a text is a phone's description of a reaction, which quotes what was sent to it."""
    return _ECHO.fullmatch(text) is not None


def is_automatic(text: str) -> bool:
    """Say whether a machine answers for somebody who is away."""
    return _AUTOMATIC.match(text) is not None


def is_away(text: str) -> bool:
    """Say whether a text begins as answers of people do who are away; their phones may have written it."""
    return _ABSENT.match(text) is not None


def without_negations(normalised: str) -> str:
    """Return normalised words without requests that are negated: "ne stoppez pas"."""
    return _NEGATED.sub(" ", normalised)


def without_signature(text: str) -> str:
    """Return a text without the closing lines of a letter or of a phone."""
    return _SIGNATURE.sub("", text)


def without_quotes(text: str) -> str:
    """Return a text without the lines of the message that it answers."""
    return _QUOTED_LINE.sub("", text)
