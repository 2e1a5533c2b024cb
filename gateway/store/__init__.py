"""The durable side: work still to do, opted-out numbers, contacts and the ledger, in one database."""
