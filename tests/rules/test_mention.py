"""The mention within the budget."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.rules.mention import Budget, MentionError, Overflow, plan
from gateway.rules.reason import Reason
from gateway.rules.wording import locate
from gateway.smpp.text import Alphabet, TextError
from tests import oracle

PAGE = Path(__file__).parents[2] / "docs" / "mention.md"
M10 = "STOP 36034"
M9 = "no-sms.eu"
CODES = ("36034", "38000")
GRIN = "\U0001f600"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
BUDGET = Budget(max_segments=6)
STRICT = Budget(max_segments=6, fit=())


def planned(text, mention, budget):
    """Return the plan, or the reason why there is none."""
    try:
        return plan(text, mention, budget)
    except MentionError as error:
        return error.reason


@pytest.mark.parametrize(
    ("text", "mention", "segments"),
    [
        ("x" * 150, M10, [160]),
        ("x" * 151, M10, [153, 8]),
        ("x" * 151, M9, [160]),
        ("x" * 152, M9, [153, 8]),
        ("x" * 148 + "€", M10, [160]),
        ("x" * 149 + "€", M10, [153, 8]),
        ("x" * 296, M10, [153, 153]),
        ("x" * 297, M10, [153, 153, 1]),
        ("x" * 297, M9, [153, 153]),
        ("x" * 449, M10, [153, 153, 153]),
        ("x" * 450, M10, [153, 153, 153, 1]),
        ("x" * 152 + "€", M10, [152, 12]),
        ("x" * 152 + "€" + "x" * 141, M10, [152, 153]),
        ("x" * 152 + "€" + "x" * 142, M10, [152, 153, 1]),
        ("ж" * 60, M10, [70]),
        ("ж" * 61, M10, [67, 4]),
        ("ж" * 61, M9, [70]),
        ("ж" * 62, M9, [67, 4]),
        ("ж" * 124, M10, [67, 67]),
        ("ж" * 125, M10, [67, 67, 1]),
        ("ж" * 125, M9, [67, 67]),
        ("ж" * 191, M10, [67, 67, 67]),
        ("ж" * 192, M10, [67, 67, 67, 1]),
        ("ж" * 58 + GRIN, M10, [70]),
        ("ж" * 59 + GRIN, M10, [67, 4]),
        ("ж" * 66 + GRIN, M10, [66, 12]),
        ("ж" * 66 + GRIN + "ж" * 55, M10, [66, 67]),
        ("ж" * 66 + GRIN + "ж" * 56, M10, [66, 67, 1]),
        (FAMILY + "ж" * 52, M10, [70]),
    ],
)
def test_the_worked_examples(text, mention, segments):
    """Without a separator, each text and mention takes the segments that the arithmetic gives."""
    found = plan(text, mention, Budget(max_segments=6, separator="", fit=()))
    ucs2 = found.charset is Alphabet.UCS2
    assert found.text == text + mention
    assert [sum(oracle.cost(each, ucs2=ucs2) for each in segment) for segment in found.segments] == segments


@pytest.mark.parametrize(
    ("mention", "character", "rooms"),
    [
        (M10, "x", [150, 296, 449]),
        (M9, "x", [151, 297, 450]),
        (M10, "ж", [60, 124, 191]),
        (M9, "ж", [61, 125, 192]),
    ],
)
def test_the_room_that_a_mention_leaves(mention, character, rooms):
    """The longest text that takes 1, 2 or 3 segments with the mention is as long as promised, and not one longer."""
    for segments, room in enumerate(rooms, 1):
        assert len(plan(character * room, mention, STRICT).segments) == segments
        assert len(plan(character * (room + 1), mention, STRICT).segments) == segments + 1


@pytest.mark.parametrize(
    ("length", "text", "reason"),
    [
        (149, "x" * 149 + " STOP 36034", Reason.APPENDED),
        (150, "x" * 150 + "STOP 36034", Reason.APPENDED_WITHOUT_SEPARATOR),
        (151, "x" * 151 + " STOP 36034", Reason.EXTENDED),
    ],
)
def test_the_separator_is_used_where_it_is_free(length, text, reason):
    """The separator goes in unless it would cost a segment, whether or not ``fit`` names it."""
    for budget in (BUDGET, STRICT, BUDGET._replace(fit=("transliterate",))):
        found = plan("x" * length, M10, budget)
        assert (found.text, found.reason, found.before) == (text, reason, 1)


def test_a_separator_never_costs_a_refusal_or_a_word():
    """A text that fits without the separator is neither refused nor cut short."""
    for overflow in Overflow:
        found = plan("x" * 150, M10, Budget(1, fit=(), overflow=overflow))
        assert (found.text, found.reason) == ("x" * 150 + M10, Reason.APPENDED_WITHOUT_SEPARATOR)


def test_an_extended_text_drops_the_separator_that_would_cost_a_further_segment():
    """What goes out uses the fewest segments, also when the mention adds one."""
    assert plan("x" * 152 + "€" + "x" * 142, M10, BUDGET).text.endswith("x STOP 36034")
    found = plan("x" * 160, "y" * 146, BUDGET)
    assert (found.text, len(found.segments), found.reason) == ("x" * 160 + "y" * 146, 2, Reason.EXTENDED)


@pytest.mark.parametrize("text", ["", "Hello ", "Hello\n", "Hello\u00a0"])
def test_no_separator_follows_nothing_or_white_space(text):
    """The separator parts the mention from words, not from what parts already."""
    found = plan(text, M10, BUDGET)
    assert (found.text, found.reason) == (text + M10, Reason.APPENDED)


def test_text_goes_out_in_gsm_7_whenever_all_of_it_can():
    """The alphabet is GSM-7 for every text within it and UCS-2 for every other."""
    assert plan("déjà [10 €]", M10, BUDGET).charset is Alphabet.GSM7
    assert plan("être", M10, BUDGET).charset is Alphabet.UCS2
    assert plan("Hello", "\u0436", BUDGET).charset is Alphabet.UCS2


def test_text_is_transliterated_only_when_that_saves_the_added_segment():
    """A text that has room keeps its typography, and one that has none gives it up before it costs more."""
    roomy, tight = "L\u2019h\u00f4tel " + "x" * 40, "L\u2019h\u00f4tel " + "x" * 60
    assert plan(roomy, M10, BUDGET).text == roomy + " STOP 36034"
    found = plan(tight, M10, BUDGET)
    assert found.text == "L'hotel " + "x" * 60 + " STOP 36034"
    assert (found.reason, found.charset, found.segments) == (Reason.TRANSLITERATED, Alphabet.GSM7, (found.text,))
    assert plan(tight, M10, STRICT).reason is Reason.EXTENDED


def test_transliteration_leaves_the_separator_out_where_it_costs_a_segment():
    """A text that fits transliterated and without the separator is sent so."""
    found = plan("\u2026" * 40 + "x" * 30, M10, BUDGET)
    assert (found.text, found.reason) == ("..." * 40 + "x" * 30 + M10, Reason.TRANSLITERATED)
    assert plan("\u2026" * 40 + "x" * 29, M10, BUDGET).text == "..." * 40 + "x" * 29 + " " + M10
    assert plan("\u2026" * 41 + "x" * 29, M10, BUDGET).reason is Reason.EXTENDED


def test_strategies_are_tried_in_the_order_given():
    """Where two would do, the first named is taken."""
    text = "\u2019" + "x" * 59
    assert plan(text, M10, BUDGET).reason is Reason.APPENDED_WITHOUT_SEPARATOR
    found = plan(text, M10, BUDGET._replace(fit=("transliterate", "separator")))
    assert (found.reason, found.text) == (Reason.TRANSLITERATED, "'" + "x" * 59 + " STOP 36034")


@pytest.mark.parametrize("text", ["ж" * 61, "ê" * 68 + GRIN])
def test_text_without_a_spelling_in_gsm_7_is_extended(text):
    """Other scripts and emoji are not touched."""
    found = plan(text, M10, BUDGET)
    assert (found.text, found.reason, found.before) == (text + " " + M10, Reason.EXTENDED, 1)


def test_the_text_alone_may_be_too_long():
    """A text over the most segments is refused, with or without a mention, and exactly there."""
    for mention in (M10, None):
        with pytest.raises(MentionError) as caught:
            plan("x" * 161, mention, Budget(1))
        assert (caught.value.reason, caught.value.segments) == (Reason.TOO_LONG, 2)
    assert plan("x" * 160, None, Budget(1)).reason is Reason.NOT_WANTED


@pytest.mark.parametrize(
    ("budget", "length"),
    [(Budget(1), 151), (Budget(2), 297), (Budget(6, overflow=Overflow.REJECT), 151)],
)
def test_a_mention_that_does_not_fit_is_said_so(budget, length):
    """Over the most segments, or over the text's own under reject, the message is refused."""
    assert planned("x" * length, M10, budget) is Reason.DOES_NOT_FIT
    assert planned("x" * (length - 1), M10, budget).text == "x" * (length - 1) + M10


