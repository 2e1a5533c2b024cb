"""What is wrong with a configuration, said so that it can be mended.

A validation error knows keys, the document knows lines: here they meet, and an unknown key gets a suggestion. What only
shows across sections is found here as well, on the plain data, so that it is reported even where a section is wrong.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.file import Document, KeyPath, Problem, spell
from gateway.config.values import address

_LISTENERS: tuple[KeyPath, ...] = (
    ("smpp", "listen"),
    ("smpp", "tls", "listen"),
    ("web", "listen"),
    ("metrics", "listen"),
)
_ANYWHERE = {"0.0.0.0", "::"}  # noqa: S104  recognised, not bound


def problems_of(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Problem]:
    """Say each detail of `error` with its place in `document`; `model` is what the document was held against."""
    return [_problem(detail, document, model) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, document: Document, model: type[BaseModel]) -> Problem:
    path = detail["loc"]
    path = (*document.nearest(path[:-1]), path[-1]) if path else path  # without the steps that pydantic adds
    if detail["type"] == "extra_forbidden":
        return Problem(document.key_mark(path), path, _unknown(path, model))
    if detail["type"] == "missing":
        return Problem(document.key_mark(path[:-1]), path, "is required")
    nearest = document.nearest(path)  # pydantic's path has steps that are not in the file, such as "[key]"
    mark = document.value_mark(nearest) if nearest == path else document.key_mark(nearest)
    return Problem(mark, nearest, _sentence(detail))


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    sentence = detail["msg"].replace("Input should be", "must be").replace("String should", "must")
    if detail["type"] == "string_type" and isinstance(detail["input"], bool | int | float):
        sentence += ": put it in quotes"
    return sentence


def _unknown(path: KeyPath, model: type[BaseModel]) -> str:
    for part in path[:-1]:
        model = _model_below(model, part)
    known = [name for name in model.model_fields if name != "name"]
    similar = get_close_matches(str(path[-1]), known, n=1)
    return f"unknown key; did you mean {similar[0]}?" if similar else f"unknown key; known here: {', '.join(known)}"


def _model_below(model: type[BaseModel], part: str | int) -> type[BaseModel]:
    """Model of the section `part` of `model`; the same one where `part` is a name or a number of the user's own."""
    field = model.model_fields.get(str(part))
    return next(_models(field.annotation), model) if field else model


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def clashes(document: Document, defaults: BaseModel) -> list[Problem]:
    """Find what two sections may not share: an address to listen on, an API key, a short code, a name to log in with.

    `defaults` is what an empty file makes.
    """
    same_names = (*_same_api_key(document), *_same_login(document), *_same_code(document, defaults))
    return [*_same_address(document, defaults), *same_names]


def _same_address(document: Document, defaults: BaseModel) -> Iterator[Problem]:
    seen: list[tuple[KeyPath, tuple[str, int]]] = []
    for path, place in _addresses(document.data, defaults):
        other = next((earlier for earlier, taken in seen if _collide(place, taken)), None)
        if other:
            where = path if path in document else other  # a default stands nowhere
            rival = other if where == path else path
            yield Problem(document.value_mark(where), where, f"listens on the same port as {spell(rival)}")
        seen.append((path, place))


def _addresses(data: object, defaults: BaseModel) -> Iterator[tuple[KeyPath, tuple[str, int]]]:
    outbinds = [("operators", name, "outbind", "listen") for name in sorted(names_in(data, "operators"))]
    for path in (*_LISTENERS, *outbinds):
        value = _value(data, path, defaults)
        for place, entry in _entries(path, value):
            if isinstance(entry, tuple):
                yield place, entry
            elif isinstance(entry, str) and (parsed := _address_or_none(entry)):
                yield place, parsed


def _entries(path: KeyPath, value: object) -> Iterator[tuple[KeyPath, object]]:
    if isinstance(value, list):
        yield from (((*path, index), entry) for index, entry in enumerate(value))
    else:
        yield path, value


def _address_or_none(text: str) -> tuple[str, int] | None:
    try:
        return address(text)
    except ValueError:  # reported where it is validated
        return None


def _value(data: object, path: KeyPath, default: object) -> object:
    for part in path:
        default = getattr(default, str(part), None)
        if data is not None:
            data = data[part] if isinstance(data, dict) and part in data else default
    return data


def _collide(one: tuple[str, int], other: tuple[str, int]) -> bool:
    same_family = (":" in one[0]) == (":" in other[0])
    same_host = one[0] == other[0] or (same_family and bool({one[0], other[0]} & _ANYWHERE))
    return one[1] == other[1] != 0 and same_host


def _same_api_key(document: Document) -> Iterator[Problem]:
    owners: dict[object, str] = {}
    for name in sorted(names_in(document.data, "accounts")):
        account = cast("dict[str, dict[str, object]]", document.data)["accounts"][name]
        key = account.get("api_key") if isinstance(account, dict) else None
        if isinstance(key, str) and owners.setdefault(key, name) != name:
            path = ("accounts", name, "api_key")
            yield Problem(document.value_mark(path), path, f"is also the key of account {owners[key]}")


def _same_code(document: Document, defaults: BaseModel) -> Iterator[Problem]:
    """Find short codes that are both everybody's and an account's own, or two accounts' own."""
    shared = _value(document.data, ("opt_out", "short_codes"), defaults)
    owners = {str(code): "opt_out.short_codes" for code in shared} if isinstance(shared, list) else {}
    for name in sorted(names_in(document.data, "accounts")):
        path: KeyPath = ("accounts", name, "short_codes")
        codes = _value(document.data, path, None)
        for place, code in enumerate(codes if isinstance(codes, list) else ()):
            if owners.setdefault(str(code), name) != name:
                at = (*path, place)
                owner = owners[str(code)]
                whose = owner if owner == "opt_out.short_codes" else f"accounts.{owner}.short_codes"
                yield Problem(document.value_mark(at), at, f"is in {whose} already; a code belongs to one of them")


def _same_login(document: Document) -> Iterator[Problem]:
    for name in sorted(names_in(document.data, "web", "admins") & names_in(document.data, "accounts")):
        path = ("web", "admins", name)
        yield Problem(document.value_mark(path), path, "is also an account; who logs in must be one or the other")


def names_in(data: object, *path: str) -> set[str]:
    """Keys of the mapping at `path`; none where there is no mapping."""
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return set(data) if isinstance(data, dict) else set()
