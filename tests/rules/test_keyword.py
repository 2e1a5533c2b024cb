"""Which inbound texts are opt-outs, and which must never be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.rules.keyword import LONGEST, Decision, read
from gateway.rules.ladder import Reading, Rule, entries
from gateway.rules.repair import words
from gateway.rules.vocabulary import VOCABULARY, Kind
from tests.rules import said

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "data" / "stop_texts.tsv"
# Texts of the corpus that a person must read: a request with an exception to it.
FOR_REVIEW = {"STOP promo mais gardez les rappels de rdv"}


def unescaped(text):
    """Undo the corpus's backslashes."""
    plain = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
    return re.sub(r"\\([nrt\\]|u[0-9a-fA-F]{4})", lambda found: plain.get(found[1]) or chr(int(found[1][1:], 16)), text)


@pytest.fixture(scope="module")
def corpus():
    """Texts and labels, where the corpus is at hand."""
    if not CORPUS.exists():
        pytest.skip("the corpus of STOP texts is not beside this checkout")
    rows = [line.split("\t") for line in CORPUS.read_text(encoding="utf-8").splitlines()[1:]]
    return [(unescaped(row[0]), row[1]) for row in rows]


def test_the_corpus_asks_and_is_heard(corpus):
    """Every text of the corpus that should opt out does, but for the few that a person must read."""
    missed = {text for text, label in corpus if label == "yes" and read(text).reading is not Reading.OPT_OUT}
    assert missed == FOR_REVIEW
    assert {read(text).reading for text in missed} == {Reading.UNCLEAR}


def test_the_corpus_is_not_blocked_against_its_will(corpus):
    """No text of the corpus that is harmless or ambiguous is an opt-out."""
    wrong = {text for text, label in corpus if label != "yes" and read(text).reading is Reading.OPT_OUT}
    assert wrong == set()


def read_otherwise(texts, reading):
    """Return what was not read as it should be, each with how it was."""
    decisions = {text: read(text, ("36034",)) for text in texts}
    return {text: str(found.rule) for text, found in decisions.items() if found.reading is not reading}


@pytest.mark.parametrize("category", said.OPT_OUT)
def test_what_asks_is_heard(category):
    """Whoever asks for it in any of many ways and languages is opted out."""
    assert read_otherwise(said.OPT_OUT[category], Reading.OPT_OUT) == {}


@pytest.mark.parametrize("text", ["Arrêtez tout de suite", "stoppez tout de suite vos sms", "arretez tout vos sms"])
def test_at_once_is_not_everything(text):
    """Whoever wants an end at once, or of all SMS, has not refused notifications."""
    decision = read(text)
    assert decision.reading is Reading.OPT_OUT
    assert decision.rule is not Rule.EVERYTHING


@pytest.mark.parametrize("category", said.UNCLEAR)
def test_what_might_ask_is_held(category):
    """What might ask for it and might not is for a person to read."""
    assert read_otherwise(said.UNCLEAR[category], Reading.UNCLEAR) == {}


@pytest.mark.parametrize("category", said.NONE)
def test_what_does_not_ask_is_let_be(category):
    """Whatever else people write opts nobody out and troubles nobody."""
    assert read_otherwise(said.NONE[category], Reading.NONE) == {}


