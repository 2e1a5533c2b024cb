"""The demo: the gateway as a real process between a simulated operator and a simulated app, told step by step."""
