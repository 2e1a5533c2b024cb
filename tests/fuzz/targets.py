"""What octets may do to the codec: each target takes any octets at all and raises only when a promise is broken.

`decoder` sees a stream as a socket would give it, `session` (in :mod:`tests.fuzz.play`) a whole conversation.
"""

import struct
from contextlib import suppress

from gateway.smpp import pdu as smpp
from gateway.smpp import receipt, status
from gateway.smpp.frame import FrameError, Frames
from gateway.smpp.layout import LAYOUTS
from gateway.smpp.text import Alphabet, TextError, decode_text
from gateway.smpp.udh import concatenation, sar_concatenation, split_udh

LIMITS = (70_000, 70_000, 70_000, 70_000, 70_000, 300, 64, 16)
CHUNKS = (1 << 16, 1 << 16, 1 << 16, 64, 17, 16, 3, 1)
HEADER = struct.Struct(">4I")
STRINGS = {
    "system_id": "shop",
    "password": "secret",
    "source_addr": "SHOP",
    "destination_addr": "33612345678",
    "esme_addr": "447700900001",
    "message_id": "0cab20f57fc00000",
    "dl_name": "everybody",
}
RECEIPT = b"id:0cab20f5 sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:DELIVRD err:000 text:Hi"
TLVS = [(smpp.Tag.message_payload, b"Bonjour"), (smpp.Tag.user_message_reference, b"\0\7"), (0x1534, b"\1")]


def seed_frames():
    """Return one sound PDU of each kind that we know, and some with TLVs, a receipt or a user data header."""
    frames = []
    for command, layout in LAYOUTS.items():
        names = [name for run, _ in layout for name, lengths in run if lengths is not None]
        fields = {name: 0 for run, _ in layout for name, lengths in run if lengths is None}
        fields |= {name: STRINGS.get(name, "") for name in names}
        fields |= {"interface_version": 0x34, "short_message": b"Bonjour", "registered_delivery": 1}
        fields["dest_address"] = [smpp.Sme(1, 1, "33612345678"), smpp.DistributionList("everybody")]
        fields["unsuccess_sme"] = [smpp.Unsuccessful(1, 1, "33612345678", 0x0B)]
        frames.append(smpp.encode(smpp.Pdu(command, 1, 0, fields)))
        if layout:
            frames.append(smpp.encode(smpp.Pdu(command, 2, 0, fields, TLVS)))
        if command == smpp.DELIVER_SM:
            for esm_class, octets in ((4, RECEIPT), (0x40, b"\5\0\3\7\2\1Bonjour"), (0x40, b"\xff\0\3")):
                told = {**fields, "esm_class": esm_class, "short_message": octets}
                frames.append(smpp.encode(smpp.Pdu(command, 3, 0, told)))
    return frames


def decoder(data):
    """Cut a stream into frames, decode, check, describe and encode each; the first octet says how the stream comes.

    Returns how many frames there were.
    """
    if not data:
        return 0
    limit, chunk = LIMITS[data[0] & 7], CHUNKS[data[0] >> 3 & 7]
    frames, taken, count = Frames(limit), 0, 0
    for start in range(1, len(data), chunk):
        frames.feed(data[start : start + chunk])
        try:
            for each in frames:
                assert 16 <= len(each) <= limit
                taken += len(each)
                count += 1
                one_frame(each)
        except FrameError as error:
            refused(error)
            break
        assert frames.buffered < limit
        assert taken + frames.buffered == min(len(data), start + chunk) - 1
    return count


def one_frame(frame):
    """Hold the codec to its promises on one frame."""
    _, command, _, sequence = HEADER.unpack_from(frame)
    try:
        pdu = smpp.decode(frame)
    except smpp.PduError as error:
        refused(error, command, sequence)
        return
    assert (pdu.command, pdu.sequence) == (command, sequence)
    verdict = smpp.check(pdu)
    assert verdict == 0 or verdict in KNOWN
    assert repr(pdu)
    try:
        octets = smpp.encode(pdu)
    except smpp.PduError as error:
        refused(error, command)
        octets = b"" if verdict or command & smpp.RESPONSE else b"sound, and yet it cannot be written"
    assert octets in (frame, b"")
    content(pdu)


def refused(error, command=0, sequence=0):
    """Hold an error to what it promises: a status to answer with, and what it answers."""
    assert error.status in KNOWN
    assert isinstance(error, FrameError) or (error.command, error.sequence) == (command, sequence)


def content(pdu):
    """Read what a message holds: header, text, receipt, TLVs of all types."""
    for tag, _ in pdu.tlvs[:4]:
        pdu.tlv_int(tag)
    sar_concatenation(pdu.tlvs)
    octets = pdu.fields.get("short_message", b"")
    receipt.read(octets, pdu.tlvs)
    with suppress(TextError):
        header, octets = split_udh(octets)
        concatenation(header)
    for alphabet in Alphabet:
        with suppress(TextError):
            decode_text(octets, alphabet)


KNOWN = {code for name, code in vars(status).items() if name.startswith("ESME_") and code}
