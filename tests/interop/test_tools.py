"""What happens to tests whose foreign program is not installed."""

import pytest

from tests.interop.tools import need


def test_skipped_with_the_way_to_get_it(monkeypatch):
    """A test without its program is skipped, and the reason names the command that installs it."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Kannel is not installed: `apt-get install kannel`"):
        need(have=False, what="Kannel", get="apt-get install kannel")


def test_failed_where_it_must_run(monkeypatch):
    """Where CI is set, a test without its program fails."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Kannel is not installed"):
        need(have=False, what="Kannel", get="apt-get install kannel")


def test_run_where_it_can(monkeypatch):
    """A test with its program runs, wherever that is."""
    for value in ("", "true"):
        monkeypatch.setenv("CI", value)
        assert need(have=True, what="Kannel", get="apt-get install kannel") is None
