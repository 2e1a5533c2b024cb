"""Pages of lists: a cursor says where the next one begins, and a Link header (RFC 8288) leads there."""

from __future__ import annotations

import base64
from datetime import datetime  # noqa: TC003 (FastAPI reads the annotations)
from typing import TYPE_CHECKING, Annotated

from fastapi import Query

from gateway.web.api.fields import CURSORS, UNLIKE, Instant
from gateway.web.api.problems import ProblemError

if TYPE_CHECKING:
    from starlette.requests import Request

Limit = Annotated[int, Query(ge=1, le=200, description="The most items of a page.")]
Cursor = Annotated[str | None, Query(max_length=200, pattern=CURSORS, description="`next_cursor` of the page before.")]
Since = Annotated[Instant | None, Query(description="From this instant on.")]
Until = Annotated[Instant | None, Query(description="Before this instant.")]


def link_to(request: Request, **changed: str) -> str:
    """Return the Link header for the next page of what was asked for."""
    url = request.url.include_query_params(**changed)
    return f'<{url.path}?{url.query}>; rel="next"'


def cursor_of(place: str) -> str:
    """Write a place in a list as a cursor."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> str | None:
    """Read what :func:`cursor_of` wrote; None for none.

    Raises:
        ProblemError: nobody wrote it.
    """
    if cursor is None:
        return None
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        raise bad_cursor() from None


def bad_cursor() -> ProblemError:
    """Return the problem of a cursor that is none of ours."""
    detail = UNLIKE[CURSORS]
    return ProblemError("invalid", detail, errors=[{"pointer": "cursor", "detail": detail}])


def milliseconds(instant: datetime | None) -> int | None:
    """Return an instant in milliseconds since 1970."""
    return None if instant is None else int(instant.timestamp() * 1_000)
