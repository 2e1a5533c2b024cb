"""Where ``store:`` in the configuration points to."""

from __future__ import annotations

from pathlib import Path

_SQLITE = "sqlite:///"


def sqlite_path(url: str) -> Path:
    """Return the file of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    Raises:
        ValueError: it is another kind of store.
    """
    if not url.startswith(_SQLITE):
        raise ValueError(
            f"{url.partition(':')[0]}: only SQLite is supported as yet; write sqlite:////path/to/gateway.db"
        )
    return Path(url.removeprefix(_SQLITE))
