"""What a text would become, before it is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.carriage import Long
from gateway.rules.mention import Budget, Overflow
from gateway.rules.number import canonical
from gateway.rules.policy import Case, Forward, Kind, Mentions, Outlet, Profile, Refuse, Submission, decide
from gateway.rules.preview import Draft, Foreign, Shown, Size, preview
from gateway.rules.reading import piece_of
from gateway.rules.reason import Reason
from gateway.smpp import status
from gateway.smpp.text import USUAL, Alphabet, Meanings, alphabet_of, decode_text
from gateway.smpp.udh import split_udh

MENTIONS = Mentions("36034", "STOP 36034", "no-sms.eu", frozenset({"FR"}), ("36034", "38000"))
FRANCE, GERMANY = canonical("33612345678"), canonical("4915112345678")
SHOP = Profile("shop", Kind.MARKETING, True, USUAL, Budget(3), False)
BANK = Profile("bank", Kind.NOTIFICATION, False, USUAL, Budget(3), False)
GSM, UCS2 = Alphabet.GSM7, Alphabet.UCS2


def shown(text, profile=SHOP, destination=FRANCE, **changes):
    """Preview a text from the shop to France, unless said otherwise."""
    budget = {name: changes.pop(name) for name in ("fit", "overflow", "max_segments") if name in changes}
    profile = profile._replace(budget=profile.budget._replace(**budget))
    opted_out = changes.pop("opted_out", False)
    return preview(Draft(text, profile, destination, **changes), MENTIONS, opted_out=opted_out)


def test_all_that_is_said():
    """A preview has the text as it goes out, its segments, room, where the mention is, and what forces UCS-2."""
    text = "x" * 66 + "ж\u2019\u2019"
    found = shown(text)
    assert (found.reason, found.refusal, found.due) == (Reason.EXTENDED, None, 0)
    assert (found.before, found.after) == (Size(1, UCS2, 69), Size(2, UCS2, 80))
    assert found.text == "".join(found.segments) == text + " STOP 36034"
    assert (found.room, found.mention) == (67 - (80 - 67), Shown("STOP 36034", 70))
    assert found.foreign == (Foreign("ж", (66,), None), Foreign("\u2019", (67, 68), "'"))
    assert found.plain is None


@pytest.mark.parametrize(
    ("text", "outlet", "foreign"),
    [
        ("e\u0301x\u0301", Outlet(), Foreign("\u0301", (1, 3), "")),
        ("50 m\u00b2", Outlet(), Foreign("\u00b2", (4,), "2")),
        ("10\u00b2", Outlet(), Foreign("\u00b2", (2,), None)),
        ("10 €", Outlet(Alphabet.LATIN1), Foreign("€", (3,), None)),
        ("Ao\u00fbt", Outlet(Alphabet.LATIN1), Foreign("\u00fb", (2,), "u")),
    ],
)
def test_what_keeps_a_text_out_of_gsm_7(text, outlet, foreign):
    """A character is foreign by what the operator takes, and its spelling may depend on the one before."""
    assert shown(text, outlet=outlet).foreign == (foreign,)


def test_without_accents():
    """A text that could be spelled in GSM-7 is also previewed so."""
    found = shown("Ao\u00fbt \u2026", fit=())
    assert (found.after, found.text) == (Size(1, UCS2, 17), "Ao\u00fbt \u2026 STOP 36034")
    assert (found.plain.after, found.plain.text) == (Size(1, GSM, 19), "Aout ... STOP 36034")
    assert (found.plain.foreign, found.plain.plain) == ((), None)
    assert shown("Ao\u00fbt", fit=()).foreign == (Foreign("\u00fb", (2,), "u"),)
    assert shown("Mai").plain is None


@pytest.mark.parametrize(
    ("text", "changes", "reason", "mention"),
    [
        ("x" * 149, {}, Reason.APPENDED, Shown("STOP 36034", 150)),
        ("x" * 150, {}, Reason.APPENDED_WITHOUT_SEPARATOR, Shown("STOP 36034", 150)),
        ("\u00ea" * 65, {}, Reason.TRANSLITERATED, Shown("STOP 36034", 66)),
        ("x" * 151, {}, Reason.EXTENDED, Shown("STOP 36034", 152)),
        ("x" * 151, {"overflow": Overflow.TRUNCATE}, Reason.TRUNCATED, Shown("STOP 36034", 150)),
        ("x", {"destination": GERMANY}, Reason.APPENDED, Shown("no-sms.eu", 2)),
        ("x. Stop 36034 !", {}, Reason.ALREADY_THERE, Shown("Stop 36034", 3)),
        ("x STOP au 38000. Merci", {}, Reason.ALREADY_THERE, Shown("STOP au 38000", 2)),
        ("x", {"profile": BANK}, Reason.NOT_WANTED, None),
        ("x", {"profile": BANK, "optout_mention": 1}, Reason.APPENDED, Shown("STOP 36034", 2)),
        ("x", {"profile": BANK._replace(mention=True)}, Reason.APPENDED, Shown("STOP 36034", 2)),
        ("x", {"profile": BANK._replace(mention=True), "optout_mention": 0}, Reason.NOT_WANTED, None),
    ],
)
def test_what_was_done(text, changes, reason, mention):
    """The reason says what was done to the text, and the mention where it stands in it."""
    found = shown(text, **changes)
    assert (found.reason, found.mention, found.refusal) == (reason, mention, None)


@pytest.mark.parametrize(
    ("text", "changes", "refusal", "after"),
    [
        ("x" * 151, {"overflow": Overflow.REJECT}, Refuse(0x411, "does_not_fit"), Size(2, GSM, 161)),
        ("x" * 460, {}, Refuse(status.ESME_RINVMSGLEN, "too_long"), Size(4, GSM, 470)),
        ("x", {"optout_mention": 0}, Refuse(0x412, "mention_required"), Size(1, GSM, 1)),
        ("\ud83d", {}, Refuse(0x413, "not_text"), Size(0, UCS2, 0)),
        ("\ud83d", {"profile": BANK}, Refuse(0x413, "not_text"), Size(0, UCS2, 0)),
    ],
)
def test_what_is_refused(text, changes, refusal, after):
    """A refusal is a value, with its status and reason, beside what the text would take; nothing goes out."""
    found = shown(text, **changes)
    assert (found.refusal, found.reason, found.after) == (refusal, refusal.reason, after)
    assert (found.text, found.segments, found.mention) == ("", (), None)


@pytest.mark.parametrize("receipt", [False, True])
def test_opted_out(receipt):
    """For a number that has opted out the refusal says so, beside what the text would have become."""
    found = shown("x", SHOP._replace(receipt_when_opted_out=receipt), opted_out=True)
    assert (found.refusal, found.reason) == (Refuse(0x410, "opted_out"), "opted_out")
    assert found.text == "x STOP 36034"


def test_as_json():
    """A preview is plain values, previews within it included."""
    values = json.loads(json.dumps(shown("Ao\u00fbt").values()))
    assert values["mention"] == {"words": "STOP 36034", "start": 5}
    assert values["before"] == {"segments": 1, "alphabet": "ucs2", "units": 4}
    assert values["foreign"] == [{"character": "\u00fb", "places": [2], "spelling": "u"}]
    assert (values["plain"]["text"], values["plain"]["plain"]) == ("Aout STOP 36034", None)


texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.text(st.sampled_from("xy €[@ê\u2019ж\U0001f600"), max_size=400),
    st.builds("{}{}".format, st.sampled_from(["x" * 145, "ж" * 55]), st.text(st.sampled_from("xé €ê"), max_size=20)),
)
kinds = [(GSM, 0), (GSM, 3), (Alphabet.LATIN1, 0)]
outlets = st.builds(
    lambda kind, long: Outlet(kind[0], long, coding=kind[1]), st.sampled_from(kinds), st.sampled_from(Long)
)
profiles = st.builds(
    lambda profile, budget, zero: profile._replace(budget=budget, meanings=Meanings(zero)),
    st.sampled_from([SHOP, BANK]),
    st.builds(Budget, st.integers(1, 4), overflow=st.sampled_from(Overflow)),
    st.sampled_from([GSM, Alphabet.LATIN1]),
)


@settings(max_examples=300)
@given(texts, outlets, profiles, st.sampled_from([None, 0, 1]))
def test_it_is_what_would_be_sent(text, outlet, profile, tlv):
    """Whatever the text and the settings, a preview shows what a submission of that text becomes."""
    submission = Submission(FRANCE, (piece_of(text, profile.meanings),), tlv)
    verdict = decide(Case(profile, submission, opted_out=False, outlet=outlet), MENTIONS, lambda: 7)
    found = preview(Draft(text, profile, FRANCE, outlet, tlv), MENTIONS)
    if isinstance(verdict, Refuse):
        assert found.refusal == verdict
        return
    assert isinstance(verdict, Forward)
    assert (found.refusal, found.reason, found.after.segments) == (None, verdict.reason, verdict.segments)
    sent = [
        decode_text(
            split_udh(part.octets)[1] if part.udhi else part.octets,
            alphabet_of(part.data_coding, Meanings(outlet.default, GSM)),
        )
        for part in verdict.parts
    ]
    assert "".join(sent) == found.text
    if len(sent) == verdict.segments:
        assert sent == list(found.segments)