def test_a_truncated_text_keeps_all_that_fits():
    """The text ends in three dots, the mention follows, and the segments are those that the text had."""
    found = plan("x" * 160, M10, Budget(1, overflow=Overflow.TRUNCATE))
    assert found.text == "x" * 146 + "... STOP 36034"
    assert (found.reason, found.segments, found.before) == (Reason.TRUNCATED, (found.text,), 1)


def test_a_truncated_text_ends_with_a_whole_character():
    """Neither an emoji nor a letter and its mark is cut, and no space stands before the dots."""
    budget = Budget(1, fit=(), overflow=Overflow.TRUNCATE)
    assert plan("ж" * 50 + FAMILY + "ж" * 12, M10, budget).text == "ж" * 50 + "... STOP 36034"
    assert plan("ж" * 55 + "e\u0301" + "ж" * 12, M10, budget).text == "ж" * 55 + "... STOP 36034"
    assert plan("ж" * 52 + "    " + "ж" * 12, M10, budget).text == "ж" * 52 + "... STOP 36034"


def test_a_text_that_would_vanish_is_not_truncated():
    """Where the mention leaves no room for any of the text, the message is refused."""
    assert planned("x" * 160, "y" * 157, Budget(1, overflow=Overflow.TRUNCATE)) is Reason.DOES_NOT_FIT
    assert planned("e" + "\u0301" * 69, M10, Budget(1, fit=(), overflow=Overflow.TRUNCATE)) is Reason.DOES_NOT_FIT


