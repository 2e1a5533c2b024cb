"""Which foreign programs are here, and what is said where one is not.

A test that lacks its program is skipped, with the command that gets it; where ``CI`` is set it fails instead, for there
nobody reads what was skipped.
"""

import os
import shutil
from pathlib import Path

import pytest

NODE = Path(__file__).parent / "node"
_SBIN = "/usr/sbin"  # where Debian puts daemons; not on everybody's PATH


def program(name):
    """Return the path of a program, None where it is not installed."""
    return shutil.which(name) or shutil.which(name, path=_SBIN)


def need(*, have, what, get):
    """Go on when ``have`` is true; otherwise skip or, where ``CI`` is set, fail."""
    if have:
        return
    message = f"{what} is not installed: `{get}`, or `make peers` for all that these tests use"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
