"""The client area: what an account sees of itself, and administrators of all."""