@pytest.mark.parametrize("reading", said.OTHER)
def test_the_other_words_are_heard(reading):
    """START, CONTACT and HELP are told from each other in many languages."""
    assert read_otherwise(said.OTHER[reading], Reading(reading)) == {}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("STOP", ""),
        ("arrêtez vos sms", "fr"),
        ("please stop", "en"),
        ("bitte keine Werbung mehr", "de"),
        ("quiero darme de baja", "es"),
        ("non inviatemi più messaggi", "it"),
        ("não quero mais mensagens", "pt"),
        ("geen berichten meer", "nl"),
        ("стоп", ""),
    ],
)
def test_the_decision_says_in_which_language(text, language):
    """A decision names the language in which a text was understood, and the word lists that it was made with."""
    decision = read(text)
    assert (decision.reading, decision.language) == (Reading.OPT_OUT, language)
    assert decision.vocabulary == VOCABULARY.version


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Stop", Rule.KEYWORD),
        ("arrêter", Rule.KEYWORD),
        ("désabonnez-moi", Rule.KEYWORD),
        ("Nein, stopp", Rule.KEYWORD),
        ("Quit", Rule.KEYWORD),
        ("uitschrijven", Rule.KEYWORD),
        ("St0p", Rule.TYPO),
        ("sssttoopp", Rule.TYPO),
        ("STOP36034", Rule.TYPO),
        ("Bonsoir, arrêtez s.v.p.", Rule.COURTESY),
        ("désinscription svp merci d'avance", Rule.COURTESY),
        ("Merci d'arrêter", Rule.COURTESY),
        ("oui stop", Rule.COURTESY),
        ("Tout stop", Rule.EVERYTHING),
        ("stop all please", Rule.EVERYTHING),
        ("stopall", Rule.EVERYTHING),
        ("arrêt de tous vos mailings", Rule.OBJECT),
        ("stop à vos promos de merde", Rule.OBJECT),
        ("stop au 38 123", Rule.OBJECT),
        ("arrêtez de me harceler", Rule.PHRASE),
        ("Stop Durand merci", Rule.NAME),
        ("STOP PUB DURAND", Rule.NAME),
        ("je ne souhaite plus recevoir vos offres", Rule.PHRASE),
        ("Pouvez-vous arrêter vos messages ?", Rule.PHRASE),
        ("Merci de me retirer de votre liste", Rule.PHRASE),
        ("remove my number please", Rule.PHRASE),
        ("could you stop texting me?", Rule.PHRASE),
        ("Keine Werbung mehr bitte", Rule.PHRASE),
        ("por favor, no quiero recibir más mensajes", Rule.PHRASE),
        ("non voglio più ricevere messaggi", Rule.PHRASE),
        ("não quero mais receber mensagens", Rule.PHRASE),
        ("geen sms meer aub", Rule.PHRASE),
    ],
)
def test_a_request_opts_out_and_says_why(text, rule):
    """A request in any of the languages is an opt-out, decided by the rung that describes it."""
    assert read(text)[:2] == (Reading.OPT_OUT, rule)


@pytest.mark.parametrize(
    "text",
    [
        "@S@T@O@P",
        "S@T@O@P@",
        "S\0T\0O\0P\0",
        "\0\0STOP\0\0\0",
        "STOP@@@@\0",
        "\ufeffSTOP",
        "\u202bSTOP\u202c",
        "S\u200bT\u200dO\u00adP\u200f",
        "\uff33\uff34\uff2f\uff30\uff01",
        "\U0001d54a\U0001d54b\U0001d546\u2119",
        "SТОР",  # noqa: RUF001 - Cyrillic after the first letter
        "ΑRRΕΤ",  # noqa: RUF001 - Greek capitals
        "arre\u0302tez",
        "Ⓢⓣⓞⓟ",
        "\x1bSTOP\x07",
        " \t\r\n STOP \u00a0\u3000",
    ],
)
def test_a_disguised_keyword_is_mended(text):
    """Padding, wrong alphabets, invisible marks and disguised letters do not hide a keyword."""
    assert read(text)[:2] == (Reading.OPT_OUT, Rule.KEYWORD)


@pytest.mark.parametrize(
    "text",
    [
        "stop\n\nCordialement\nM. Durand\n12 rue des Lilas\n75000 Paris",
        "STOP\nEnvoyé de mon mobile",
        "Stop\nSent from my phone",
        "STOP\nAnne Durand",
        "Bonjour,\nmerci de ne plus m'envoyer de messages.\nBien à vous,\nAnne",
    ],
)
def test_a_signature_does_not_count(text):
    """Closing words, addresses and names below a request are left aside."""
    assert read(text).reading is Reading.OPT_OUT


