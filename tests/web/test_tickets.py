"""Tickets slow machines down: they open the door after a wait or for work, once, for one number and not for long."""

from gateway.web.tickets import BITS, WAIT, Claim, Tickets, proven

NUMBER, OTHER = "33612345678", "33712345678"
NOW = 1_800_000_000.0


def test_wait():
    """A ticket is good when it is old enough, says how long that takes, and is worth nothing when it is too old."""
    tickets = Tickets(b"key")
    claim = Claim(tickets.issue(NUMBER, NOW), "")
    assert tickets.remaining(claim, NUMBER, NOW) == WAIT
    assert tickets.remaining(claim, NUMBER, NOW + 5) == WAIT - 5
    assert tickets.remaining(claim, NUMBER, NOW + WAIT) == 0
    assert tickets.remaining(claim, NUMBER, NOW + 901) is None
    assert tickets.remaining(claim, NUMBER, NOW - 1) is None


def test_work():
    """Work makes a ticket good at once; what is no work does not."""
    tickets = Tickets(b"key")
    ticket = tickets.issue(NUMBER, NOW)
    proof = next(str(number) for number in range(1 << (BITS + 6)) if proven(Claim(ticket, str(number))))
    assert tickets.remaining(Claim(ticket, proof), NUMBER, NOW) == 0
    assert tickets.remaining(Claim(ticket, "-" + proof), NUMBER, NOW) == WAIT
    wrong = next(str(number) for number in range(100) if not proven(Claim(ticket, str(number))))
    assert tickets.remaining(Claim(ticket, wrong), NUMBER, NOW) == WAIT


def test_sealed():
    """A ticket counts once, for the number that it was made for, where it was not tampered with, at every node."""
    tickets = Tickets(b"key")
    claim = Claim(tickets.issue(NUMBER, NOW - WAIT), "")
    assert Tickets(b"key").remaining(claim, NUMBER, NOW) == 0
    assert Tickets(b"other").remaining(claim, NUMBER, NOW) is None
    assert tickets.remaining(claim, OTHER, NOW) is None
    older = claim.ticket.replace(str(int((NOW - WAIT) * 1_000)), str(int((NOW - WAIT - 9) * 1_000)))
    assert tickets.remaining(Claim(older, ""), NUMBER, NOW) is None
    assert tickets.remaining(Claim("rubbish", ""), NUMBER, NOW) is None
    tickets.use(claim)
    assert tickets.remaining(claim, NUMBER, NOW) is None
