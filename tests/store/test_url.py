"""Where `store:` points to: which engine, which file, and what is refused before anything is opened."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store.base import StoreError
from gateway.store.sqlite import SqliteStore
from gateway.store.url import check_url, is_busy, open_store, sqlite_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///relative.db", "relative.db"),
        ("sqlite:////var/lib/gateway.db", "/var/lib/gateway.db"),
    ],
)
def test_path(url, path):
    """Three slashes name a relative file, four an absolute one."""
    assert sqlite_path(check_url(url)) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host/db",
        "postgres://user:secret@host:5432/db?sslmode=verify-full",
        "postgresql://user@/db?host=/run/postgresql",
        "postgresql://one:5432,two:5433/db?target_session_attrs=read-write",
        "postgresql://[::1]:5432/db",
    ],
)
def test_server(url):
    """Whatever form libpq takes is let through, as long as it names a database."""
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://user:secret@host/db", "must be sqlite:///relative.db"),
        ("sqlite://gateway.db", "must be sqlite:///relative.db"),
        ("sqlite:///", "must be sqlite:///relative.db"),
        ("gateway.db", "must be sqlite:///relative.db"),
        ("", "must be sqlite:///relative.db"),
        ("postgresql://user:secret@[host/db", "must be sqlite:///relative.db"),
        ("postgresql://user:secret@host", "must name a database"),
        ("postgresql://user:secret@host/", "must name a database"),
    ],
)
def test_refused(url, sentence):
    """Anything else is refused, without repeating what may hold a password."""
    with pytest.raises(ValueError, match=sentence) as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


def test_sqlite(tmp_path):
    """A file is opened by the embedded engine."""
    store = open_store(f"sqlite:///{tmp_path}/gateway.db", "gw1")
    store.close()
    assert isinstance(store, SqliteStore)


def test_no_driver(monkeypatch):
    """Without its driver a PostgreSQL store is refused in a sentence that says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in [name for name in sys.modules if name.startswith("gateway.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(StoreError, match=r"install it with: pip install 'stopgate\[postgres\]'"):
        open_store("postgresql://host/db", "gw1")


def test_driver_is_not_needed():
    """Who has no use for PostgreSQL runs without its driver."""
    script = "import sys; sys.modules['psycopg'] = None; import gateway.cli, gateway.app, gateway.commands.records"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


async def test_busy(tmp_path):
    """A SQLite store is busy while a gateway has joined it; asking makes no file, and a server is never busy."""
    url = f"sqlite:///{tmp_path}/gateway.db"
    store = open_store(url, "gw1")
    assert not is_busy(url)
    assert not list(tmp_path.glob("*.lock"))
    await store.join()
    assert is_busy(url)
    store.close()
    assert not is_busy(url)
    assert not is_busy("postgresql://stopgate@db.example/stopgate")
