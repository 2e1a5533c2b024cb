"""Confirmations: when a number was last told, and what became of each."""

import json

import pytest

from gateway.store import confirmations, ledger, messages
from gateway.store.confirmations import Confirmation
from gateway.store.ids import wire
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.messages import Finished
from tests.store.helpers import NUMBER, message


async def confirmed(store):
    """Send one confirmation that is billed; returns its message."""

    def work(tx):
        row = message(tx, account=messages.PLATFORM)
        confirmations.add(tx, [Confirmation(row.id, NUMBER, tx.now, "shop", "36034", "orange", 7)])
        ledger.append(tx, [Event("a", tx.now, "shop", CONFIRMATION, 1, NUMBER, "36034", "sms", wire(row.id), 7)])
        return row

    return await store.transact(work)


async def test_last(store):
    """A number was last told when its latest confirmation was sent; one that never was is not named."""
    rows = [Confirmation(number, NUMBER, at, "shop", "36034", "orange", 7) for number, at in ((1, 20), (2, 10))]
    await store.transact(lambda tx: confirmations.add(tx, rows))
    assert await store.transact(lambda tx: confirmations.last(tx, {NUMBER, "33700000000"})) == {NUMBER: 20}


@pytest.mark.parametrize(
    ("state", "effect", "kinds"),
    [
        (messages.DELIVERED, "confirmation_delivered", [CONFIRMATION]),
        (messages.UNKNOWN, "confirmation_unknown", [CONFIRMATION]),
        (messages.ACCEPTED, "confirmation_unknown", [CONFIRMATION]),
        (messages.EXPIRED, "confirmation_undelivered", [CONFIRMATION, ledger.UNDELIVERED]),
        (messages.UNDELIVERABLE, "confirmation_undelivered", [CONFIRMATION, ledger.UNDELIVERED]),
        (messages.REJECTED, "confirmation_undelivered", [CONFIRMATION, ledger.UNDELIVERED]),
    ],
)
async def test_ended(store, state, effect, kinds):
    """The receipt of a confirmation is evidence, and the ledger says so where it did not arrive."""
    row = await confirmed(store)
    await store.transact(lambda tx: confirmations.ended(tx, [Finished(row, state, "042")]))
    [(number, account, found, note)] = await store.transact(
        lambda tx: tx.rows("SELECT number, accounts, effect, note FROM evidence")
    )
    assert (number, json.loads(account), found) == (NUMBER, ["shop"], effect)
    assert note.startswith(f"id:{wire(row.id)} stat:")
    assert note.endswith(" err:042")
    assert [each.kind for each in await store.transact(lambda tx: list(ledger.events(tx)))] == kinds


async def test_other_messages_of_ours(store):
    """The end of another message of ours is no evidence."""
    row = await confirmed(store)
    await store.transact(
        lambda tx: confirmations.ended(tx, [Finished(row._replace(id=row.id + 1), messages.DELIVERED, "000")])
    )
    assert await store.transact(lambda tx: tx.rows("SELECT * FROM evidence")) == []
