"""A submit_multi on its way: each destination is a submission of its own, and the last answer makes the request's.

All destinations share one message_id, under which their receipts come, one for each (SMPP 3.4 section 4.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.smpp import pdu as smpp
from gateway.smpp import status
from gateway.store.ids import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.smpp.pdu import Pdu
    from gateway.store.base import Tx


class Many:
    """The answer to one submit_multi, as far as it is known: ``refused`` are the destinations that were.

    Args:
        pdu: the request.
        undecided: how many destinations have no answer yet.
    """

    def __init__(self, pdu: Pdu, undecided: int) -> None:
        self.pdu = pdu
        self.refused: list[smpp.Unsuccessful] = []
        self._undecided = undecided
        self._accepted = False
        self._identifier = 0

    def identifier(self, tx: Tx) -> int:
        """Return the one id of all destinations."""
        self._identifier = self._identifier or tx.new_id()
        return self._identifier

    def refuse(self, destination: smpp.Sme, code: int) -> None:
        """Note that a destination is refused."""
        self._undecided -= 1
        self.refused.append(smpp.Unsuccessful(*destination, code))

    def learn(self, fields: Mapping[str, Any], code: int) -> bool:
        """Learn what a destination is answered; says whether it was the last one without an answer."""
        if code != status.ESME_ROK:
            self.refuse(smpp.Sme(*(fields[name] for name in smpp.Sme._fields)), code)
            return self.decided
        self._undecided -= 1
        self._accepted = True
        return self.decided

    @property
    def decided(self) -> bool:
        """Whether every destination has an answer, so that the request can have its own."""
        return not self._undecided

    def response(self) -> tuple[int, bytes]:
        """Return the command_status and the body of the answer.

        Where all are refused for one reason, that is the status; for several, they are listed under ESME_ROK without
        an id, since an error could not list them.
        """
        codes = {each.error_status_code for each in self.refused}
        if not self._accepted and len(codes) == 1:
            return codes.pop(), b""
        fields = {"message_id": wire(self._identifier) if self._accepted else "", "unsuccess_sme": self.refused}
        return status.ESME_ROK, smpp.encode_body(smpp.SUBMIT_MULTI | smpp.RESPONSE, fields)
