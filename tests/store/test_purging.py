"""What has been kept for long enough goes, a page at a time, and nothing else does."""

import pytest

from gateway.store import confirmations, contacts, messages, purging
from gateway.store.confirmations import Confirmation
from gateway.store.ids import first_id
from gateway.store.purging import FIRST_CONTACT, START
from tests.store.helpers import HOUR, NUMBER, message


async def everything(store, function, before, start=START, limit=2):
    """Purge page by page; returns how many rows have gone."""
    count, after = 0, start
    while after is not None:
        page = await store.transact(lambda tx, after=after: function(tx, after, before, limit))
        assert page.gone <= limit
        count, after = count + page.gone, page.after
    return count


@pytest.fixture
async def now(store):
    """Offer the present, with five messages that ended one to five hours ago, and one on its way for six hours."""

    def fill(tx):
        rows = [
            message(tx, id=first_id(tx.now - hours * HOUR), state=messages.DELIVERED, open=0) for hours in range(1, 6)
        ]
        messages.add(tx, [*rows, message(tx, id=first_id(tx.now - 6 * HOUR))])
        tx.each(
            "WITH ended (id, at) AS ({rows}) UPDATE message SET done = ended.at FROM ended WHERE message.id = ended.id",
            [(row.id, tx.now - hours * HOUR) for hours, row in enumerate(rows, 1)],
        )
        return tx.now

    return await store.transact(fill)


async def count(store, condition="1 = 1"):
    """Count messages."""
    return (await store.transact(lambda tx: tx.rows(f"SELECT count(*) FROM message WHERE {condition}")))[0][0]


async def test_messages(store, now):
    """Messages that ended before an instant go; younger ones and those on their way stay."""
    assert await everything(store, purging.messages, now - 3 * HOUR + 1) == 3
    assert await count(store) == 3
    assert await count(store, "state = 1") == 1
    assert await everything(store, purging.messages, now - 3 * HOUR + 1) == 0


async def test_texts(store, now):
    """The beginnings of texts go before the messages do."""
    assert await everything(store, purging.texts, now - 3 * HOUR + 1) == 3
    assert await count(store, "excerpt = ''") == 3
    assert await count(store) == 6


async def test_a_message_that_took_long(store, now):
    """A message that was accepted long ago and ended lately stays: the time begins with its end."""
    await store.transact(lambda tx: tx.rows("UPDATE message SET state = 3, done = ? WHERE state = 1", (tx.now,)))
    assert await everything(store, purging.messages, now - 5 * HOUR) == 0


async def test_contacts(store, now):
    """Contacts go whose marketing is too long ago."""
    rows = [(f"3361234567{digit}", "36034", "shop") for digit in range(5)]
    await store.transact(lambda tx: contacts.touch(tx, rows))
    await store.transact(lambda tx: tx.rows("UPDATE contact SET last_sent = ? WHERE number < ?", (7, "33612345673")))
    assert await everything(store, purging.contacts, 8, FIRST_CONTACT) == 3
    assert await store.transact(lambda tx: tx.rows("SELECT count(*) FROM contact")) == [(2,)]


async def test_confirmations(store, now):
    """What is known about confirmations goes with their messages."""
    ids = [first_id(now - hours * HOUR) for hours in range(1, 6)]
    rows = [
        Confirmation(each, NUMBER, now - hours * HOUR, "shop", "36034", "orange", 1)
        for hours, each in enumerate(ids, 1)
    ]
    await store.transact(lambda tx: confirmations.add(tx, rows))
    assert await everything(store, purging.confirmations, now - 3 * HOUR + 1) == 3
    assert await store.transact(lambda tx: confirmations.last(tx, [NUMBER])) == {NUMBER: now - HOUR}