@pytest.mark.parametrize(
    "text",
    [
        "Soldes ! STOP 36034",
        "STOP 36034",
        "Soldes ! stop 36034. ",
        "Soldes !STOP 36034 !",
        "Soldes. STOP au 36034",
        "Soldes. Stop: 36034 - bonne journée",
        "Soldes (STOP SMS au 36034)",
        "Envoyez \u00ab\u00a0STOP\u00a0\u00bb par SMS au 36034 pour ne plus recevoir nos offres",
        "STOP36034",
        "STOP=>36034",
        "Fin.STOP \u2192 36034",
        "Text STOP to 36034 to opt out",
        "Sende STOP an 36034",
        'Responda "STOP" al 36034',
        "STOP au n° 36034",
        "Au 36034, r\u00e9pondez STOP",
        "Par SMS au 36034 avec le mot STOP.",
        "D\u00e9sinscription : envoyez au 36034 le texte \u00ab STOP \u00bb",
        "To opt out text 36034 with the word STOP",
        "STOP au 38000",
        "STOP PUB au 36034",
        "stopsms 36034",
        "Stop au 36 034",
        "STOP \U0001f449 36034 \U0001f64f",
        "STOP \u27a1\ufe0f 36034",
        "Fin le 30/06-STOP 36034",
        "Soldes -STOP 36034",
        "Soldes \u2013STOP au 36034. Merci",
        "STOP gratuit au 36034",
        "STOP au num\u00e9ro court 36034",
        "STOP to short code 36034",
        "STOP an die Kurzwahl 36034",
        "STOP pour se d\u00e9sinscrire au 36034",
        "STOP to opt out to 36034",
        "STOP\n36034",
    ],
)
def test_an_instruction_to_text_the_short_code_is_not_doubled(text):
    """A text that tells its reader to send STOP to our code goes out as it is."""
    found = plan(text, M10, BUDGET, CODES)
    assert (found.text, found.reason) == (text, Reason.ALREADY_THERE)


