"""Until when a certificate is good, against what another library reads."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509

from gateway.certificates import expiry


@pytest.mark.parametrize(
    "end",
    [
        datetime(2027, 3, 1, 12, 30, 59, tzinfo=UTC),
        datetime(2049, 12, 31, tzinfo=UTC),
        datetime(2051, 1, 1, tzinfo=UTC),
    ],
    ids=["soon", "the last in two digits", "four digits"],
)
@pytest.mark.parametrize("names", [["a.example"], [f"host{number}.long.example" for number in range(40)]])
def test_expiry(tmp_path, end, names):
    """The end is read from certificates of any length, as RFC 5280 spells dates before 2050 and after."""
    file = tmp_path / "cert.pem"
    pair = trustme.CA().issue_cert(*names, not_after=end, not_before=datetime(2020, 1, 1, tzinfo=UTC))
    file.write_bytes(pair.cert_chain_pems[0].bytes())
    assert expiry(file) == end
    assert expiry(file) == x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def test_the_first_counts(tmp_path):
    """Of a chain the server's own certificate counts, which stands first, whatever stands before it."""
    ca, end = trustme.CA(), datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    pair = ca.issue_cert("a.example", not_after=end)
    file = tmp_path / "chain.pem"
    file.write_bytes(b"a comment\n" + pair.cert_chain_pems[0].bytes() + ca.cert_pem.bytes())
    assert expiry(file) == end


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"])
def test_no_certificate(tmp_path, text):
    """What is none is said so, with the file's name."""
    file = tmp_path / "cert.pem"
    file.write_text(text)
    with pytest.raises(ValueError, match=str(file)):
        expiry(file)
