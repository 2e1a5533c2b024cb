"""The second half: rows of the spool, handed to peers in order, over links that come and go."""
