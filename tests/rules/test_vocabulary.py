"""The word lists: what is in them, and how they are told apart."""

import hashlib
import tomllib
from importlib import resources

import pytest

from gateway.rules import vocabulary
from gateway.rules.vocabulary import LANGUAGES, VOCABULARY, Entry, Kind, language_of, listed

FOLDER = resources.files("gateway.rules") / "wordlists"
# Each list as it was when it got its version: who changes words raises the version, and then this.
VERSIONS = {
    "fr": (6, "3432d6bf7a30a69c"),
    "en": (5, "5efec9e1b00d3880"),
    "de": (5, "f21136283684d041"),
    "es": (5, "ad8f854f6ad62929"),
    "it": (5, "e5fec130236b7e27"),
    "pt": (5, "ef16d5c913bfe70f"),
    "nl": (5, "3fbddab5d5e1abd3"),
    "more": (2, "9435f92c9e8f6ac1"),
    "any": (3, "af1ab7d1274c9724"),
}
KEYS = {kind.replace(" ", "_").replace("-", "_") for kind in Kind} | {"version", "not_names", "unclear", "wary"}


def text(language):
    """Return a list as it is written."""
    return (FOLDER / f"{language}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_change_is_a_new_version(language):
    """A list that has changed has another version, by which decisions that were made with it are known."""
    version = tomllib.loads(text(language))["version"]
    assert VERSIONS[language] == (version, hashlib.sha256(text(language).encode()).hexdigest()[:16])
    assert f"{language}{version}" in VOCABULARY.version.split()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_is_known(language):
    """No list has words under a name that nobody looks for."""
    assert tomllib.loads(text(language)).keys() <= KEYS


def test_every_file_is_read():
    """Each file of the folder is one of the lists."""
    assert {each.name.removesuffix(".toml") for each in FOLDER.iterdir() if each.name.endswith(".toml")} == {*LANGUAGES}


def test_choices_are_spelled_out():
    """Bars stand between words of which any may be there, none included; commas and lines between entries."""
    table = "(ne |n')(veux|souhaite) plus (rien|), Arrêtez-vous\n stop"
    assert list(listed(table))[:4] == [
        ("ne", "veux", "plus", "rien"),
        ("ne", "veux", "plus"),
        ("ne", "souhaite", "plus", "rien"),
        ("ne", "souhaite", "plus"),
    ]
    assert list(listed(table))[-2:] == [("arretez", "vous"), ("stop",)]


def test_a_phrase_is_one_thing(monkeypatch):
    """A phrase that is listed as two kinds is refused, whatever the languages."""
    lists = {"fr": {"keyword": "stop"}, "en": {"object": "stop"}}
    with pytest.raises(ValueError, match="'stop' is keyword and, in en, object"):
        vocabulary._phrases(lists)


def test_the_language_with_most_words_is_named():
    """The language of a text is that of most of its words; words of many languages do not count."""
    french, german, both = (Entry(Kind.OBJECT, each) for each in (("fr",), ("de",), ("fr", "de")))
    anything = Entry(Kind.KEYWORD, ("any",))
    assert language_of([(french, 2), (german, 1)]) == "fr"
    assert language_of([(both, 1), (german, 1)]) == "de"
    assert language_of([(anything, 5)]) == language_of([]) == ""
