"""What a browser or a probe talks to; never in the way of SMPP."""
