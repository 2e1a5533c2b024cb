"""What is said about numbers: read, decided, kept, answered; and what it keeps from being sent."""
