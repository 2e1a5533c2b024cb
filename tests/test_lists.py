"""`stopgate blacklist import` and `export`: whole lists, from files and streams, with what is wrong by line."""

import csv
import io
import json

import pytest
import trio
from click.testing import CliRunner

from gateway import cli
from gateway.store import listing
from gateway.store.sqlite import SqliteStore

LIST = "Téléphone;Compte\n06 12 34 56 78;shop\n+33 6 12 34 56 79;\nabc;\n0612345670;nobody\n"


@pytest.fixture
def config(tmp_path):
    """Write a configuration and make its database."""
    path = tmp_path / "gateway.yaml"
    path.write_text(
        f"store: sqlite:///{tmp_path}/gateway.db\n"
        "accounts: {shop: {password: x}, bank: {password: y}}\n"
        "operators: {o: {host: 127.0.0.1, system_id: a, password: b}}\n"
        "routes: [{prefixes: [''], operators: [o]}]\n"
    )
    SqliteStore(tmp_path / "gateway.db").close()
    return path


@pytest.fixture
def run(config):
    """Run `stopgate blacklist …` on the configuration."""

    def run(command, *words, **more):
        line = ["blacklist", command, "--config", str(config), *map(str, words)]
        return CliRunner().invoke(cli.main, line, **more)

    return run


def listed(config):
    """Return number and account of all entries."""
    store = SqliteStore(config.with_name("gateway.db"))
    found = trio.run(store.once, lambda tx: [each[:2] for each in listing.by_number(tx)])
    store.close()
    return found


def write(tmp_path, text):
    """Write a list as old spreadsheets do."""
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="cp1252")
    return path


def test_import(run, config, tmp_path):
    """Rows that can be used are imported; the others are named by line, written to a file, and make status 1."""
    errors = tmp_path / "errors.csv"
    result = run("import", "--reason", "moved", "--errors", errors, write(tmp_path, LIST))
    assert result.stdout == "2 numbers: 2 added, 0 there already\n"
    assert result.stderr.splitlines()[2:] == [
        "line 4: only digits, spaces and punctuation make up a phone number",
        "line 5: is for another account, or one that does not exist",
        "Error: 2 rows of 4 cannot be used",
    ]
    assert result.exit_code == 1
    assert [row[0] for row in csv.reader(errors.read_text(encoding="utf-8").splitlines())] == ["line", "4", "5"]
    assert listed(config) == [("33612345678", "shop"), ("33612345679", "*")]


def test_dry_run(run, config, tmp_path):
    """A dry run says the same, and does nothing."""
    result = run("import", "--reason", "moved", "--dry-run", write(tmp_path, "0612345678\n"))
    assert (result.exit_code, result.stdout) == (0, "1 number: 1 would be added, 0 there already\n")
    assert listed(config) == []


def test_standard_input_for_an_account(run, config):
    """A list may come from standard input, and be about one account's marketing."""
    result = run("import", "--reason", "moved", "--account", "shop", "-", input="0612345678\n0612345678\n")
    assert (result.exit_code, result.stdout) == (0, "1 number: 1 added, 0 there already\n")
    assert listed(config) == [("33612345678", "shop")]


def test_there_and_back(run, config, tmp_path):
    """An export is a list that an import reads, as CSV, and JSON for machines."""
    run("import", "--reason", "moved", "-", input="number,account,since\n0612345678,shop,2025-12-31\n687751234,,\n")
    run("import", "--reason", "moved", "--nine-digits", "foreign", "-", input="687751234\n")
    text = run("export").stdout
    assert next(csv.DictReader(io.StringIO(text))) == {
        "number": "+33612345678",
        "account": "shop",
        "since": "2025-12-31T00:00:00+00:00",
        "source": "import",
        "short_code": "36034",
        "everything": "false",
    }
    assert [each["number"] for each in json.loads(run("export", "--format", "json").stdout)] == [
        "+33612345678",
        "+687751234",
    ]
    assert [row[0] for row in csv.reader(io.StringIO(run("export", "--account", "bank").stdout))][1:] == ["+687751234"]
    result = run("import", "--reason", "again", "-", input=text)
    assert result.stdout == "2 numbers: 0 added, 2 there already\n"


def test_many_problems(run):
    """Of many problems the first are named, and all of them counted by what is wrong."""
    result = run("import", "--reason", "moved", "-", input="0612345678\n" + "abc\n" * 30)
    assert "line 21: only digits" in result.stderr
    assert "line 22" not in result.stderr
    assert "30 rows: only digits, spaces and punctuation make up a phone number" in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--reason", " ", "-"], "must say why"),
        (["-"], "Missing option '--reason'"),
        (["--reason", "x", "--account", "nobody", "-"], "there is no account nobody"),
        (["--reason", "x", "--errors", "/nowhere/errors.csv", "-"], "/nowhere/errors.csv: No such file or directory"),
        (["--reason", "x", "/nowhere/list.csv"], "No such file or directory"),
    ],
)
def test_what_cannot_be(run, config, words, sentence):
    """What cannot be done is said before anything is."""
    result = run("import", *words, input="0612345678\n")
    assert result.exit_code != 0
    assert sentence in result.stderr
    assert listed(config) == []


def test_no_numbers(run):
    """A list without numbers is refused with what to do."""
    result = run("import", "--reason", "x", "-", input="a;b\nc;d\n")
    assert result.exit_code == 1
    assert "Error: no column of numbers; name one of them number" in result.stderr
