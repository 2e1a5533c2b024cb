"""A connection to PostgreSQL that is made again when it is lost, and never waits for ever.

Whatever a server or a network does, a call ends at the deadline at the latest: then the connection is given up.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from psycopg import conninfo
from psycopg.types.numeric import Int8Dumper

from gateway.store.base import StoreError
from gateway.store.postgres_errors import refusal, translate

if TYPE_CHECKING:
    from psycopg.abc import PQGen

_log = structlog.get_logger()
_OLDEST = 13
_WITH_TRANSACTION_TIMEOUT = 17
_DEFAULTS = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5_000,  # milliseconds
}
# A plan made once for all would be made while the tables are still empty, and read all of the spool when it is not:
# planning each time costs a tenth of a round's time, and saves fifteen times as much on a long queue. A table that has
# grown and was not analysed since, for a minute after an import or a restore, would be read whole for a few numbers:
# what we look for has an index.
_SETTINGS = """
    SET synchronous_commit = on;
    SET default_transaction_isolation = 'read committed';
    SET idle_in_transaction_session_timeout = '3s';
    SET lock_timeout = '2s';
    SET client_min_messages = warning;
    SET jit = off;
    SET plan_cache_mode = force_custom_plan;
    SET enable_seqscan = off;
    SET statement_timeout = '4s';
"""
logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it has to say, its exceptions say again


class Bounded(psycopg.Connection[Any]):
    """A connection whose calls end at ``deadline``, of the monotonic clock, each after ``patience`` seconds at most.

    The connection is closed then.
    """

    deadline = math.inf
    patience = math.inf

    def wait(self, gen: PQGen[Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (whatever the driver waits for)
        """Serve one of the driver's exchanges, looking at the clock each time that nothing has come."""
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, exchange: PQGen[Any]) -> PQGen[Any]:
        until = min(self.deadline, time.monotonic() + self.patience)
        try:
            wanted = next(exchange)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > until:
                    self.pgconn.finish()
                    raise psycopg.OperationalError("nothing came back in time")
                wanted = exchange.send(ready)
        except StopIteration as end:
            return end.value


class Link:
    """Makes connections to one database.

    Args:
        url: ``postgresql://…``, in any form that libpq takes.
        name: what the connections are called in pg_stat_activity.

    Attributes:
        label: the URL as it may be shown, without a password.

    Raises:
        StoreError: the URL cannot be read.
    """

    def __init__(self, url: str, name: str) -> None:
        try:
            given = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # its text may show a part of the password
            raise StoreError("store: the URL cannot be read; write postgresql://user@host/database") from None
        self._parameters = {**_DEFAULTS, **given, "application_name": name, "client_encoding": "utf8"}
        host, port = given.get("host", ""), given.get("port")
        place = "" if str(host).startswith("/") else f"{host}{f':{port}' if port else ''}"
        user = f"{given['user']}@" if "user" in given else ""
        self.label = f"postgresql://{user}{place}/{given.get('dbname', '')}"
        self._warned = False

    def connect(self) -> Bounded:
        """Make a connection that is fit for use.

        Raises:
            StoreError: there is none to be had, or it leads to something that is of no use to us.
        """
        try:
            connection = Bounded.connect(**self._parameters, autocommit=True, prepare_threshold=1)  # type: ignore[arg-type]  # libpq checks them
        except psycopg.Error as error:
            raise refusal(error, self.label) from error
        try:
            self._prepare(connection)
        except psycopg.Error as error:
            connection.close()
            raise translate(error, self.label) from error
        except StoreError as error:
            connection.close()
            raise StoreError(f"{self.label}: {error}") from error
        return connection

    def _prepare(self, connection: Bounded) -> None:
        connection.deadline = time.monotonic() + _DEFAULTS["connect_timeout"]
        version, encoding = (
            connection.info.server_version // 10_000,
            connection.info.parameter_status("server_encoding"),
        )
        if version < _OLDEST:
            raise StoreError(f"the server is PostgreSQL {version}; {_OLDEST} is the oldest that will do")
        if encoding != "UTF8":
            raise StoreError(f"the database's encoding is {encoding}; create one with ENCODING 'UTF8'")
        connection.execute(_SETTINGS)
        if version >= _WITH_TRANSACTION_TIMEOUT:
            connection.execute("SET transaction_timeout = 0")
        [(standby, fsync)] = connection.execute("SELECT pg_is_in_recovery(), current_setting('fsync')").fetchall()
        if standby:
            raise StoreError("is read-only, such as a standby; name the primary")
        if fsync != "on" and not self._warned:
            _log.warning("store_unsafe", store=self.label, reason="fsync is off: a power failure may lose everything")
            self._warned = True
        # A Python int has no size; one type for all keeps one prepared statement for each text.
        connection.adapters.register_dumper(int, Int8Dumper)
        connection.prepared_max = 500
        connection.deadline = math.inf
