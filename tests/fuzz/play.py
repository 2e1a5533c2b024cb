"""A conversation out of octets: they say what the peer writes, what the owner does and how time goes.

The player keeps books of its own, and holds the session to them after every step. It behaves as a link does: it feeds
nothing to a session that is blocked or over; what the peer wrote meanwhile waits on the wire.
"""

import struct
from itertools import count

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.smpp.events import Answered, Ended, Expired, Late, Odd, Request, RequestReceived
from gateway.smpp.frame import Frames
from gateway.smpp.layout import LAYOUTS
from gateway.smpp.session import Session
from gateway.smpp.state import BINDS, BOUND, Role, State
from gateway.smpp.timers import NEVER, Limits
from tests.fuzz.targets import CHUNKS, seed_frames

SEEDS = seed_frames()
COMMANDS = [*LAYOUTS, 0, 0x666, 0x7FFFFFFF, 0xFFFFFFFF]
WINDOWS, MAX_PDUS, TIMES = (100, 1, 2, 10), (70_000, 70_000, 300, 64), (0.0, 0.1, 1.0, 9.9, 10.0, 20.0, 30.0, 300.0)
LENGTHS = (0, 1, 4, 15, 70_001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HELD = 16_384  # octets of requests that wait for the owner
UNANSWERED = (smpp.OUTBIND, smpp.ALERT_NOTIFICATION)
HEADER = struct.Struct(">4I")
OURS = {Role.MC: (smpp.DELIVER_SM, smpp.DATA_SM), Role.ESME: (smpp.SUBMIT_SM, smpp.QUERY_SM)}
LONGEST = max(len(each) for each in SEEDS)
SEED = {int.from_bytes(each[4:8], "big"): each for each in reversed(SEEDS)}  # the plain one of each kind


class OverError(Exception):
    """The octets of the script are used up."""


class Player:
    """One session, its peer, its owner and its clock, all played out of ``data``."""

    def __init__(self, data):
        self.data, self.at = data, 0
        how = self.octet()
        self.role = Role.MC if how & 1 else Role.ESME
        self.chunk = CHUNKS[how >> 5]
        self.max_pdu, self.window = MAX_PDUS[how >> 1 & 3], WINDOWS[how >> 3 & 3]
        self.now = 0.0
        limits = Limits(session_init=10, enquire_link=30, inactivity=300 if how & 64 else NEVER, response=20)
        self.session = Session(self.role, limits, 0.0, self.window, self.max_pdu)
        self.wire = bytearray()
        self.owed, self.open, self.numbers = [], {}, count()
        self.ended = False
        self.may_write = 0  # PDUs that the session has had a reason to write

    # The script

    def octet(self):
        """Return the next octet of the script."""
        if self.at >= len(self.data):
            raise OverError
        self.at += 1
        return self.data[self.at - 1]

    def octets(self, length):
        """Return the next octets of the script, fewer when it ends."""
        self.at += length
        return self.data[self.at - length : self.at]

    def play(self):
        """Play the script to its end, end the session, and see that it stays silent."""
        try:
            self.begin(self.octet() & 7)
            while not self.ended:
                STEPS[self.octet() & 31](self)
                self.agree()
        except OverError:
            pass
        if not self.ended:
            self.take([self.session.end("the script is over")])
        self.drain()
        assert self.session.receive_data(SEEDS[0] * 3, self.now) == []
        assert self.session.handle_timer(self.now + 1e6) == []
        assert self.session.unwritten == 0
        self.agree()

    def begin(self, how):
        """Bring the session into a state: 0 and 1 leave it open."""
        kinds = [0, 0, *BINDS, *BINDS]
        if not kinds[how] or self.max_pdu < 64:
            return
        if self.role is Role.MC:
            self.write(SEED[kinds[how]])
            while self.owed and not self.ended:
                self.respond(0)
        else:
            self.send(kinds[how])
            self.write(smpp.response(kinds[how], 1, 0, b"smsc\0"))
        self.agree()

    # The books

    def take(self, events):
        """Enter what the session tells."""
        for event in events:
            assert not self.ended, f"{event} after the end"
            if isinstance(event, RequestReceived):
                assert not event.pdu.command & smpp.RESPONSE
                if event.pdu.command not in UNANSWERED:
                    self.owed.append(event.pdu)
                    self.may_write += 1
                assert len(self.owed) <= self.window
            elif isinstance(event, Answered | Expired):
                assert self.open.pop(event.request.context) == event.request
            elif isinstance(event, Ended):
                for request in event.unanswered:
                    assert self.open.pop(request.context) == request
                assert self.open == {}
                self.ended = True
            elif isinstance(event, Late):
                assert event.request.context not in self.open
            else:
                assert isinstance(event, Odd)
                assert event.what

    def agree(self):
        """Compare the books with what the session says of itself."""
        session = self.session
        buffered = session._inbox.buffered
        assert session.finished == self.ended
        assert buffered <= HELD + self.max_pdu + self.chunk
        assert session.unwritten <= self.may_write * LONGEST
        if not self.ended:
            assert session.owed == len(self.owed)
            assert len(self.open) <= session.in_flight <= len(self.open) + 2  # an enquire_link, an unbind
            assert session.blocked or buffered <= HELD + self.max_pdu

    def write(self, octets):
        """Let the peer write, and the session read as far as it may."""
        self.wire += octets
        self.read()

    def read(self):
        """Feed what is on the wire, as a link would."""
        while self.wire and not self.ended and not self.session.blocked:
            chunk = bytes(self.wire[: self.chunk])
            del self.wire[: self.chunk]
            self.may_write += 1 + (len(chunk) + self.session._inbox.buffered) // 16
            self.take(self.session.receive_data(chunk, self.now))

    def drain(self):
        """Take what the session wants written: each is a sound PDU of ours."""
        frames = Frames()
        frames.feed(self.session.data_to_send())
        for each in frames:
            pdu = smpp.decode(each)
            assert smpp.encode(pdu) == each
        assert frames.buffered == 0
        self.may_write = self.session._inbox.buffered // 16 + len(self.owed) + 2

    # The steps

    def raw(self):
        """The peer writes any octets."""
        self.write(self.octets(self.octet() % 40))

    def frame(self):
        """The peer writes a frame with any body."""
        command, code, sequence = COMMANDS[self.octet() % len(COMMANDS)], self.octet() % 3, self.octet() & 15
        body = self.octets(self.octet() % 40)
        self.write(HEADER.pack(16 + len(body), command, code, sequence) + body)

    def sound(self):
        """The peer writes a sound PDU."""
        self.write(SEEDS[self.octet() % len(SEEDS)])

    def damaged(self):
        """The peer writes a PDU of which one octet behind the length is another."""
        octets = bytearray(SEEDS[self.octet() % len(SEEDS)])
        octets[4 + self.octet() % (len(octets) - 4)] = self.octet()
        self.write(octets)

    def answer(self):
        """The peer answers a request that is open, rightly or not."""
        pending = self.session._pending._pending
        if not pending:
            return
        sequence = list(pending)[self.octet() % len(pending)]
        code, body = self.octet() % 3, self.octets(self.octet() % 20)
        command = pending[sequence][0].command | smpp.RESPONSE
        command = command if code < 2 else COMMANDS[self.octet() % len(COMMANDS)]
        self.write(HEADER.pack(16 + len(body), command, code, sequence) + body)

    def wait(self):
        """Time goes by."""
        self.now += TIMES[self.octet() & 7]
        self.may_write += 2  # an enquire_link, an unbind
        self.take(self.session.handle_timer(self.now))
        assert self.ended or self.session.next_deadline() > self.now, "whoever waits for this deadline spins"

    def reply(self):
        """Answer one of the peer's requests."""
        if self.owed:
            self.respond(self.octet())

    def respond(self, how):
        """Answer the request that ``how`` chooses, well or badly."""
        pdu, session = self.owed.pop(how % len(self.owed)), self.session
        self.may_write += 1 + session._inbox.buffered // 16
        if pdu.command not in BINDS:
            self.take(session.send_response(pdu, how & 1, b"id\0" if pdu.command == smpp.SUBMIT_SM else b""))
        elif how < 200:
            self.take(session.accept_bind(pdu, "stopgate", self.now))
        else:
            self.take([session.refuse_bind(pdu, status.ESME_RINVPASWD)])
        if not self.ended:
            self.take(session.receive_data(b"", self.now))
        self.read()

    def ask(self):
        """Send a request of ours."""
        if self.session.state in BOUND:
            self.send(OURS[self.role][self.octet() & 1])
        elif self.role is Role.ESME and self.session.state is State.OPEN and not self.open:
            self.send(tuple(BINDS)[self.octet() % len(BINDS)])

    def send(self, command):
        """Send a request and enter it."""
        request = Request(command, SEED[command][16:], next(self.numbers))
        self.open[request.context] = request
        self.may_write += 1
        self.session.send_request(request, self.now)

    def part(self):
        """Unbind; rarely hang up, or hear of a length that cannot be."""
        how = self.octet()
        if how < 16:
            self.take([self.session.end("hung up")])
        elif how < 64:
            self.write(HEADER.pack(LENGTHS[how & 7], smpp.ENQUIRE_LINK, 0, 7))
        elif how < 128:
            self.may_write += 1
            self.session.unbind(self.now)


STEPS = (
    *[Player.raw, Player.part, Player.drain, Player.drain],
    *[Player.frame, Player.damaged, Player.answer, Player.answer] * 2,
    *[Player.wait, Player.reply, Player.ask, Player.sound] * 5,
)


def session(data):
    """Play one script; returns how often the session has ended."""
    if not data:
        return 0
    player = Player(data)
    player.play()
    return int(player.ended)
