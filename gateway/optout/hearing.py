"""One batch of what was heard about numbers: facts first, then each in its turn, then all rows at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from gateway.hooks import OPT_IN, OPT_OUT, Change
from gateway.lanes.lanes import stop_name
from gateway.optout.confirmation import OptOut
from gateway.optout.heard import AGAIN, ANSWERED, NOTHING, PART, RELEASED, REPEATED, Effect, evidence_of
from gateway.optout.replies import Topic
from gateway.rules.ladder import Reading, Rule
from gateway.store import blacklist, confirmations, contacts, evidence, ledger, messages, reviews, spool
from gateway.store.blacklist import EVERYBODY, Entry
from gateway.store.evidence import HELD, LIFTED, OPTED_OUT, Said
from gateway.store.messages import PLATFORM
from gateway.store.reviews import Case

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.homeward import Homeward
    from gateway.optout.answers import Answer
    from gateway.optout.attribution import Attribution
    from gateway.optout.confirmation import Confirmations
    from gateway.optout.heard import Heard
    from gateway.optout.refusals import Refusals
    from gateway.optout.replies import Replies
    from gateway.store.base import Tx
    from gateway.store.confirmations import Confirmation
    from gateway.store.contacts import Contact
    from gateway.store.evidence import Evidence
    from gateway.store.messages import Message
    from gateway.store.spool import Spooled

_HOUR_MS = 3_600_000
_SAME, _ANY = 3, 20  # texts in an hour from one number, the same or any, from which on it is a loop


class Rules(NamedTuple):
    """What a configuration says about opt-outs; ``review_ms``: how long a text may wait for its reader."""

    attribution: Attribution
    confirmations: Confirmations
    replies: Replies
    home: Homeward
    refusals: Refusals
    review_ms: int


class Hearing:
    """One batch: what is known about its numbers, and what is to be written."""

    def __init__(self, tx: Tx, rules: Rules, heard: Sequence[Heard]) -> None:
        self._tx = tx
        self._rules = rules
        numbers = {each.number.key for each in heard}
        tx.lock(numbers)  # no submission to them is being decided meanwhile
        asked = {(each.number.key, code) for each in heard for code in rules.attribution.concerned(each.code)}
        self._senders = contacts.senders(tx, asked, tx.now - rules.attribution.window_ms)
        self._entries = {(each.number, each.account): each for each in blacklist.of(tx, numbers)}
        self._cases = set(reviews.of(tx, numbers))
        self._confirmed = confirmations.last(tx, numbers)
        self._said = Counter(evidence.said_since(tx, numbers, tx.now - _HOUR_MS))
        self._texts: Counter[str] = Counter()
        for said, count in self._said.items():
            self._texts[said.number] += count
        self._added: dict[tuple[str, str], Entry] = {}
        self._lifted: set[tuple[str, str]] = set()
        self._opened: set[Case] = set()
        self._closed: set[Case] = set()
        self._released: set[Case] = set()
        self._stopped: set[str] = set()
        self._evidence: list[Evidence] = []
        self._events: list[ledger.Event] = []
        self._messages: list[Message] = []
        self._confirmations: list[Confirmation] = []
        self._rows: list[Spooled] = []

    def take(self, heard: Heard) -> Effect:
        """Decide about one thing that was heard."""
        senders = self._senders_of(heard)
        self._copy(heard, senders)
        if heard.part is not None:
            return Effect(heard, PART if heard.copied else AGAIN)
        looped = self._is_loop(heard)
        follow = {
            Reading.OPT_OUT: self._opt_out,
            Reading.OPT_IN: self._opt_in,
            Reading.UNCLEAR: self._hold,
            Reading.CONTACT: self._inform,
            Reading.HELP: self._inform,
            Reading.NONE: self._release if heard.accounts else self._note,
        }
        return follow[heard.decision.reading](heard, senders, looped=looped)

    def _senders_of(self, heard: Heard) -> list[Contact]:
        """Return who sent marketing to the number, each account once, most recent first."""
        codes = self._rules.attribution.concerned(heard.code)
        if len(codes) == 1:
            return self._senders.get((heard.number.key, heard.code), [])
        found = [each for code in codes for each in self._senders.get((heard.number.key, code), [])]
        latest: dict[str, Contact] = {}
        for each in sorted(found, key=lambda each: (-each.last_sent, each.account)):
            latest.setdefault(each.account, each)
        return list(latest.values())

    def _copy(self, heard: Heard, senders: Sequence[Contact]) -> None:
        """Copy a text to the accounts that it may be for."""
        if heard.text is not None and heard.copied:
            names = self._concerned(heard, senders)
            wanting = [each for each in names if self._rules.attribution.wants_texts(each)]
            self._rows += [self._rules.home.text(self._tx, account, heard.text) for account in wanting]

    def _concerned(self, heard: Heard, senders: Sequence[Contact]) -> list[str]:
        """Return the accounts that a text is for: who has sent to the number, else whose own the code is."""
        owner = self._rules.attribution.owner(heard.code)
        return [each.account for each in senders] or ([owner] if owner else [])

    def _is_loop(self, heard: Heard) -> bool:
        """Count a text; say whether two machines are probably talking to each other, and nothing should be answered."""
        if heard.text is None:
            return False
        said = Said(heard.number.key, heard.code, heard.decision.normalised)
        self._said[said] += 1
        self._texts[said.number] += 1
        return self._said[said] >= _SAME or self._texts[said.number] >= _ANY

    # What may follow

    def _opt_out(self, heard: Heard, senders: Sequence[Contact], *, looped: bool) -> Effect:
        number, everything = heard.number.key, heard.decision.rule is Rule.EVERYTHING
        accounts = list(heard.accounts) or self._rules.attribution.whose(heard.code, senders)
        identifier = self._tx.new_id()
        known = (number, EVERYBODY) in self._entries or all((number, each) in self._entries for each in accounts)
        for account in accounts:
            self._enter(Entry(number, account, self._tx.now, heard.source, heard.code, everything, identifier))
        self._stopped.add(number)
        self._close(number, [] if EVERYBODY in accounts else accounts, self._closed)
        payer = senders[0].account if senders else PLATFORM
        asked = OptOut(payer, identifier, not known, looped, self._confirmed.get(number, 0))
        confirmed = self._rules.confirmations.confirm(self._tx, heard, asked)
        self._say(confirmed.answer)
        if confirmed.row is not None:
            self._confirmed[number] = self._tx.now
            self._confirmations.append(confirmed.row)
        if confirmed.event is not None:
            self._events.append(confirmed.event)
        what = REPEATED if known else OPTED_OUT
        note = "; ".join(filter(None, (heard.note, confirmed.why)))
        self._record(heard._replace(note=note), what, accounts, identifier)
        if not known:
            self._tell(accounts, Change(OPT_OUT, number, heard.code, heard.source, identifier, everything))
        return Effect(heard, what, confirmed.event, looped=looped)

    def _tell(self, accounts: Sequence[str], change: Change) -> None:
        """Tell accounts of an opt-out, or of its end."""
        self._rows += self._rules.home.changed(self._tx, accounts, change)

    def _opt_in(self, heard: Heard, senders: Sequence[Contact], *, looped: bool) -> Effect:
        """Lift what the number has opted out of with the accounts of the code."""
        number, attribution = heard.number.key, self._rules.attribution
        lifted = [
            account
            for (each, account), entry in self._entries.items()
            if each == number and (entry.code == heard.code or attribution.is_of(account, heard.code))
        ]
        for account in lifted:
            del self._entries[number, account]
            self._added.pop((number, account), None)
            self._lifted.add((number, account))
        ours = [each.account for each in self._cases if attribution.is_of(each.account, heard.code)]
        released = self._close(number, ours, self._released) if ours else []
        accounts = sorted({*lifted, *released})
        what, identifier = LIFTED if accounts else ANSWERED, self._tx.new_id()
        self._record(heard, what, accounts or [each.account for each in senders], identifier)
        if lifted:
            self._tell(lifted, Change(OPT_IN, number, heard.code, heard.source, identifier))
        if not looped:
            self._reply(heard, Topic.START, [each.account for each in senders] or accounts)
        return Effect(heard, what, looped=looped)

    def _hold(self, heard: Heard, senders: Sequence[Contact], *, looped: bool) -> Effect:
        """Let marketing to the number wait until a person has read the text."""
        number, identifier, now = heard.number.key, self._tx.new_id(), self._tx.now
        accounts = [
            each
            for each in self._rules.attribution.whose(heard.code, senders)
            if (number, each) not in self._entries and (number, EVERYBODY) not in self._entries
        ]
        there = {(case.number, case.account, case.code) for case in self._cases}
        new = {
            Case(number, account, heard.code, now, now + self._rules.review_ms, identifier)
            for account in accounts
            if (number, account, heard.code) not in there
        }
        self._opened |= new
        self._cases |= new
        what = HELD if accounts else NOTHING
        self._record(heard, what, accounts, identifier)
        return Effect(heard, what, looped=looped)

    def _inform(self, heard: Heard, senders: Sequence[Contact], *, looped: bool) -> Effect:
        accounts = self._concerned(heard, senders)
        what = NOTHING if looped else ANSWERED
        self._record(heard, what, accounts)
        if not looped:
            topic = Topic.CONTACT if heard.decision.reading is Reading.CONTACT else Topic.HELP
            self._reply(heard, topic, accounts)
        return Effect(heard, what, looped=looped)

    def _note(self, heard: Heard, senders: Sequence[Contact], *, looped: bool) -> Effect:
        self._record(heard, NOTHING, [each.account for each in senders])
        return Effect(heard, NOTHING, looped=looped and bool(heard.decision.normalised))

    def _release(self, heard: Heard, _senders: Sequence[Contact], *, looped: bool) -> Effect:
        """Let go what cases held back that were decided to be no opt-outs."""
        self._close(heard.number.key, heard.accounts, self._released)
        self._record(heard, RELEASED, heard.accounts)
        return Effect(heard, RELEASED, looped=looped)

    # What is to be written

    def _enter(self, entry: Entry) -> None:
        """Enter an opt-out; one that is there already only widens."""
        key = entry.number, entry.account
        old = self._entries.get(key)
        if old is None or (entry.everything and not old.everything):
            self._entries[key] = self._added[key] = entry if old is None else old._replace(everything=True)

    def _close(self, number: str, accounts: Collection[str], into: set[Case]) -> list[str]:
        """Close the cases of a number with these accounts (none named: all); returns whose they were."""
        found = {each for each in self._cases if each.number == number and (not accounts or each.account in accounts)}
        self._cases -= found
        into |= found - self._opened
        self._opened -= found
        return [each.account for each in found]

    def _reply(self, heard: Heard, topic: Topic, accounts: Sequence[str]) -> None:
        self._say(self._rules.replies.reply(self._tx, heard, topic, accounts))

    def _say(self, answer: Answer | None) -> None:
        if answer is not None:
            self._messages.append(answer.message)
            self._rows += answer.rows

    def _record(self, heard: Heard, effect: str, accounts: Collection[str], identifier: int | None = None) -> None:
        self._evidence.append(evidence_of(self._tx, heard, effect, accounts, identifier))

    def write(self) -> tuple[list[Spooled], list[str]]:
        """Write everything; returns rows for the spool, and the lanes in which rows wait no longer."""
        tx = self._tx
        blacklist.remove_all(tx, self._lifted)
        blacklist.add(tx, list(self._added.values()))
        reviews.remove(tx, self._closed | self._released)
        reviews.add(tx, list(self._opened))
        messages.add(tx, self._messages)
        confirmations.add(tx, self._confirmations)
        ledger.append(tx, self._events)
        evidence.record(tx, self._evidence)
        if self._stopped:
            self._rows += self._rules.home.receipts(tx, self._rules.refusals.cancel(tx, self._stopped))
        lanes = {lane for case in self._released for lane in self._let_go(case)}
        tx.notify(lanes.union(map(stop_name, self._stopped), (stop_name(case.number) for case in self._opened)))
        return self._rows, sorted(lanes)

    def _let_go(self, case: Case) -> list[str]:
        account = None if case.account == EVERYBODY else case.account
        return spool.let_go(self._tx, case.number, account, case.resumes)
