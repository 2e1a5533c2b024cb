"""Names of hosts for which no name server answers: whoever looks one up waits for as long as the test lasts."""

import socket
import threading
from collections import Counter
from contextlib import contextmanager

_real = socket.getaddrinfo


class DeadNames:
    """Names that begin with dead, while :meth:`hanging`.

    Attributes:
        most: how many threads at most have looked up each name at the same time.
    """

    def __init__(self):
        self.most = Counter()
        self._now = Counter()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def look_up(self, host, port, *how):
        """Look a name up as socket.getaddrinfo does."""
        name = host.decode() if isinstance(host, bytes) else host
        if not name.startswith("dead") or (how[3:] and how[3] & socket.AI_NUMERICHOST):
            return _real(host, port, *how)
        with self._lock:
            self._now[name] += 1
            self.most[name] = max(self.most[name], self._now[name])
        self._over.wait()
        with self._lock:
            self._now[name] -= 1
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    @contextmanager
    def hanging(self, monkeypatch):
        """Let them hang until the block ends."""
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)
        try:
            yield self
        finally:
            self._over.set()
