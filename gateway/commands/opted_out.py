"""All of `stopgate blacklist`: the list itself, and what may come onto it."""

from gateway.commands.records import blacklist
from gateway.commands.review import review

__all__ = ["blacklist"]

blacklist.add_command(review)
