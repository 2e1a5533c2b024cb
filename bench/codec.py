"""How long the codec takes: ``python bench/codec.py`` prints nanoseconds for decoding and encoding typical PDUs."""

from __future__ import annotations

import sys
import timeit
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from gateway.smpp import pdu as smpp

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 500
REPEATS = 400

MESSAGE = {
    "service_type": "",
    "source_addr_ton": 5,
    "source_addr_npi": 0,
    "source_addr": "SHOP",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": "33600000001",
    "esm_class": 0,
    "protocol_id": 0,
    "priority_flag": 0,
    "schedule_delivery_time": "",
    "validity_period": "",
    "registered_delivery": 1,
    "replace_if_present_flag": 0,
    "data_coding": 0,
    "sm_default_msg_id": 0,
    "short_message": b"x" * 100,
}
RECEIPT = {
    **MESSAGE,
    "esm_class": 4,
    "short_message": b"id:0123456789abcdef sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 "
    b"stat:DELIVRD err:000 text:",
}
PDUS = {
    "submit_sm, 100 octets, 2 TLVs": smpp.Pdu(
        smpp.SUBMIT_SM,
        7,
        0,
        MESSAGE,
        [(0x0204, b"\0\1"), (0x1534, b"\1")],
    ),
    "deliver_sm, receipt, 2 TLVs": smpp.Pdu(
        smpp.DELIVER_SM,
        7,
        0,
        RECEIPT,
        [(0x001E, b"0123456789abcdef\0"), (0x0427, b"\2")],
    ),
    "submit_sm_resp": smpp.Pdu(smpp.SUBMIT_SM | smpp.RESPONSE, 7, 0, {"message_id": "0123456789abcdef"}),
    "enquire_link": smpp.Pdu(smpp.ENQUIRE_LINK, 7),
}


def nanoseconds(call: Callable[[], object]) -> float:
    """Return the time of one call: the best of many short rounds, as the others measure the machine."""
    return min(timeit.repeat(call, number=ROUNDS, repeat=REPEATS)) / ROUNDS * 1e9


def main() -> None:
    """Print the table."""
    print(f"{'':32}{'octets':>8}{'decode ns':>12}{'encode ns':>12}")
    for name, pdu in PDUS.items():
        frame = smpp.encode(pdu)
        decode = nanoseconds(partial(smpp.decode, frame))
        encode = nanoseconds(partial(smpp.encode, pdu))
        print(f"{name:32}{len(frame):8}{decode:12.0f}{encode:12.0f}")


if __name__ == "__main__":
    main()
