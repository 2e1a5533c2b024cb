"""What tshark, the reader of captures that comes with Wireshark, makes of a recording."""

import json
import subprocess

from tests.interop.wire import APPS, OPERATORS

_PATIENCE = 60  # seconds
_NOTE = 0x400000  # the severity from which on an expert's opinion is a complaint; below it is chat


class Packet(dict):
    """The fields of one PDU by tshark's names without ``smpp.``, the first of a name, as tshark writes them.

    Attributes:
        wire: APPS or OPERATORS.
        upward: whether the one who connected sent it.
    """

    def __init__(self, ports, fields):
        super().__init__({name.removeprefix("smpp."): value for name, value in reversed(fields)})
        source, destination = ports
        self.upward = destination in (APPS, OPERATORS)
        self.wire = destination if self.upward else source


class Reading:
    """One capture, read.

    Attributes:
        pdus: every PDU in it, in order.
        complaints: what tshark holds to be malformed or worth an expert's note.
    """

    def __init__(self, path):
        self.pdus, self.complaints = [], []
        for packet in json.loads(_tshark(path), object_pairs_hook=list):
            self._take(dict(dict(packet)["_source"])["layers"])

    def _take(self, layers):
        fields = list(_flat(layers))
        values = dict(fields)
        ports = int(values["tcp.srcport"]), int(values["tcp.dstport"])
        self.pdus += [Packet(ports, list(_flat(inner))) for name, inner in layers if name == "smpp"]
        serious = any(name == "_ws.expert.severity" and int(value) >= _NOTE for name, value in fields)
        if serious or any(name.startswith("_ws.malformed") for name, _ in layers):
            self.complaints.append([value for name, value in fields if name == "_ws.expert.message"] or layers)

    def sent(self, wire, *, upward, command=None):
        """Return the PDUs that went one way over a wire, all or those of one command_id."""
        return [
            pdu
            for pdu in self.pdus
            if (pdu.wire, pdu.upward) == (wire, upward) and command in (None, int(pdu["command_id"], 16))
        ]


def _flat(fields):
    """Yield every (name, value) in a tree of fields, outer ones first."""
    for name, value in fields:
        if isinstance(value, list):
            yield name, ""
            yield from _flat(pair for pair in value if isinstance(pair, tuple))
        else:
            yield name, value


def _tshark(path):
    ports = [option for port in (APPS, OPERATORS) for option in ("-d", f"tcp.port=={port},smpp")]
    done = subprocess.run(
        ["tshark", "-n", "-r", path, *ports, "-o", "smpp.decode_sms_over_smpp:GSM 7-bit", "-T", "json"],
        capture_output=True,
        check=True,
        timeout=_PATIENCE,
    )
    return done.stdout
