"""Which of the trials are played: short ones in the suite, long ones with `make faults`."""

from tests.faults.endure import LONG


def pytest_collection_modifyitems(config, items):
    """Leave out what belongs to the other way of playing."""
    left_out = [item for item in items if item.get_closest_marker("short" if LONG else "long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