def test_a_keyword_below_a_greeting_that_looks_like_a_signature_still_counts():
    """A closing formula above the keyword hides nothing."""
    assert read("Bonjour\nCordialement\nSTOP").reading is Reading.OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Christophe",
            "top",
            "stock",
            "shop",
            "spot",
            "step",
            "stamp",
            "tops",
            "postop",
            "stopwatch",
            "autostop",
            "la",
            "non",
        ),
        *(
            "tout",
            "sms",
            "mon numéro",
            "ok merci",
            "oui",
            "the end",
            "weekend",
            "quittance",
            "cancel my order",
            "rdv à 15h",
        ),
        *(
            "arrêt Opéra",
            "arrêt de travail",
            "le bus s'arrête ici",
            "fin de mois",
            "Halte garderie",
            "remove the cover",
        ),
        *(
            "keine Ahnung",
            "geen idee",
            "no sé",
            "parar en la tienda",
            "envoyez-moi vos offres",
            "merci pour le message",
        ),
        *("effacez le message", "supprimez le rendez-vous", "ouvert non-stop", "full stop", "bus stop"),
        *("Do not stop!", "n'arrêtez surtout pas", "Ne stoppez jamais", "pas de stop svp", "Bitte nicht abmelden"),
        *("", " ", "\0\0", "@@@@", "...", "👍", "❤️🎉", "\u200f\u202b", "12345", "\ud83d"),
    ],
)
def test_ordinary_and_negated_texts_are_nothing(text):
    """Neighbours in spelling, compounds, other meanings, negations and empty texts ask for nothing."""
    assert read(text).reading is Reading.NONE


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Stop ?",
            "stop ou pas",
            "Stop non",
            "stop encore",
            "stop à Lyon",
            "Stop. Non en fait continuez",
            "comment faire stop",
        ),
        *(
            "non-stop",
            "Can you stop by tomorrow?",
            "vous n'arrêtez pas de m'envoyer des sms",
            "plus de promos",
            "please cancel",
        ),
        *(
            "Ne stoppez pas les rappels, stop les pubs",
            "start stop",
            "stop unstop",
            "spam",
            "stp",
            "✋",
            "annuler",
            "rgpd",
        ),
        *("On fait stop à la station puis on repart", "stop aide"),
    ],
)
def test_what_might_be_a_request_goes_to_a_person(text):
    """Questions, contradictions and free text around a keyword are unclear, neither opt-out nor nothing."""
    assert read(text).reading is Reading.UNCLEAR


@pytest.mark.parametrize(
    "text",
    [
        "A aimé « STOP 36034 »",
        "N’a pas aimé « STOP 36034 »",  # noqa: RUF001 - as the phone writes it
        "Loved “STOP”",
        "Reacted 😀 to “STOP 36034”",
        "👍 to “STOP 36034”",
        "\u200e❤️ à « -20 % ce jour STOP 36034 »",
    ],
)
def test_a_reaction_is_not_a_request(text):
    """A phone's description of a reaction quotes our mention and asks for nothing."""
    assert read(text)[:2] == (Reading.NONE, Rule.ECHO)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("START", Reading.OPT_IN),
        ("Reprise svp", Reading.OPT_IN),
        ("unstop", Reading.OPT_IN),
        ("réabonnez-moi", Reading.OPT_IN),
        ("CONTACT", Reading.CONTACT),
        ("contact svp ?", Reading.CONTACT),
        ("Aide", Reading.HELP),
        ("HELP!", Reading.HELP),
        ("stop contact", Reading.OPT_OUT),
    ],
)
def test_the_other_keywords_are_read(text, reading):
    """Opt-in, contact and help keywords are told apart, and a STOP beside "contact" is a STOP."""
    assert read(text).reading is reading


