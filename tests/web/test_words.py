"""Every word of the pages is there in every language that they are offered in."""

import ast
import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import gateway.web
from gateway.rules import columns, number
from gateway.web.area.words import ROWS

WEB = Path(gateway.web.__file__).parent
AREA = ["area", "parts.html", "bare.html", "languages.html", "error.html", "brand.html"]
PLACE = re.compile(r"%\((\w+)\)s")


def words(paths):
    """Return the msgids of templates and modules, those with a plural as pairs."""
    found = set()
    for path in paths:
        octets = BytesIO(path.read_bytes())
        if path.suffix == ".html":
            messages = [each[2] for each in babel_extract(octets, ("_", "gettext", "ngettext"), (), {})]
        else:
            messages = [each[1] for each in extract("python", octets, {"_": None})]
        found |= {_id(message) for message in messages}
    return found - {None}


def _id(message):
    """Return a msgid as catalogues have it; None where it is not known before a page is rendered."""
    if not isinstance(message, tuple):
        return message
    return message[:2] if message[1] is not None else message[0]


def of_the_area():
    """Return the files that make up the client area."""
    templates = [WEB / "templates" / name for name in AREA]
    pages = [page for each in templates for page in ([each] if each.is_file() else each.glob("*.html"))]
    return [*pages, WEB / "area" / "words.py"]


def everything():
    """Return all files that have words."""
    return [*WEB.glob("templates/**/*.html"), *WEB.glob("**/*.py")]


def catalogue(code):
    """Return the messages of a language that have words."""
    with (WEB / "locale" / f"{code}.po").open("rb") as file:
        return [message for message in read_po(file, code) if message.id]


def translated(message):
    """Say whether a message has words in all its forms, and keeps its places."""
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    wanted = set(PLACE.findall(ids[-1]))
    return all(string and set(PLACE.findall(string)) <= wanted for string in strings) and wanted == set(
        PLACE.findall(strings[-1])
    )


def test_area_speaks_french():
    """The client area has every word in French."""
    there = {message.id for message in catalogue("fr") if translated(message)}
    assert sorted(map(str, words(of_the_area()) - there)) == []


@pytest.mark.parametrize("code", ["fr", "de"])
def test_page_for_everybody_speaks_its_languages(code):
    """The opt-out page, and what may come instead of it, have every word in French and in German."""
    names = ["bare.html", "languages.html", "error.html", "brand.html"]
    pages = [*(WEB / "templates" / "opt_out").glob("*.html"), *(WEB / "templates" / name for name in names)]
    there = {message.id for message in catalogue(code) if translated(message)}
    assert sorted(map(str, words(pages) - there)) == []


@pytest.mark.parametrize("code", ["fr", "de"])
def test_no_words_left_over(code):
    """A catalogue has no words that no page uses, and none without a translation."""
    known = words(everything())
    assert [message.id for message in catalogue(code) if message.id not in known or not translated(message)] == []


def said(module):
    """Return what errors of a module say about numbers and lists."""
    calls = [
        each for each in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8"))) if isinstance(each, ast.Call)
    ]
    raised = [each for each in calls if ast.unparse(each.func) in ("NumberError", "RowError")]
    found = {ast.unparse(argument) for each in raised for argument in each.args} - {"str(error)"}
    return {eval(words, {**vars(module), "reason": None}) for words in found}


def test_what_is_wrong_with_a_list_is_translated():
    """Whatever may be said about a list, or a number in it, is said in the language of the page."""
    assert said(columns) | said(number) | set(number._TOO.values()) == set(ROWS)
