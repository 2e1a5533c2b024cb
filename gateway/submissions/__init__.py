"""The first half: what accounts hand in, by whatever way, decided in batches and written down before it is answered."""
