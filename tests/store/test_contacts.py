"""Contacts: who sent marketing to whom, through which code, and when last."""

from gateway.store import contacts
from tests.store.helpers import HOUR, NUMBER


async def age(store, account, milliseconds):
    """Make all contacts of an account older."""
    sql = "UPDATE contact SET last_sent = last_sent - ? WHERE account = ?"
    await store.transact(lambda tx: tx.rows(sql, (milliseconds, account)))


async def senders(store, number=NUMBER, code="36034", since=0):
    """Return the names of the senders."""
    found = await store.transact(lambda tx: contacts.senders(tx, [(number, code)], since))
    return [each.account for each in found.get((number, code), [])]


async def test_senders(store):
    """Senders to a number through a code come most recent first, the others not at all."""
    rows = [
        (NUMBER, "36034", "old"),
        (NUMBER, "36034", "new"),
        (NUMBER, contacts.WEB, "web"),
        ("4915112345678", "36034", "de"),
    ]
    await store.transact(lambda tx: contacts.touch(tx, rows))
    await age(store, "old", 1)
    assert await senders(store) == ["new", "old"]
    assert await senders(store, code=contacts.WEB) == ["web"]
    assert await senders(store, number="33700000000") == []


async def test_window(store):
    """A sender counts from the instant given on, that instant included."""
    at = await store.transact(lambda tx: contacts.touch(tx, [(NUMBER, "36034", "shop")]) or tx.now)
    assert await senders(store, since=at) == ["shop"]
    assert await senders(store, since=at + 1) == []


async def test_last_sent_moves_on(store):
    """Sending again renews the contact instead of adding one."""
    await store.transact(lambda tx: contacts.touch(tx, [(NUMBER, "36034", "a"), (NUMBER, "36034", "b")]))
    await age(store, "a", HOUR)
    await age(store, "b", 2 * HOUR)
    assert await senders(store) == ["a", "b"]
    at = await store.transact(lambda tx: contacts.touch(tx, [(NUMBER, "36034", "b")]) or tx.now)
    found = (await store.transact(lambda tx: contacts.senders(tx, [(NUMBER, "36034")], 0)))[NUMBER, "36034"]
    assert [each.account for each in found] == ["b", "a"]
    assert found[0].last_sent == at


async def test_nobody(store):
    """Touching nobody changes nothing."""
    await store.transact(lambda tx: contacts.touch(tx, []))
    assert await senders(store) == []
