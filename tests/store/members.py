"""Nodes on one PostgreSQL, and a look at the database from outside."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager

import psycopg
import trio

from gateway.store.postgres import PostgresStore
from tests.store.helpers import PATIENCE
from tests.store.proxy import Proxy


@asynccontextmanager
async def member(url, node="gw1"):
    """Open a store, join, and serve its rounds meanwhile."""
    store = await trio.to_thread.run_sync(PostgresStore, url, node)
    try:
        await store.join()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            yield store
            nursery.cancel_scope.cancel()
    finally:
        store.close()


@asynccontextmanager
async def two_members(database):
    """Offer two nodes on one database."""
    async with member(database.url, "gw1") as one, member(database.url, "gw2") as two:
        yield one, two


@asynccontextmanager
async def behind_proxy(server, database, node="gw1"):
    """Offer a node whose connections go through a proxy, and the proxy."""
    async with trio.open_nursery() as nursery:
        proxy = Proxy(server.over_tcp[1])
        await nursery.start(proxy.run)
        async with member(server.url(database.space, port=proxy.port), node) as store:
            await listening(database, 1)  # or its octets might meet with the fate of others
            yield store, proxy
        nursery.cancel_scope.cancel()


async def until(condition):
    """Wait for what nobody announces."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 (see above)
            await trio.sleep(0.01)


async def listening(database, count):
    """Wait until as many sessions of the test's own listen; those of earlier ones may not have ended yet."""
    listen = "query = 'LISTEN stopgate' AND state = 'idle'"
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE {listen} AND backend_start > '{database.since}'"
    with trio.fail_after(PATIENCE):
        while await trio.to_thread.run_sync(look, database, sql) != [(count,)]:  # noqa: ASYNC110 (nobody announces it)
            await trio.sleep(0.01)


async def both(one, two, work):
    """Run ``work`` on both nodes at the same moment; returns their results."""
    results, met = [], []
    barrier = threading.Barrier(2, timeout=PATIENCE)

    def together(tx):
        if len(met) < 2:  # or it is another try
            met.append(tx)
            barrier.wait()
        return work(tx)

    async def run(store):
        results.append(await store.transact(together))

    async with trio.open_nursery() as nursery:
        for store in (one, two):
            nursery.start_soon(run, store)
    return results


def look(database, sql):
    """Read the database from outside."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()


def spooled_numbers(database):
    """Return the numbers of all spooled rows, seen from outside."""
    return [number for (number,) in look(database, "SELECT number FROM spool ORDER BY number")]
