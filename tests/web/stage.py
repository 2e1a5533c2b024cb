"""The gateway as a process, with its web open and an operator to talk to, for a browser to look at.

Nothing here knows Trio: a browser test is a plain function, and what it looks at lives in processes of their own.
"""

import json
import queue
import subprocess
import sys
import threading
import time

from gateway.demo.process import free_port
from gateway.rules.visible import in_a_line

START_TIME = 60.0  # seconds
PASSWORD, ADMIN = "web-secret", "ada"
WIDE = "W" * 15  # no name of an account takes more room
STOPGATE = [sys.executable, "-m", "gateway"]


class Program:
    """A program whose lines are read as they come."""

    def __init__(self, *command):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def say(self, line):
        """Type a line."""
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def until(self, words):
        """Return the next line that contains `words`."""
        end = time.monotonic() + START_TIME
        while True:
            line = self._lines.get(timeout=max(0.01, end - time.monotonic()))
            assert line, self.seen
            self.seen.append(line)
            if words in line:
                return line

    def said(self):
        """Return all that it has said until now."""
        while not self._lines.empty():
            self.seen.append(self._lines.get())
        return "".join(self.seen)

    def end(self):
        """End it, as SIGTERM does, and wait until it has ended."""
        self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(START_TIME)
        finally:
            self._process.kill()
            self._process.stdout.close()


class Stage:
    """A gateway with the accounts `shop`, `rival`, WIDE (marketing) and `bank` (notifications), and its operator.

    Attributes:
        url: where the web is.
        gateway: the gateway's process.
        operator: the operator's; what is said to it, as NUMBER TEXT, reaches the short code.
    """

    def __init__(self, folder):
        smsc, web = free_port(), free_port()
        self.url = f"http://127.0.0.1:{web}"
        self._config = config = folder / "gateway.yaml"
        config.write_text(json.dumps(self._settings(folder, smsc, web)))  # JSON is YAML
        config.chmod(0o600)
        operator = ["--listen", f"127.0.0.1:{smsc}", "--system-id", "gw", "--password", "secret", "--delay", "0.05"]
        self.operator = Program(*STOPGATE, "simulate", "operator", *operator)
        self.operator.until("listening")
        self.gateway = Program(*STOPGATE, "run", "--config", str(config))
        self.gateway.until('"operator_bound"')

    def _settings(self, folder, smsc, web):
        account = {"password": "secret", "web_password": PASSWORD}
        return {
            "node": "gw1",
            "store": f"sqlite:///{folder / 'gateway.db'}",
            "smpp": {"listen": ["127.0.0.1:0"]},
            "web": {"listen": f"127.0.0.1:{web}", "public_url": self.url, "admins": {ADMIN: PASSWORD}},
            "metrics": None,
            "accounts": {
                "shop": {**account, "publisher": "Shop SARL, shop.example"},
                "rival": account,
                "bank": {**account, "kind": "notification"},
                WIDE: {**account, "publisher": "X" * 60},
            },
            "operators": {"orange": {"host": "127.0.0.1", "port": smsc, "system_id": "gw", "password": "secret"}},
            "routes": [{"prefixes": [""], "operators": ["orange"]}],
        }

    def text(self, number, words):
        """Let a subscriber text the short code."""
        self.operator.say(f"{number} {words}")
        self.operator.until(f"{in_a_line(words)} (ESME_ROK)")

    def run(self, *command):
        """Run a command beside the gateway, of its configuration."""
        subprocess.run([*STOPGATE, *command, "--config", str(self._config)], check=True, stdout=subprocess.DEVNULL)

    def end(self):
        """End both."""
        self.gateway.end()
        self.operator.end()
