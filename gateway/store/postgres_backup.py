"""Backups of a PostgreSQL database by the server's own programs: pg_dump and pg_restore, of our schema alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from psycopg import conninfo

from gateway.store.base import StoreError
from gateway.store.postgres_link import Link

if TYPE_CHECKING:
    from pathlib import Path

_GET = "install PostgreSQL's client programs of the server's version, such as postgresql-client"


def dump(url: str, target: Path) -> None:
    """Write what one instant held to a new file of mode 0600, in pg_dump's custom format.

    Raises:
        StoreError: it cannot be done; the sentence says why and what to do.
    """
    if target.exists():
        raise StoreError(f"{target}: is there already, and is not overwritten; name another file")
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _run(url, "pg_dump", "--format=custom", f"--schema={_schema(url)}", f"--file={partial}")
        partial.rename(target)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def load(url: str, source: Path) -> None:
    """Fill an empty database with what :func:`dump` wrote, all or nothing.

    Raises:
        StoreError: there is something in it already, or it cannot be done.
    """
    if not source.exists():
        raise StoreError(f"{source}: there is no such file")
    link = Link(url, "stopgate/restore")
    connection = link.connect()
    try:
        [(there,)] = connection.execute("SELECT to_regclass('migration') IS NOT NULL").fetchall()
    finally:
        connection.close()
    if there:
        raise StoreError(f"{link.label}: holds a gateway's tables already, and is not overwritten; name an empty one")
    options = ("--single-transaction", "--exit-on-error", "--no-owner", f"--schema={_schema(url)}")
    _run(url, "pg_restore", *options, str(source))


def _schema(url: str) -> str:
    connection = Link(url, "stopgate/backup").connect()
    try:
        [(schema,)] = connection.execute("SELECT current_schema()").fetchall()
    finally:
        connection.close()
    return str(schema)


def _run(url: str, program: str, *options: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise StoreError(f"{program} is not installed; {_GET}")
    given = conninfo.conninfo_to_dict(url)
    password = given.pop("password", None)  # a command line can be seen by others
    given.pop("options", None)  # a search path, which these programs set themselves
    environment = os.environ | ({"PGPASSWORD": str(password)} if password is not None else {})
    done = subprocess.run(  # noqa: S603 (our own words)
        [path, f"--dbname={conninfo.make_conninfo('', **given)}", *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())
        hint = f"; {_GET}" if "version mismatch" in said else ""
        raise StoreError(f"{program}: {said}{hint}")
