"""The HTTP interface for accounts, below `/api/v1`."""
