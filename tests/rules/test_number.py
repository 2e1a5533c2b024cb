"""Every spelling of a line gives one key, and only what cannot be a number is refused."""

from __future__ import annotations

import subprocess
import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules import number
from gateway.rules.number import Number, NumberError, canonical

CODES = sorted(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
PLAIN = ["44", "48", "49", "55", "91"]
FRENCH = ["33", "262", "508", "590", "594", "596"]
BEGINNINGS = ["", "0", "6", "7", "63", "69", "70", "708", "709", "7093", "508", "590", "639", "694"]
on_the_wire = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(FRENCH) | st.sampled_from(CODES),
        st.sampled_from(BEGINNINGS),
        st.text("0123456789", min_size=2, max_size=12),
    ),
)


def outcome(read, *arguments):
    """Call it; None where the number is refused."""
    try:
        return read(*arguments)
    except NumberError:
        return None


@given(on_the_wire)
def test_the_short_cut_agrees_with_phonenumbers(digits):
    """What is answered without phonenumbers is what phonenumbers would have answered."""
    quick = number._plain(digits)
    assert quick is None or quick == outcome(number._spelled, digits, 1, "FR")


MARKS = ["", " ", ".", "-", "\u00a0", "/", " (0) "]


@given(
    st.sampled_from(["", "+", "00", "0", "+0", "000"]),
    on_the_wire | st.text("0123456789", min_size=9, max_size=9),
    st.lists(st.sampled_from(MARKS), min_size=15, max_size=15),
    st.sampled_from(["FR", "RE", "DE"]),
)
def test_the_short_cut_for_usual_spellings_agrees_with_phonenumbers(before, digits, marks, region):
    """However people write a number, what is answered without phonenumbers is what phonenumbers would have answered."""
    address = before + "".join(mark + digit for mark, digit in zip(marks, digits, strict=False)) + digits[15:]
    usual = number._usual(address, region)
    quick = number._plain(usual) if usual else None
    assert quick is None or quick == outcome(number._spelled, address, 0, region)


@pytest.mark.parametrize("address", ["0612345678", "06 12 34 56 78", "+33 6.12.34.56.78", "0033612345678"])
def test_usual_spellings_take_the_short_cut(address):
    """French mobiles are answered without phonenumbers in each of the ways in which they are usually written."""
    usual = number._usual(address, "FR")
    assert number._plain(usual) == Number("33612345678", "FR")


@pytest.mark.parametrize("address", ["0491234567", "04 91 23 45 67", "0351234567", "0441234567"])
def test_a_national_number_is_no_calling_code(address):
    """A French landline whose digits look like a foreign calling code is a French one."""
    assert canonical(address, 0) == Number("33" + address.replace(" ", "")[1:], "FR")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("06 12", "33612"),
        ("+33 6", "336"),
        ("0033612", "33612"),
        ("49151", "49151"),
        ("0694 38", "59469438"),
        ("33694", "594694"),
        ("0", "33"),
        ("", ""),
    ],
)
def test_the_beginning_of_a_number(text, key):
    """The beginning of a spelling gives the beginning of the keys."""
    assert number.beginning(text) == key


@pytest.mark.parametrize("text", ["abc", "06a", "1234567890123456"])
def test_no_number_begins_like_this(text):
    """What no number begins with is refused."""
    with pytest.raises(NumberError):
        number.beginning(text)


@given(st.sampled_from(["336", "337", "49151", "34612", "32470", "59469"]), st.text("0123456789", min_size=12))
def test_common_mobiles_take_the_short_cut(beginning, digits):
    """Ordinary mobile numbers are answered without phonenumbers, unless digits further on decide the territory."""
    length = {"336": 11, "337": 11, "49151": 13, "34612": 11, "32470": 11, "59469": 12}[beginning]
    address = (beginning + digits)[:length]
    assert number._plain(address) is not None or address.startswith("337093")


@given(on_the_wire)
def test_a_key_is_its_own_spelling(digits):
    """Reading a key again changes neither the key nor the territory."""
    found = outcome(canonical, digits)
    assert found is None or canonical(found.key) == found


@given(st.text("0123456789", min_size=8, max_size=8))
def test_people_and_networks_spell_one_french_mobile(rest):
    """National, international and wire spellings of a mobile share one key."""
    pairs = " ".join(rest[at : at + 2] for at in range(0, 8, 2))
    spellings = {
        canonical(f"336{rest}"),
        canonical(f"+33 6 {pairs}"),
        canonical(f"00336{rest}"),
        canonical(f"06 {pairs}"),
    }
    spellings |= {canonical(f"+33 (0)6.{pairs}"), canonical(f"6{rest}", 2), canonical(f"06{rest}", 2)}
    assert len(spellings) == 1


