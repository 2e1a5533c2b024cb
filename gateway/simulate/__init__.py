"""Simulated peers: an operator's SMSC and an upstream app, over real TCP, for trying things out and for tests."""
