"""Hostile inputs, the same ones for the same dice: sound PDUs with a few things wrong, and scripts for sessions."""

import struct

NASTY = bytes([0, 1, 2, 3, 4, 0x10, 0x1B, 0x40, 0x7F, 0x80, 0xFE, 0xFF])
LENGTH = struct.Struct(">I")
TLV = struct.Struct(">HH")
TAGS = (0x0005, 0x001D, 0x001E, 0x0204, 0x020A, 0x020C, 0x020E, 0x020F, 0x0210, 0x0423, 0x0424, 0x0427, 0x1534, 0xFFFF)
LENGTHS = (0, 1, 15, 16, 17, 64, 65, 300, 301, 70_000, 70_001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def stream(dice, seeds):
    """Return an input for the decoder: how it is cut, one to three damaged PDUs, and at times a stray end."""
    chance = dice.random
    out = bytearray([int(chance() * 256)])
    for _ in range(1 if chance() < 0.7 else 3):
        out += damaged(chance, dice, seeds[int(chance() * len(seeds))])
    if chance() < 0.1:
        out += dice.randbytes(int(chance() * 40))
    return bytes(out)


def damaged(chance, dice, seed):
    """Return a frame with up to four things wrong; mostly its length is right all the same."""
    octets = bytearray(seed)
    for _ in range(int(chance() * 5)):
        CHANGES[int(chance() * len(CHANGES))](chance, dice, octets)
    if len(octets) >= 4:
        told = len(octets) if chance() < 0.95 else LENGTHS[int(chance() * len(LENGTHS))]
        octets[:4] = LENGTH.pack(told)
    return octets


def _nasty(chance, _dice, octets):
    if octets:
        octets[int(chance() * len(octets))] = NASTY[int(chance() * len(NASTY))]


def _any(chance, _dice, octets):
    if octets:
        octets[int(chance() * len(octets))] = int(chance() * 256)


def _cut(chance, _dice, octets):
    del octets[int(chance() * len(octets)) :]


def _take_out(chance, _dice, octets):
    start = int(chance() * len(octets))
    del octets[start : start + int(chance() * 8)]


def _put_in(chance, dice, octets):
    start = int(chance() * len(octets))
    octets[start:start] = dice.randbytes(int(chance() * 8))


def _repeat(chance, _dice, octets):
    start = int(chance() * len(octets))
    octets += octets[start : start + 60]


def _tlv(chance, dice, octets):
    value = dice.randbytes(int(chance() * 12))
    length = len(value) if chance() < 0.8 else int(chance() * 65_536)
    octets += TLV.pack(TAGS[int(chance() * len(TAGS))], length) + value


def _command(chance, _dice, octets):
    if len(octets) >= 8:
        octets[4] = 0x80 if chance() < 0.5 else 0
        octets[7] = int(chance() * 0x22)


CHANGES = (_nasty, _nasty, _any, _cut, _take_out, _put_in, _repeat, _tlv, _tlv, _command)


def script(dice):
    """Return a script for :func:`tests.fuzz.play.session`: every octet means something, so any will do."""
    return dice.randbytes(8 + int(dice.random() * 72))
