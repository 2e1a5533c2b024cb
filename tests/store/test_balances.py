"""Balances: whatever befalls an account, its balance is what its rows of the ledger say, less what is pending."""

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import balances, ledger
from gateway.store.balances import Use
from gateway.store.ledger import CONFIRMATION, Event
from gateway.store.sqlite import SqliteStore
from tests.store.helpers import NUMBER

ACCOUNTS = st.sampled_from(["shop", "bank", ""])
MOVES = st.one_of(
    st.tuples(st.just("grant"), ACCOUNTS, st.integers(-5, 1_000)),
    st.tuples(st.just("confirm"), ACCOUNTS, st.just(1)),
    st.tuples(st.just("debit"), ACCOUNTS, st.integers(-3, 30)),
    st.tuples(st.just("settle"), st.just(""), st.just(0)),
)


def move(tx, kind, account, amount):
    """Grant, confirm, debit or settle, in a transaction."""
    if kind == "grant":
        ledger.grant(tx, account, amount, ("paid", "cli"))
    elif kind == "confirm":
        ledger.append(
            tx, [Event(f"{tx.new_id():016x}", tx.now, account, CONFIRMATION, amount, NUMBER, "36034", "sms", "", 7)]
        )
    elif kind == "debit":
        balances.debit(tx, {account: Use(amount, 1)})
    else:
        ledger.settle_pending(tx, tx.now + 1)


async def test_balance(store):
    """A balance is granted, charged by confirmations, also below zero, and debited for submissions at once."""
    await store.transact(lambda tx: move(tx, "confirm", "shop", 1))
    assert await store.transact(lambda tx: balances.balance(tx, "shop")) == -1
    event = await store.transact(lambda tx: ledger.grant(tx, "shop", 100, ("invoice 7", "cli")))
    assert (event.kind, event.credits, event.note, event.source) == (ledger.GRANT, -100, "invoice 7", "cli")
    await store.transact(lambda tx: balances.debit(tx, {"shop": Use(30, 10)}))
    assert await store.transact(lambda tx: balances.to_spend(tx, ["shop", "bank"])) == {"shop": 69}
    assert await store.transact(balances.balances) == {"shop": 69}
    assert await store.transact(lambda tx: balances.balance(tx, "bank")) == 0


async def test_settle(store):
    """What submissions cost goes into the ledger as one row for each account, once, and changes no balance."""
    for uses in ({"shop": Use(3, 2), "bank": Use(1, 1)}, {"shop": Use(4, 1)}):
        await store.transact(lambda tx, uses=uses: balances.debit(tx, uses))
    before = await store.transact(balances.balances)
    assert await store.transact(lambda tx: ledger.settle_pending(tx, 1)) == []
    found = await store.transact(lambda tx: ledger.settle_pending(tx, tx.now + 1))
    assert [(each.account, each.kind, each.credits, each.note) for each in found] == [
        ("bank", ledger.SUBMISSIONS, 1, "1 messages"),
        ("shop", ledger.SUBMISSIONS, 7, "3 messages"),
    ]
    assert await store.transact(lambda tx: ledger.settle_pending(tx, tx.now + 1)) == []
    assert await store.transact(balances.balances) == before == {"bank": -1, "shop": -7}


async def test_given_back_at_once(store):
    """What is given back before it went into the ledger leaves no row there, and what is given back later one."""

    async def settle(*uses):
        for use in uses:
            await store.transact(lambda tx, use=use: balances.debit(tx, {"shop": use}))
        found = await store.transact(lambda tx: ledger.settle_pending(tx, tx.now + 1))
        return [(each.credits, each.note) for each in found]

    assert await settle(Use(3, 1), Use(-3, -1)) == []
    assert await settle(Use(3, 1)) == [(3, "1 messages")]
    assert await settle(Use(-3, -1)) == [(-3, "-1 messages")]
    assert await store.transact(balances.balances) == {"shop": 0}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(MOVES, max_size=12))
def test_balance_is_the_sum_of_the_ledger(tmp_path_factory, moves):
    """However grants, confirmations, submissions and settlements follow each other, the sums agree."""
    store = SqliteStore(tmp_path_factory.mktemp("balances") / "gateway.db")
    expected = {}
    for kind, account, amount in moves:
        trio.run(store.once, lambda tx, args=(kind, account, amount): move(tx, *args))
        expected[account] = expected.get(account, 0) + (amount if kind == "grant" else -amount)
    kept = trio.run(store.once, balances.balances)
    summed = trio.run(store.once, balances.summed)
    events = list(trio.run(store.once, lambda tx: list(ledger.events(tx))))
    store.close()
    assert {account: amount for account, amount in kept.items() if amount} == {
        account: amount for account, amount in expected.items() if amount
    }
    for account, total in summed.items():
        assert total == sum(each.credits for each in events if each.account == account)
