"""What START, CONTACT and HELP are answered with: the words, in the language of whose messages they are about."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.config.values import septets
from gateway.optout.answers import Answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.config.models import Config
    from gateway.optout.answers import Answer
    from gateway.optout.heard import Heard
    from gateway.store.base import Tx

_SEGMENT = 160  # septets


class Topic(StrEnum):
    """What an answer is about, which is what its message is called in our books."""

    START = "start"
    CONTACT = "contact"
    HELP = "help"


class Replies:
    """Answers of one configuration that are no confirmations."""

    def __init__(self, config: Config) -> None:
        self._answers = Answers(config)
        self._accounts = config.accounts
        self._address = config.web.public_url
        opt_out = config.opt_out
        self._texts: Mapping[Topic, Mapping[str, str]] = {
            Topic.START: opt_out.start,
            Topic.CONTACT: opt_out.contact,
            Topic.HELP: opt_out.help,
        }

    def reply(self, tx: Tx, heard: Heard, topic: Topic, accounts: Sequence[str]) -> Answer | None:
        """Answer in the language of the first of the accounts that it is about; None without a route."""
        return self._answers.answer(tx, heard, self.text(topic, accounts), topic)

    def text(self, topic: Topic, accounts: Sequence[str]) -> str:
        """Return what is said; CONTACT names the publishers of the accounts, as many as one segment has room for."""
        texts = self._texts[topic]
        known = [self._accounts[each] for each in accounts if each in self._accounts]
        default = next(iter(texts.values()))
        text = texts.get(known[0].language, default) if known else default
        if "{publisher}" not in text:
            return text
        names = list(dict.fromkeys(each.publisher or each.name for each in known)) or [self._address]
        return text.replace("{publisher}", _joined(names, _SEGMENT - septets(text.replace("{publisher}", ""))))


def _joined(names: Sequence[str], room: int) -> str:
    line = names[0]
    for name in names[1:]:
        if septets(longer := f"{line}, {name}") <= room:
            line = longer
    return line
