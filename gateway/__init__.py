"""stopgate: an SMPP gateway that carries the opt-out with the message and loses nothing it acknowledged."""

from importlib.metadata import version

__version__ = version("stopgate")