@pytest.mark.parametrize(
    "text",
    [
        "Opt out: no-sms.eu",
        "no-sms.eu",
        "Info: NO-SMS.EU/",
        "https://no-sms.eu",
        "www.no-sms.eu.",
        "https://no-sms.eu/opt-out?l=fr",
        "-no-sms.eu",
        "\u27a1\ufe0f no-sms.eu \U0001f64f",
    ],
)
def test_a_web_mention_at_the_end_is_not_doubled(text):
    """A text that ends with the web mention, in any case and punctuation, goes out as it is."""
    assert plan(text, M9, BUDGET).reason is Reason.ALREADY_THERE


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("Stop !", M10),
        ("Non-stop 36034", M10),
        ("Nonstop 36034", M10),
        ("STOP 360345", M10),
        ("STOP 36034x", M10),
        ("STOP au 36035", M10),
        ("STOP au 136034", M10),
        ("Stop aux prix hauts, 36034 articles", M10),
        ("Stop. 36034 articles", M10),
        ("Stop\u2026 36034 articles", M10),
        ("Stop: plus de 36034 articles", M10),
        ("Stop: 36034 \u20ac \u00e0 gagner", M10),
        ("Stop: 36034,50 en jeu", M10),
        ("Stop: 36034 euros en jeu", M10),
        ("Non\u2011stop 36034", M10),
        ("Stopover 36034", M10),
        ("Stop et 36034 articles", M10),
        ("36034", M10),
        ("Code 36034, stop aux prix hauts", M10),
        ("36034 stop", M10),
        ("Appelez le 36034. Stop aux soucis", M10),
        ("Envoyez 36034 non-stop", M10),
        ("Envoyez STOP au 99999", M10),
        ("STOP au 36034", M9),
        ("no-sms.eu", M10),
        ("STOP 36034", M9),
        ("no-sms.eu est notre site", M9),
        ("piano-sms.eu", M9),
        ("info@no-sms.eu", M9),
        ("x.no-sms.eu", M9),
        ("no-sms.eu.org", M9),
        ("no-sms.eu/a et la suite", M9),
        ("www-no-sms.eu", M9),
        ("xwww.no-sms.eu", M9),
    ],
)
def test_what_merely_looks_like_the_mention_does_not_replace_it(text, mention):
    """A mere stop, another code, another host or the mention in mid-text does not spare the mention."""
    codes = CODES if mention == M10 else ()
    assert locate(text, mention, codes) is None
    assert plan(text, mention, BUDGET, codes).text == f"{text} {mention}"


def test_the_page_says_what_counts():
    """What the page on the mention says to count as one does, and what it says not to does not."""
    table = PAGE.read_text(encoding="utf-8").partition("| counts | does not count |\n")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines()[1:]]
    counts, others = (
        [text for cell in column for text in re.findall(r"`(.+?)`", cell)] for column in zip(*rows, strict=True)
    )
    assert min(len(counts), len(others)) > 5
    assert [text for text in counts if not (locate(text, M10, CODES))] == []
    assert [text for text in others if locate(text, M10, CODES) or locate(text, M9)] == []


def test_a_text_with_a_lone_surrogate_is_refused():
    """What cannot be encoded is an error and not a mangled message."""
    with pytest.raises(TextError):
        plan("\ud83d", M10, BUDGET)
