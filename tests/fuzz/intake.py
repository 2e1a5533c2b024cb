"""The real intake without sockets: requests are read, decided and written in a transaction that is never committed."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import NamedTuple

from gateway import ruleset
from gateway.config.models import Config
from gateway.homeward import Homeward
from gateway.lanes.lanes import Lanes
from gateway.smpp import pdu as smpp
from gateway.store.ids import Ids
from gateway.store.sqlite import SqliteStore, SqliteTx
from gateway.submissions import submission
from gateway.submissions.admission import Admission
from gateway.submissions.judge import Judge

PATIENCE = 300_000
VALIDITY = 172_800_000


class Sent(NamedTuple):
    """What a round led to: a status and an id for each request, and the submit_sm that wait for the operator."""

    answers: list
    pdus: list
    messages: dict


@lru_cache(maxsize=4_096)
def configured(account, operator, separator):
    """Return a configuration with one account and one operator, each given as sorted pairs."""
    return Config.model_validate(
        {
            "node": "gw1",
            "opt_out": {"separator": separator},
            "accounts": {
                "shop": {"password": "secret", "rate": None, **{key: _plain(value) for key, value in account}}
            },
            "operators": {"orange": {"host": "127.0.0.1", "system_id": "gw", "password": "secret", **dict(operator)}},
            "routes": [{"prefixes": [""], "operators": ["orange"]}],
        }
    )


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


class Intake:
    """The intake on a database of its own, empty again after each round."""

    def __init__(self, folder):
        self._store = SqliteStore(folder / "gateway.db")
        self._ids = Ids(1)
        self._numbers = itertools.count(1)
        self._made = None

    def close(self):
        """Close the database."""
        self._store.close()

    def round(self, config, rounds):
        """Take in requests, those of each of ``rounds`` in a batch of their own; returns what they led to together."""
        lanes, home = Lanes(), Homeward(config)
        judge = Judge(config, lanes)
        customer = submission.Customer(
            config.accounts["shop"], ruleset.profile(config.accounts["shop"], config.opt_out)
        )
        connection = self._store._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            tx = SqliteTx(connection, self._ids)
            answers = []
            for requests in rounds:
                items = [self._read(customer, pdu, tx.now) for pdu in requests]
                sound = [each for each in items if not isinstance(each, int)]
                admission = Admission(tx, judge, sound, PATIENCE)
                answers += [(each, 0) if isinstance(each, int) else admission.admit(each)[:2] for each in items]
                admission.write(lanes, home)
            rows = tx.rows("SELECT message, body FROM spool WHERE lane LIKE 'operator/%' ORDER BY id")
            kept = tx.rows("SELECT id, reason, state, segments, joined FROM message")
        finally:
            connection.execute("ROLLBACK")
        pdus = [(message, submission.reread(body)) for message, body in rows]
        return Sent(answers, pdus, {row[0]: row[1:] for row in kept})

    def _parts(self, config):
        """Return what a gateway of a configuration is made of, as far as a submission sees it."""
        if self._made is None or self._made[0] is not config:
            lanes, account = Lanes(), config.accounts["shop"]
            customer = submission.Customer(account, ruleset.profile(account, config.opt_out))
            self._made = config, (lanes, Homeward(config), Judge(config, lanes), customer)
        return self._made[1]

    def _read(self, customer, pdu, now):
        frame = smpp.encode(smpp.Pdu(pdu.command, next(self._numbers) & 0x7FFFFFFF, 0, pdu.fields, pdu.tlvs))
        try:
            return submission.read(None, customer, smpp.decode(frame), submission.Clock(now, VALIDITY))
        except submission.RefusedError as refused:
            return refused.status
