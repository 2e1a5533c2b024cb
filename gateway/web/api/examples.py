"""Examples for the description of the interface: what goes over it, as one account would see it in one week."""

from __future__ import annotations

from typing import Any

_ID, _FRENCH, _GERMAN = "0cab20f57fc00000", "33612345678", "4915112345678"
_CURSOR = "MTc5NTY1ODE5ODQ3My4zMzYxMjM0NTY3OC5zaG9w"
_ACCEPTED = {"id": _ID, "to": _FRENCH, "state": "enroute", "reason": "appended", "segments": 1}
_TEXT = "Bonjour Léa, -20 % samedi"
_OPT_OUT = {
    "number": _FRENCH,
    "since": "2026-11-26T09:14:38.473000Z",
    "source": "sms",
    "short_code": "36034",
    "everything": False,
    "scope": "account",
}
_CASE = {
    "number": "33700000000",
    "short_code": "36034",
    "text": "Stop ou encore ?",
    "rule": "a word of opting out in free text",
    "since": "2026-11-26T10:02:11.470000Z",
    "until": "2026-12-03T10:02:11.470000Z",
    "scope": "account",
}
_EVENT = {
    "id": "0cadcab170400004",
    "time": "2026-11-26T09:14:38.473000Z",
    "kind": "opt_out_confirmation",
    "credits": 1,
    "number": _FRENCH,
    "short_code": "36034",
    "source": "sms",
    "message_id": "0cadcab170400002",
    "note": "",
}
_CHANGE = {
    "number": _FRENCH,
    "short_code": "36034",
    "source": "sms",
    "everything": False,
    "evidence": "0cadcab170400001",
}
_RECEIPT = {
    "message_id": _ID,
    "number": _FRENCH,
    "from": "SHOP",
    "state": "delivered",
    "error": "000",
    "segments": 1,
    "reference": 4711,
    "submitted_at": "2026-11-26T09:10:35.512Z",
    "done_at": "2026-11-26T09:10:38.569Z",
}

# Bodies, by the names of their schemas.
BODIES: dict[str, list[dict[str, Any]]] = {
    "Draft": [{"to": f"+{_FRENCH}", "text": _TEXT}],
    "Previewed": [
        {
            "to": _FRENCH,
            "territory": "FR",
            "reason": "appended",
            "refusal": None,
            "text": f"{_TEXT} STOP 36034",
            "segments": [f"{_TEXT} STOP 36034"],
            "before": {"segments": 1, "alphabet": "GSM7", "units": 25},
            "after": {"segments": 1, "alphabet": "GSM7", "units": 36},
            "room": 124,
            "mention": {"words": "STOP 36034", "start": 26},
            "foreign": [],
            "due": None,
            "plain": None,
        }
    ],
    "NewMessage": [
        {"to": f"+{_FRENCH}", "text": _TEXT, "from": "SHOP"},
        {"to": f"+{_GERMAN}", "text": "Guten Tag", "send_at": "2027-01-04T09:00:00+01:00"},
    ],
    "Accepted": [_ACCEPTED],
    "Message": [
        {
            **_ACCEPTED,
            "state": "delivered",
            "from": "SHOP",
            "channel": "http",
            "error": "000",
            "reference": 4711,
            "submitted_at": "2026-11-26T09:10:35.512000Z",
            "done_at": "2026-11-26T09:10:38.569000Z",
        }
    ],
    "NewOptOut": [{"number": f"+{_FRENCH}", "reason": "asked for it on the phone"}],
    "OptOut": [_OPT_OUT],
    "OptOuts": [{"items": [_OPT_OUT], "next_cursor": _CURSOR}],
    "Decision": [{"short_code": "36034", "opt_out": False, "reason": "a question about an order"}],
    "Cases": [{"items": [_CASE], "next_cursor": None}],
    "Events": [{"items": [_EVENT], "next_cursor": None}],
    "Usage": [
        {
            "months": [{"month": "2026-11", "kind": "opt_out_confirmation", "events": 12, "credits": 12}],
            "balance": 4988,
        }
    ],
    "ReceiptEvent": [
        {"type": "receipt", "timestamp": "2026-11-26T09:10:38.569Z", "account": "shop", "data": _RECEIPT},
    ],
    "OptOutEvent": [
        {"type": "opt_out", "timestamp": "2026-11-26T09:14:38.473Z", "account": "shop", "data": _CHANGE},
    ],
    "OptInEvent": [
        {"type": "opt_in", "timestamp": "2026-11-30T18:20:01.004Z", "account": "shop", "data": _CHANGE},
    ],
    "Problem": [
        {
            "type": "/api/v1/docs#opted-out",
            "title": "The number has opted out",
            "status": 422,
            "detail": "Do not write to it; only its owner can lift that.",
            "command_status": "0x410",
            "reason": "opted_out",
        }
    ],
}

# Parameters, by their names.
PARAMETERS: dict[str, str | int] = {
    "message_id": _ID,
    "Idempotency-Key": "order-4711",
    "number": f"+{_FRENCH}",
    "reason": "wrote that it was a mistake",
    "limit": 100,
    "cursor": _CURSOR,
    "since": "2026-01-01T00:00:00Z",
    "until": "2027-01-01T00:00:00Z",
}
