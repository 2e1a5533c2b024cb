"""Certificates in files: what `check` says of them, and where."""

import pytest
from click.testing import CliRunner

from gateway import cli
from tests.certificates import Authority, encrypt

OPERATOR = 'operators: {o: {host: h, system_id: s, password: p, tls: {%s}}}\nroutes: [{prefixes: [""], operators: [o]}]'
SMPP = "smpp: {tls: {certificate: %s, key: %s}}"
HOOK = (
    f"{OPERATOR % ''}\n"
    "accounts: {s: {password: p, webhook: {url: 'https://s.example', "
    "secret: whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, ca: %s}}}"
)


@pytest.fixture
def check(tmp_path):
    """Check a configuration beside two pairs and some files that are none; returns status and problems."""
    authority = Authority(tmp_path)
    authority.issue("a", "localhost")
    authority.issue("b", "localhost")
    encrypt(authority.issue("locked", "localhost")[1], b"passphrase")
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "folder").mkdir()

    def check(text):
        path = tmp_path / "gateway.yaml"
        path.write_text(text)
        result = CliRunner().invoke(cli.main, ["check", "--config", str(path)])
        return result.exit_code, result.stderr.replace(f"{tmp_path}/", "")

    return check


@pytest.mark.parametrize(
    "text",
    [
        SMPP % ("a.pem", "a.key"),
        "smpp: {tls: {certificate: a.pem, key: a.key, client_ca: ca.pem}}",
        OPERATOR % "",
        OPERATOR % "ca: ca.pem",
        HOOK % "ca.pem",
        OPERATOR % "ca: ca.pem, certificate: a.pem, key: a.key",
    ],
)
def test_files_that_fit(check, text):
    """Files that load and match, beside the configuration whatever the working directory, are accepted."""
    assert check(text) == (0, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SMPP % ("a.pem", "b.key"), "1:39: smpp.tls.key: b.key is not the key of a.pem"),
        (SMPP % ("c.pem", "a.key"), "1:27: smpp.tls.certificate: c.pem cannot be read: No such file or directory"),
        (SMPP % ("folder", "a.key"), "1:27: smpp.tls.certificate: folder cannot be read: Is a directory"),
        (SMPP % ("a.pem", "c.key"), "1:39: smpp.tls.key: c.key cannot be read: No such file or directory"),
        (SMPP % ("junk", "a.key"), "1:27: smpp.tls.certificate: junk holds no certificates in PEM form"),
        (SMPP % ("a.key", "a.key"), "1:27: smpp.tls.certificate: a.key holds no certificates in PEM form"),
        (SMPP % ("a.pem", "junk"), "1:39: smpp.tls.key: junk holds no private key in PEM form"),
        (SMPP % ("a.pem", "a.pem"), "1:39: smpp.tls.key: a.pem holds no private key in PEM form"),
        (SMPP % ("locked.pem", "locked.key"), "1:44: smpp.tls.key: is encrypted; give a key without a passphrase"),
        (
            "smpp: {tls: {certificate: a.pem, key: a.key, client_ca: junk}}",
            "1:57: smpp.tls.client_ca: junk holds no certificates in PEM form",
        ),
        (HOOK % "junk", "3:117: accounts.s.webhook.ca: junk holds no certificates in PEM form"),
        (OPERATOR % "ca: junk", "1:63: operators.o.tls.ca: junk holds no certificates in PEM form"),
        (
            OPERATOR % "certificate: a.pem, key: b.key",
            "1:84: operators.o.tls.key: b.key is not the key of a.pem",
        ),
    ],
)
def test_files_that_do_not(check, text, problem):
    """A file that cannot be used is a problem with its place, key and remedy."""
    assert check(text) == (2, f"gateway.yaml:{problem}\n")


def test_each_section_is_told(check):
    """Files of several sections are all tried."""
    status, problems = check(SMPP % ("junk", "junk") + "\n" + OPERATOR % "ca: junk")
    assert status == 2
    assert [line.partition(": ")[0] for line in problems.splitlines()] == ["gateway.yaml:1:27", "gateway.yaml:2:63"]