def test_a_code_of_ours_alone_is_noticed():
    """Our short code sent back alone goes to a person; any other number is nothing."""
    assert read("36 034", ("36034",)).reading is Reading.UNCLEAR
    assert read("36 035", ("36034",)).reading is Reading.NONE


def test_the_decision_keeps_what_was_compared():
    """The normalised text is the folded words, for the evidence."""
    decision = Decision(Reading.OPT_OUT, Rule.COURTESY, "arret s il vous plait", "fr")
    assert read("  ARRÊT, s'il vous plaît !") == decision


@pytest.mark.parametrize(
    "text",
    [
        "STOP " * 13_000,
        "stop" * 16_000,
        "s" * 65_536,
        "\ufdfa" * 65_536,
        "a\u0301" * 32_000,
        "STOP\n" + "Aa Aa\n" * 9_000,
        "stop" + " " * 60_000 + "non",
        "“" + "”" * 65_000,
        "A aimé «" + "»x" * 30_000,
        "ne " * 20_000,
        "\n--" * 20_000,
    ],
)
def test_a_very_long_text_is_bounded_and_never_an_opt_out(text):
    """Sixty-four kilobytes of anything are read in part, remembered in part, and decided by a person at most."""
    decision = read(text)
    assert decision.reading in {Reading.UNCLEAR, Reading.NONE}
    assert len(decision.normalised) <= 2 * LONGEST


def test_padding_does_not_make_a_text_long():
    """A keyword in a sea of padding is still a keyword."""
    assert read("STOP" + "\0" * 65_000).reading is read("\n" * 65_000 + "STOP").reading is Reading.OPT_OUT


@given(st.text(max_size=200), st.sampled_from(["stop", "arrêt", "désabonnement"]))
def test_no_keyword_is_found_inside_a_longer_word(text, inside):
    """Letters around a keyword make another word of it; what comes before it may be a STOP of its own, with a name."""
    assume(read(text).reading is not Reading.OPT_OUT)
    assert read(f"{text} xy{inside}zq").reading is not Reading.OPT_OUT


@given(st.text())
def test_any_text_is_read_and_reading_is_stable(text):
    """Nothing raises, and outer blanks do not matter."""
    decision = read(text)
    assert decision == read(f" {text}\n")
    assert decision.reading in set(Reading)


@given(
    st.lists(st.sampled_from(["stop", "svp", "merci", "sms", "36034", "bonjour"]), min_size=1),
    st.sampled_from(" \n!.,"),
)
def test_pleasantries_and_objects_may_surround_a_keyword(parts, mark):
    """A text of known words opts out exactly when a keyword is among them."""
    assert (read(mark.join(parts)).reading is Reading.OPT_OUT) == ("stop" in parts)


@given(
    st.lists(st.sampled_from(sorted({" ".join(phrase) for phrase in VOCABULARY.phrases})), max_size=3),
    st.sampled_from(["pas", "nicht", "sauf", "n'", "unless"]),
    st.integers(0, 3),
)
def test_one_word_of_grammar_beside_known_phrases_is_never_an_opt_out(phrases, word, place):
    """Negations and exceptions among any known phrases leave the decision to a person at most."""
    text = " ".join([*phrases[:place], word, *phrases[place:]])
    assume((word,) in set(pieces(text)))
    assert read(text).reading is not Reading.OPT_OUT


def pieces(text):
    """Return the phrases that a text falls into: the word may have made another phrase with its neighbours."""
    found = words(text)
    position = 0
    for _, length in entries(found):
        yield tuple(found[position : position + length])
        position += length


def test_every_listed_request_is_one():
    """Each imperative phrase alone is an opt-out."""
    requests = [" ".join(phrase) for phrase, entry in VOCABULARY.phrases.items() if entry.kind is Kind.PHRASE]
    assert read_otherwise(requests, Reading.OPT_OUT) == {}
