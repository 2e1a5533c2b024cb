"""The mention within the budget: what holds for every text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.carriage import Form, Long
from gateway.rules.mention import Budget, MentionError, Overflow, plan
from gateway.rules.reason import Reason
from gateway.rules.segment import Room
from gateway.smpp.text import Alphabet, decode_text
from gateway.smpp.udh import split_udh
from tests import oracle

M10 = "STOP 36034"
M9 = "no-sms.eu"
GRIN = "\U0001f600"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

FORMS = {Room(0, 6): Form(Long.UDH8), Room(0, 7): Form(Long.UDH16)}
texts = st.one_of(
    st.text(st.sampled_from(sorted(oracle.OCTETS)), max_size=400),
    st.lists(st.sampled_from([*"ae €ê\u2019\u0436", "e\u0301", GRIN, FAMILY]), max_size=250).map("".join),
    st.builds("{}{}".format, st.just("x" * 140), st.text(st.sampled_from("xy €ê"), max_size=30)),
)
budgets = st.builds(
    Budget,
    max_segments=st.integers(1, 5),
    separator=st.sampled_from([" ", "", "\n", " - "]),
    fit=st.sampled_from([(), ("separator",), ("transliterate",), ("separator", "transliterate")]),
    overflow=st.sampled_from(Overflow),
    room=st.sampled_from([Room(0, 6), Room(0, 7)]),
    default=st.sampled_from([Alphabet.GSM7, Alphabet.LATIN1]),
)


def planned(text, mention, budget):
    """Return the plan, or the reason why there is none."""
    try:
        return plan(text, mention, budget)
    except MentionError as error:
        return error.reason


@settings(max_examples=200)
@given(texts, st.sampled_from([M10, M9, None]), budgets)
def test_the_handset_shows_the_text_and_the_mention_within_the_budget(text, mention, budget):
    """Whatever goes out is within the budget, and decodes to what its reason says."""
    found = planned(text, mention, budget)
    if isinstance(found, Reason):
        assert found in (Reason.TOO_LONG, Reason.DOES_NOT_FIT)
        return
    assert len(found.segments) <= budget.max_segments
    assert found.before <= len(found.segments)
    assert len(found.segments) == found.before or found.reason is Reason.EXTENDED
    shown = "".join(
        decode_text(split_udh(part.octets)[1] if part.udhi else part.octets, found.charset)
        for part in FORMS[budget.room].encode(found.segments, found.charset, 7)
    )
    assert shown == found.text == "".join(found.segments)
    if mention is None or found.reason is Reason.ALREADY_THERE:
        assert shown == text
    else:
        assert shown.endswith(mention)
    if found.reason in (Reason.APPENDED, Reason.APPENDED_WITHOUT_SEPARATOR, Reason.EXTENDED):
        assert shown in (text + mention, text + budget.separator + mention)


@settings(max_examples=200)
@given(texts, st.sampled_from([M10, M9]), budgets)
def test_a_mention_is_refused_only_where_it_cannot_fit(text, mention, budget):
    """By the oracle's count, an appended mention adds no segment, and a refused one does or is over the most."""
    budget = budget._replace(default=Alphabet.GSM7)
    before = oracle.segments(text, budget.room.each)
    after = oracle.segments(text + mention, budget.room.each)
    found = planned(text, mention, budget)
    if before > budget.max_segments:
        assert found is Reason.TOO_LONG
    elif after == before:
        assert found.text in (text, text + mention, text + budget.separator + mention) or (
            found.reason is Reason.TRANSLITERATED and len(found.segments) == before
        )
    elif found is Reason.DOES_NOT_FIT:
        assert after > budget.max_segments or budget.overflow is not Overflow.EXTEND
    elif found.reason is Reason.EXTENDED:
        assert len(found.segments) == after
    else:
        assert found.reason in (Reason.TRANSLITERATED, Reason.TRUNCATED)


@given(texts, budgets)
def test_a_truncation_keeps_the_beginning_of_the_text(text, budget):
    """A truncated message is a beginning of the text, three dots and the mention, in the segments that the text had."""
    found = planned(text, M10, budget._replace(overflow=Overflow.TRUNCATE, fit=(), default=Alphabet.GSM7))
    if isinstance(found, Reason) or found.reason is not Reason.TRUNCATED:
        return
    kept, _, tail = found.text.rpartition("...")
    assert kept
    assert text.startswith(kept)
    assert tail in (M10, budget.separator + M10)
    assert len(found.segments) == found.before
