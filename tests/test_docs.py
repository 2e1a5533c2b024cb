"""The documentation, against the code: what it names exists, and what is generated is up to date."""

import ast
import inspect
import re
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic import BaseModel

from docs import generate, reference
from gateway import cli
from gateway.config.models import Config, load
from gateway.observe.metrics import Metrics
from gateway.smpp import status
from gateway.store import messages, spool
from gateway.store.tables import COPIED, LEFT
from gateway.web.opt_out import LIMITS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
each_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
TEST = re.compile(r"((?:\w+/)*test_\w+\.py)(?:::(\w+))?")
KEY = re.compile(rf"(?:{'|'.join(Config.model_fields)})(?:\.(?!py$)[a-z_]+|\.\*)+")
COMMAND = re.compile(r"stopgate [a-z-]+")
IDEAS = range(1, 127)
EVENT_CALLS = {"debug", "info", "warning", "error", "exception"}


def prose(page):
    """Return a page without its fenced blocks, lines joined where code or a link goes over an end of line."""
    return re.sub(r"(?<!\n)\n(?![\n|#-])", " ", FENCE.sub("", page.read_text(encoding="utf-8")))


def code(page):
    """Return the inline code of a page."""
    return CODE.findall(prose(page))


def lines(page):
    """Return what may be command lines on a page: the lines of its blocks, and its inline code."""
    blocks = "\n".join(block for _, block in FENCE.findall(page.read_text(encoding="utf-8")))
    return [*blocks.splitlines(), *code(page)]


def commands(page):
    """Return the words behind `stopgate` of every command line on a page."""
    return [line.partition("#")[0].split()[1:] for line in lines(page) if COMMAND.match(line)]


def anchors(page):
    """Return the anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table_column(page, heading):
    """Return the code in the first column of the tables whose first heading is ``heading``."""
    found, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        first = line.split("|")[1].strip() if line.startswith("|") else ""
        inside = line.startswith("|") and (inside or first == heading)
        found += CODE.findall(first) if inside else []
    return found


def models(annotation):
    """Yield the configuration models within an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models(argument)


def is_setting(key):
    """Tell whether a dotted key, ``*`` for a name of the user's own, is one that the configuration takes."""
    here, *_ = Config, None
    for part in key.split("."):
        if part == "*":
            continue
        field = here.model_fields.get(part) if here else None
        if field is None:
            return False
        here = next(models(field.annotation), None)
    return True


def command(words):
    """Return the command that the words of a command line name, and what is left of them."""
    here, left = cli.main, list(words)
    while isinstance(here, click.Group) and left:
        here = here.get_command(click.Context(here), left.pop(0))
    return here, left


