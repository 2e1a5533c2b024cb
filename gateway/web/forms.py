"""Forms, taken only from our own pages.

Browsers say where a request comes from, in Sec-Fetch-Site, in Origin, or, where they are old, in Referer alone; what
says none of them, or another place, changes nothing here. Once somebody is logged in a form must also carry the token
of the session (see :mod:`gateway.web.logins`).
"""

from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

SMALL = 8_192  # octets of a form with a few short fields
_MOST_FIELDS = 50


def from_ours(request: Request) -> bool:
    """Say whether a request comes from a page of this very host, as its browser tells."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    source = request.headers.get("origin") or request.headers.get("referer", "")
    try:
        return bool(source) and urlsplit(source).netloc == request.headers.get("host", "")
    except ValueError:  # no browser has written that
        return False


async def read_form(request: Request, most: int | None = None) -> FormData:
    """Read a form that one of our pages has sent, of ``most`` octets: what strangers send is to cost little.

    Raises HTTPException: 403 where another site has sent it, 400 where it is no form, 413 where it is too long.
    """
    if not from_ours(request):
        raise HTTPException(403, "this form was not sent from here")
    if most is not None and len(await request.body()) > most:
        raise HTTPException(413, f"more than {most} octets")
    return await request.form(max_files=1, max_fields=_MOST_FIELDS)


def field(form: FormData, name: str) -> str:
    """Return one field of a form as text, without white space around it; empty where there is none."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""
