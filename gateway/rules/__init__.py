"""The rules: pure functions from a message and the facts about it to a verdict with a reason."""
