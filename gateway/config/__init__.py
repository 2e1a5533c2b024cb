"""The configuration: its models, its file, what is wrong with one, and what differs between two."""
