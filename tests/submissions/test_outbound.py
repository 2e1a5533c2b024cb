"""What is remembered of a submission."""

import pytest

from gateway.rules.policy import Submission
from gateway.rules.reading import UDHI, Piece
from gateway.smpp import receipt
from gateway.smpp.text import USUAL, Alphabet, Meanings, encode_gsm7, encode_ucs2
from gateway.submissions.outbound import excerpt

HEADER = bytes.fromhex("050003070201")


@pytest.mark.parametrize(
    ("octets", "data_coding", "esm_class", "shown"),
    [
        (encode_gsm7("Hallo Jürgen, nur dieses Wochenende"), 0, 0, "Hallo Jürgen, nur di"),
        (encode_gsm7("x" * 19 + "€"), 0, 0, "x" * 19),
        (encode_ucs2("Привет, Жанна! Как дела?"), 8, 0, "Привет, Жанна! Как д"),
        (encode_ucs2("x" * 19 + "\U0001f600"), 8, 0, "x" * 19),
        ("naïveté".encode("latin-1"), 3, 0, "naïveté"),
        (HEADER + b"Bonjour", 0, UDHI, "Bonjour"),
        (b"\x7fBonjour", 0, UDHI, ".Bonjour"),
        (b"\x01\xffabc", 4, 0, ".�abc"),
        (b"one\ntwo\r", 0, 0, "one.two."),
        (b"", 0, 0, ""),
    ],
)
def test_excerpt(octets, data_coding, esm_class, shown):
    """An excerpt is how a text begins, in its own letters, whatever it was written in; never half a character."""
    assert excerpt(Submission(None, (Piece(octets, data_coding, esm_class),)), USUAL) == shown


def test_excerpt_goes_by_the_account():
    """What data_coding 0 means is what its account means by it."""
    submission = Submission(None, (Piece("Jürgen".encode("latin-1")),))
    assert excerpt(submission, Meanings(zero=Alphabet.LATIN1)) == "Jürgen"


def test_receipts_spell_it_plainly():
    """A receipt has the same beginning in plain letters, which read alike in every alphabet."""
    written = receipt.write(receipt.Receipt("1", receipt.DELIVERED, "000", "", "", "Jürgen, ça va €?"))
    assert written.endswith(b"text:Jurgen, ca va ??")