def ideas_shown():
    """Return the numbers of the ideas that the tests' docstrings name."""
    found = set()
    for path in ROOT.glob("tests/**/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                named = re.findall(r"\(ideas? ([\d, ]+)\)", ast.get_docstring(node) or "")
                found |= {int(number) for numbers in named for number in numbers.split(",")}
    return found


def logged_events():
    """Return the levels and fields of every event that the package logs, by looking for calls of a logger."""
    found = {}
    for path in ROOT.glob("gateway/**/*.py"):
        for node in filter(is_event, ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
            levels, fields = found.setdefault(node.args[0].value, (set(), set()))
            levels.add(node.func.attr.replace("exception", "error"))
            fields |= {keyword.arg for keyword in node.keywords if keyword.arg}
    return found


def is_event(node):
    """Tell whether a node of the source is a call of a module's logger."""
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in EVENT_CALLS
    return called and isinstance(node.func.value, ast.Name) and node.func.value.id == "_log"


def explained_events():
    """Return the levels and fields of every event in docs/events.md, each of which stands there once."""
    cells = [line.split(" | ") for line in (ROOT / "docs" / "events.md").read_text("utf-8").splitlines()]
    rows = [row for row in cells if re.match(r"\| `", row[0])]
    found = {
        CODE.findall(name)[0]: (set(levels.split(", ")), set(CODE.findall(fields))) for name, levels, fields, _ in rows
    }
    assert len(found) == len(rows)
    return found


def test_state_page_is_up_to_date():
    """The page of states is what the generator writes; `python docs/generate.py` brings it up to date."""
    assert generate.PAGE.read_text(encoding="utf-8") == generate.state()


@pytest.mark.parametrize(("module", "arrows"), [(spool, generate.ROW), (messages, generate.MESSAGE)])
def test_arrows_cover_every_statement_that_moves(module, arrows):
    """Every function that writes the table of rows or of messages has an arrow on the page of states."""
    table = "spool" if module is spool else "message"
    writes = re.compile(rf'(?:insert\(f?"|UPDATE |DELETE FROM ){table}\b')
    functions = [function for _, function in inspect.getmembers(module, inspect.isfunction)]
    movers = {function for function in functions if writes.search(inspect.getsource(function))}
    assert movers == {arrow.by for arrow in arrows}


@each_page
def test_links_resolve(page):
    """Every link to a file or a heading of ours leads somewhere."""
    for target in LINK.findall(prose(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        assert path.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(path), target


@each_page
def test_settings_exist(page):
    """Every setting that a page names is one that the configuration takes."""
    assert [key for key in code(page) if KEY.fullmatch(key) and not is_setting(key)] == []


def test_settings_are_recognised():
    """The search for settings finds them, and knows a wrong one."""
    found = {key for page in PAGES for key in code(page) if KEY.fullmatch(key)}
    assert {"operators.*.uncertain", "smpp.max_pdu", "log.numbers"} <= found
    assert not is_setting("operators.*.uncertainty")
    assert not is_setting("smpp.max_pdu.more")


@each_page
def test_commands_exist(page):
    """Every command line on a page names a command, its subcommand and its options."""
    for words in commands(page):
        found, left = command(words)
        assert found is not None, words
        known = {option for parameter in found.params for option in parameter.opts}
        assert {word for word in left if word.startswith("--")} <= known, words


def test_readme_names_every_command():
    """The README names every command there is."""
    assert {name for name, *_ in commands(ROOT / "README.md")} == set(cli.COMMANDS)


def test_make_targets_exist():
    """Every `make` target that a page names is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {word for page in PAGES for each in lines(page) for word in re.findall(r"^make ([a-z]+)", each)}
    assert {"demo", "test"} <= named
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_readme_configuration_is_accepted(tmp_path):
    """The configuration in the README is one that `stopgate check` accepts."""
    [block] = [
        block for language, block in FENCE.findall((ROOT / "README.md").read_text("utf-8")) if language == "yaml"
    ]
    path = tmp_path / "gateway.yaml"
    path.write_text(block, encoding="utf-8")
    assert list(load(path, {}).accounts) == ["shop"]


@each_page
def test_tests_exist(page):
    """Every test that a page refers to is there."""
    for name, function in (found for each in code(page) for found in TEST.findall(each)):
        path = ROOT / "tests" / name.removeprefix("tests/")
        assert path.exists(), name
        assert not function or f"def {function}(" in path.read_text(encoding="utf-8"), function


def test_every_idea_has_its_test_or_its_reason():
    """Each idea for a session test is named by a test, or explained on the page of conformance, and none is both."""
    shown = ideas_shown()
    explained = [int(each) for each in table_column(ROOT / "docs" / "conformance.md", "idea")]
    assert shown | set(explained) == set(IDEAS)
    assert shown & set(explained) == set()
    assert len(explained) == len(set(explained))


def test_every_clause_has_its_test():
    """Each row of the table of clauses names a test."""
    rows = re.findall(
        r"^\| (.+) \| .+ \| (.+) \|$", (ROOT / "docs" / "conformance.md").read_text("utf-8"), re.MULTILINE
    )
    clauses = [(clause, tests) for clause, tests in rows if re.match(r"\d|appendix", clause)]
    assert len(clauses) > 40
    assert [clause for clause, tests in clauses if not TEST.search(tests)] == []


def test_every_log_event_is_explained():
    """docs/events.md has every event that the code logs, and no other, each with its levels and its fields."""
    events = logged_events()
    assert len(events) > 20
    assert explained_events() == events


def test_every_table_is_on_the_page_of_privacy():
    """docs/privacy.md says of every table of the database what it holds about people, how long and why."""
    tables = {table.name for table in COPIED} | LEFT.keys()
    assert len(tables) > 15
    assert set(table_column(ROOT / "docs" / "privacy.md", "table")) == tables


def test_every_metric_is_explained():
    """The metrics that docs/operations.md names are those that there are."""
    rendered = re.findall(r"^# HELP (\w+)", Metrics([], []).render().decode(), re.MULTILINE)
    named = {each for each in code(ROOT / "docs" / "operations.md") if each.startswith("stopgate_")}
    assert named == {name for name in rendered if name.startswith("stopgate_") and not name.endswith("_created")}


@each_page
def test_names_no_module_that_is_gone(page):
    """Every module that a page names with its path is there."""
    for name in code(page):
        if re.fullmatch(r"(?:gateway/)?(?:smpp|rules|store|web|commands)/(?!test_)\w+\.py", name):
            assert (ROOT / "gateway" / name.removeprefix("gateway/")).exists(), name


def test_configuration_page_is_up_to_date():
    """The page of settings is what its generator writes; `python docs/reference.py` brings it up to date."""
    assert reference.PAGE.read_text(encoding="utf-8") == reference.reference()


def test_statuses_are_those_of_the_code():
    """Every status that the description of the interface names has the number that it says."""
    rows = re.findall(r"^\| `(\w+)` \| (0x[0-9A-F]+) \|", (ROOT / "docs" / "smpp.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 20
    assert [(name, number) for name, number in rows if getattr(status, name) != int(number, 16)] == []


def test_limits_of_the_opt_out_page_are_those_of_the_code():
    """docs/security.md says how often the opt-out page may be used."""
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    for name, words in {"household": "one origin", "network": "one network", "number": "one number"}.items():
        free, most = LIMITS[name]
        assert re.search(rf"^\| (from|for) {words}.* \| {free:,} \| {most:,} \|$", page, re.MULTILINE), name
    assert "| from everybody | {:,} | {:,} |".format(*LIMITS["everybody"]) in page
