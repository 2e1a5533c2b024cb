"""Lists of numbers: however they are written, each row says the same."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.columns import Layout, Listed, Reader, RowError, layout

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = 1_767_139_200_000  # 2025-12-31
ACCOUNTS = frozenset({"shop", "*"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0612345678\n0612345679\n", Layout("utf-8", ";", {"number": 0}, header=False)),
        ("number\n0612345678\n", Layout("utf-8", ";", {"number": 0}, header=True)),
        ("Liste noire\n0612345678\n", Layout("utf-8", ";", {"number": 0}, header=True)),
        ("061234567\n0612345678\n", Layout("utf-8", ";", {"number": 0}, header=False)),
        ("Léa,0612345678\nZoé,0712345678\n", Layout("utf-8", ",", {"number": 1}, header=False)),
        ("Nom;Téléphone;Date\nLéa;0612345678;\n", Layout("utf-8", ";", {"number": 1, "since": 2}, header=True)),
        ("a\tphone number\n1\t0612345678\n", Layout("utf-8", "\t", {"number": 1}, header=True)),
        ('"Durand, Léa","0612345678"\n"Roux, Zoé","0712345678"', Layout("utf-8", ",", {"number": 1}, header=False)),
        ("2026010112;0612345678\n2026010113;0612345679\n", Layout("utf-8", ";", {"number": 1}, header=False)),
        ("491512345678;33612345678\n491512345679;x\n", Layout("utf-8", ";", {"number": 1}, header=False)),
        ("", Layout("utf-8", ";", {"number": 0}, header=False)),
        (
            "number,account,since,source,short_code,everything\n+33612345678,shop,2025-12-31T00:00:00+00:00,sms,36034,true",
            Layout(
                "utf-8",
                ",",
                {"number": 0, "account": 1, "since": 2, "source": 3, "code": 4, "everything": 5},
                header=True,
            ),
        ),
    ],
)
def test_layout(text, expected):
    """Delimiter, columns and a first line that names them are found out."""
    assert layout(text.encode()) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encoding(encoding):
    """What spreadsheets write is read, with a byte order mark and without."""
    octets = "Téléphone;Prénom\n0612345678;Léa\n".encode(encoding)
    found = layout(octets)
    assert octets.decode(found.encoding).replace("\ufeff", "").startswith("Téléphone")
    assert (found.delimiter, found.columns, found.header) == (";", {"number": 0}, True)


def test_sample_ends_within_a_character():
    """A beginning that ends within a character is no reason to take another encoding."""
    assert layout("é0612345678\né".encode()[:-1]).encoding == "utf-8"


def test_two_columns_of_numbers():
    """Of two columns that both may be the numbers none is taken at random."""
    with pytest.raises(RowError, match="more than one column may be the numbers"):
        layout(b"0612345678;0712345678\n0612345679;0712345679\n")


def test_no_numbers():
    """Several columns of which none holds numbers are refused, with what to do."""
    with pytest.raises(RowError, match="name one of them number"):
        layout(b"a;b\nc;d\n")


def read(row, columns=None, nine=""):
    """Read one row of a list with all columns."""
    columns = columns or {"number": 0, "account": 1, "since": 2, "source": 3, "everything": 4}
    return Reader(columns, ACCOUNTS, nine, NOW).read(row)


@pytest.mark.parametrize(
    ("row", "listed"),
    [
        (["06 12 34 56 78"], Listed("33612345678")),
        (["+33612345678", "shop", "2025-12-31", "crm", "Oui"], Listed("33612345678", "shop", DAY, "crm", True)),
        (["0612345678", "", "31/12/2025 01:00", "", "false"], Listed("33612345678", "", DAY + 3_600_000)),
        (["0612345678", "*", "2025-12-31T01:00:00+01:00"], Listed("33612345678", "*", DAY)),
        (["0694123456", " "], Listed("594694123456")),
    ],
)
def test_row(row, listed):
    """A row says which number, and of what else there is what it says."""
    assert read(row) == listed


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([], "has too few columns"),
        (["abc"], "only digits"),
        (["0612345678", "bank"], "another account"),
        (["0612345678", "", "yesterday"], "a date that is none"),
        (["0612345678", "", "2026-06-03"], "in the future"),
        (["0612345678", "", "", "x" * 33], "more than 32 characters"),
        (["0612345678", "", "", "", "perhaps"], "neither true nor false"),
        (["612345678"], "write 0 or [+] before it"),
    ],
)
def test_row_that_cannot_be_used(row, reason):
    """What is wrong with a row is said in words."""
    with pytest.raises(RowError, match=reason):
        read(row)


def test_nine_digits():
    """Nine bare digits are a French mobile without its 0, or a number abroad, as whoever keeps the list says."""
    assert read(["687751234"], nine="french").number == "33687751234"
    assert read(["687751234"], nine="foreign").number == "687751234"
    assert read(["+687751234"]).number == "687751234"


@given(
    st.lists(st.integers(10**7, 2 * 10**7 - 1), min_size=1, max_size=30),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.booleans(),
    st.text("aé;,|\t\"' ", max_size=8),
)
def test_any_list(numbers, delimiter, encoding, named, other):
    """However a list of numbers is written, all of them are read."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    if named:
        writer.writerow(["Nom", "Numéro", "x"])
    writer.writerows([other, f"06{number:08}", "x"] for number in numbers)
    octets = text.getvalue().encode(encoding)
    found = layout(octets)
    rows = list(csv.reader(io.StringIO(octets.decode(found.encoding)), delimiter=found.delimiter))
    if named:
        assert found.columns["number"] == 1
    reader = Reader(found.columns, ACCOUNTS, "", NOW)
    assert [reader.read(row).number for row in rows[found.header :]] == [f"336{number:08}" for number in numbers]