@pytest.mark.parametrize(
    ("metropolitan", "key", "territory"),
    [
        ("+33 6 94 38 74 74", "594694387474", "GF"),
        ("0694387474", "594694387474", "GF"),
        ("33690123456", "590690123456", "GP"),
        ("33691221234", "590691221234", "GP"),
        ("33696123456", "596696123456", "MQ"),
        ("33697123456", "596697123456", "MQ"),
        ("33692123456", "262692123456", "RE"),
        ("33693123456", "262693123456", "RE"),
        ("33639123456", "262639123456", "YT"),
        ("33269612345", "262269612345", "YT"),
        ("33262123456", "262262123456", "RE"),
        ("33590123456", "590590123456", "GP"),
        ("33594123456", "594594123456", "GF"),
        ("33596123456", "596596123456", "MQ"),
        ("0508 41 23 45", "508412345", "PM"),
        ("33708412345", "508708412345", "PM"),
        ("33708512345", "508708512345", "PM"),
        ("33709012345", "590709012345", "GP"),
        ("33709112345", "596709112345", "MQ"),
        ("33709212345", "262709212345", "RE"),
        ("33709312345", "594709312345", "GF"),
        ("33709362345", "262709362345", "YT"),
    ],
)
def test_an_overseas_line_has_one_key(metropolitan, key, territory):
    """The metropolitan spelling of an overseas line leads to its overseas key, as that key itself does."""
    assert canonical(metropolitan) == canonical(key) == canonical(f"+{key}") == Number(key, territory)


@pytest.mark.parametrize(
    ("address", "territory"),
    [
        ("33612345678", "FR"),
        ("33695123456", "FR"),
        ("33638123456", "FR"),
        ("33708612345", "FR"),
        ("33700123456", "FR"),
        ("37761234567", "MC"),
        ("687751234", "NC"),
        ("68987123456", "PF"),
        ("681821234", "WF"),
        ("4915112345678", "DE"),
        ("14165550123", "CA"),
        ("12125550123", "US"),
        ("77011234567", "KZ"),
        ("79161234567", "RU"),
        ("447700900123", "GB"),
        ("881612345678", "ZZ"),
    ],
)
def test_the_territory_is_where_the_line_belongs(address, territory):
    """Countries that share a calling code are told apart, and a satellite phone belongs nowhere."""
    assert canonical(address) == Number(address, territory)


def test_a_range_newer_than_the_metadata_is_accepted():
    """A number whose length is possible is taken even where libphonenumber calls it invalid."""
    newer = phonenumbers.parse("+33 639 98 00 00")
    assert not phonenumbers.is_valid_number(newer)
    assert canonical("33639980000") == Number("262639980000", "YT")


def test_the_trunk_digit_after_the_calling_code_is_dropped():
    """A national 0 kept after the calling code changes nothing."""
    assert canonical("330612345678") == canonical("+33 (0)6 12 34 56 78") == canonical("33612345678")


def test_the_type_of_number_decides_what_bare_digits_mean():
    """National digits belong to the default region, which the overseas departments share with France."""
    assert canonical("15112345678", 2, "DE") == canonical("4915112345678")
    assert canonical("0151 12345678", 0, "DE") == canonical("4915112345678")
    assert canonical("0612345678", 2, "RE") == canonical("33612345678", 1)
    assert canonical("33612345678", 2) == canonical("33612345678", 0)


def test_invisible_marks_of_a_copied_contact_are_ignored():
    """Direction marks, no-break spaces and typographic hyphens do not count."""
    assert canonical("\u202a+33\u00a06\u201112 34\u201156/78\u202c") == canonical("33612345678")


@pytest.mark.parametrize(
    "address",
    [
        *("", "+", "++33612345678", "33+612345678", "+0033612345678", "0", "00", "36034", "2345678", "3361234567"),
        *("336123456789", "999123456789", "1" * 16, "1" * 70_000, "Shop", "0612345678a", "336\x0012345678"),
        *("061234567", "33061234567", "330061234567", "33012345678", "0033061234567", "0590 12345"),
        *("3361234567\u00b2", "\u0660\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"),
    ],
)
def test_what_cannot_be_a_number_is_refused(address):
    """Letters, foreign digits, impossible lengths and unknown calling codes are errors."""
    with pytest.raises(NumberError):
        canonical(address)


@pytest.mark.parametrize("address", ["015112345678", "0123456789012", "061234567"])
@pytest.mark.parametrize("ton", [0, 1, 2])
def test_no_calling_code_begins_with_0(address, ton):
    """National digits are never taken for a calling code, however long they are and whatever they are called."""
    with pytest.raises(NumberError):
        canonical(address, ton)


@given(st.text(max_size=30), st.integers(0, 6), st.sampled_from(["FR", "RE", "DE", "US", "XX", ""]))
def test_any_text_is_a_key_or_an_error(address, ton, region):
    """Whatever is written, the answer is 7 to 15 digits and a territory of two letters, or NumberError."""
    found = outcome(canonical, address, ton, region)
    if found is not None:
        assert found.key.isdecimal()
        assert 7 <= len(found.key) <= 15
        assert len(found.territory) == 2


@given(st.text("0123456789", min_size=11, max_size=20))
def test_an_error_does_not_repeat_the_number(digits):
    """What is wrong is said without the number, so that it may be logged."""
    with pytest.raises(NumberError) as error:
        canonical(f"{digits}x")
    assert digits not in str(error.value)


def test_prepared_needs_no_file():
    """Once prepared, numbers of every country are told without opening a file: none may be to be had."""
    code = (
        "import resource\n"
        "from gateway.rules import number\n"
        "number.prepare()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        f"print(*(number.canonical(code + '1512345678').key for code in {PLAIN!r}))\n"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [f"{code}1512345678" for code in PLAIN]
