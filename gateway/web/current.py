"""What is made of the configuration, and made anew once another one holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.config.models import Config
    from gateway.web.site import Site

Thing = TypeVar("Thing")


class Current(Generic[Thing]):
    """One such thing.

    Args:
        site: knows the configuration that holds.
        make: makes the thing of a configuration.
    """

    def __init__(self, site: Site, make: Callable[[Config], Thing]) -> None:
        self._site = site
        self._make = make
        self._of = site.config
        self._thing = make(site.config)

    def get(self) -> Thing:
        """Return the thing for the configuration that holds now."""
        if self._site.config is not self._of:
            self._of, self._thing = self._site.config, self._make(self._site.config)
        return self._thing
