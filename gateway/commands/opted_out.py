"""All of `stopgate blacklist`: the list itself, and what may come onto it."""

from gateway.commands.explain import try_texts, why
from gateway.commands.lists import export, take_in
from gateway.commands.records import blacklist
from gateway.commands.review import review

__all__ = ["blacklist"]

for command in (take_in, export, why, try_texts, review):
    blacklist.add_command(command)
