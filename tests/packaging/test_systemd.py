"""The Debian package on a machine with a real systemd: installed, run, upgraded, removed, in this order."""

import json

import pytest

CONFIGURATION = """
store: sqlite:////var/lib/stopgate/gateway.db
accounts: {shop: {password: "${SHOP_PASSWORD}"}}
operators: {orange: {host: 127.0.0.1, port: 1, system_id: gw, password: secret}}
routes: [{prefixes: [""], operators: [orange]}]
"""
FILE = "/etc/stopgate/gateway.yaml"
ADD = ("blacklist", "add", "0612345678", "--account", "shop", "--reason", "asked by letter", "--config", FILE)
JOURNAL = ("journalctl", "-u", "stopgate", "-o", "cat")  # it lags behind what it tells of
STATE = ("systemctl", "show", "--property=ActiveState", "stopgate")
LIST = ("blacklist", "list", "--config", FILE, "--format", "json")

pytestmark = pytest.mark.faults


def as_itself(machine, *command):
    """Run a command of stopgate as the user that the service has, with its credentials."""
    environ = ("env", "SHOP_PASSWORD=secret")
    return machine.run("runuser", "-u", "stopgate", "--", *environ, "stopgate", *command)


@pytest.fixture(scope="module")
def installed(debian):
    """Install the package as it comes."""
    debian.run("dpkg", "-i", "/stopgate.deb")
    return debian


@pytest.fixture(scope="module")
def configured(installed):
    """Give it an account whose password is a credential, and start it anew."""
    installed.write(FILE, CONFIGURATION)
    installed.write("/etc/stopgate/credentials/SHOP_PASSWORD", "secret\n")
    installed.run("systemctl", "restart", "stopgate")
    return installed


def test_runs_when_installed(installed):
    """A package that has just been installed runs as a service, enabled, and lets nobody bind yet."""
    assert installed.show("stopgate", "ActiveState") == "active"
    assert installed.show("stopgate", "UnitFileState") == "enabled"
    assert installed.show("stopgate", "User") == "stopgate"


def test_secrets_are_credentials(configured):
    """A configuration may name a secret that only root can read, and that systemd hands over."""
    assert configured.show("stopgate", "ActiveState") == "active"
    assert configured.run("stat", "-c", "%a %U", "/etc/stopgate/credentials").split() == ["700", "root"]


def test_files_are_private(configured):
    """The database belongs to the service's user, and nobody else can read it."""
    assert configured.run("stat", "-c", "%a %U", "/var/lib/stopgate/gateway.db").split() == ["600", "stopgate"]


def test_journal_has_its_log(configured):
    """Events reach the journal, and what was started is said there."""
    lines = configured.until('"started"', *JOURNAL, times=2).splitlines()
    events = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    assert events.count("started") == 2  # as it came, and as configured


def test_watchdog_is_fed(configured):
    """Systemd is told that the process lives, within the time that the unit allows."""
    first = configured.show("stopgate", "WatchdogTimestampMonotonic")
    assert int(first) >= int(configured.show("stopgate", "ExecMainStartTimestampMonotonic"))
    assert configured.show("stopgate", "WatchdogUSec") == "30s"
    assert configured.show("stopgate", "NRestarts") == "0"


def test_pages_give_way(configured):
    """Pages are served within what the unit allows, and give way; killed, they come back without the gateway."""
    gateway = configured.show("stopgate", "MainPID")
    children = ("cat", f"/proc/{gateway}/task/{gateway}/children")
    python = ("/usr/lib/stopgate/bin/python", "-c")
    fetch = (*python, "from urllib.request import *; print(urlopen('http://127.0.0.1:8080/opt-out').read())")
    assert "<form" in configured.run(*fetch)
    page = configured.run(*children).split()[-1]
    assert configured.run(*python, f"import os; print(os.getpriority(os.PRIO_PROCESS, {page}))").strip() == "5"
    assert configured.run("cat", f"/proc/{page}/oom_score_adj").strip() == "500"
    # Where others want all processors, one that gives way starves soon; the next one keeps its share.
    idle = f"import os; os._exit(os.sched_getscheduler({page}) != os.SCHED_IDLE)"
    starved = f"{' '.join(JOURNAL)} | grep -q web_starved"
    configured.until("gives way", "sh", "-c", f"{' '.join(python)} '{idle}' || {starved} && echo gives way")
    before = configured.run(*children).split()
    configured.run("kill", "-9", *before)
    assert "<form" in configured.run(*fetch)
    assert set(configured.run(*children).split()) - set(before)
    assert configured.show("stopgate", "MainPID") == gateway


def test_reload_keeps_the_process(configured):
    """A reload is heard, and the process stays."""
    before = configured.show("stopgate", "MainPID")
    configured.run("systemctl", "reload", "stopgate")
    configured.until('"reloaded"', *JOURNAL)
    assert configured.show("stopgate", "MainPID") == before


def test_comes_back_when_killed(configured):
    """A process that is killed is started again."""
    before = configured.show("stopgate", "MainPID")
    configured.run("kill", "-9", before)
    configured.until("1", "systemctl", "show", "--value", "--property=NRestarts", "stopgate")
    configured.until("ActiveState=active", *STATE)
    assert configured.show("stopgate", "MainPID") != before


def test_bad_configuration_is_not_tried_again(configured):
    """A configuration that is wrong fails once, says where, and is left for somebody to mend."""
    configured.write(FILE, CONFIGURATION + "nonsense: 1\n")
    configured.run("systemctl", "restart", "stopgate", check=False)
    configured.until("failed", "systemctl", "is-failed", "stopgate")
    assert configured.show("stopgate", "ExecMainStatus") == "2"
    configured.until("nonsense", *JOURNAL)
    configured.write(FILE, CONFIGURATION)
    configured.run("systemctl", "restart", "stopgate")


def test_upgrade_keeps_data(configured):
    """An upgrade drains the service, keeps its configuration and its data, and starts it again."""
    as_itself(configured, *ADD)
    before, stops = configured.show("stopgate", "MainPID"), configured.run(*JOURNAL).count('"stopped"')
    configured.run("dpkg", "-i", "/stopgate.deb")
    configured.until("ActiveState=active", *STATE)
    assert configured.show("stopgate", "MainPID") != before
    assert configured.run("cat", FILE) == CONFIGURATION
    assert "33612345678" in as_itself(configured, *LIST)
    configured.until('"stopped"', *JOURNAL, times=stops + 1)


def test_several_nodes(configured):
    """The template runs a process for each configuration."""
    configured.run("systemctl", "stop", "stopgate")
    for number in (1, 2):
        settings = f"node: gw{number}\nsmpp: {{listen: ['127.0.0.1:{3000 + number}']}}\nweb: null\nmetrics: null\n"
        store = CONFIGURATION.replace("gateway.db", f"gw{number}.db")
        configured.write(f"/etc/stopgate/gw{number}.yaml", settings + store)
        configured.run("systemd-tmpfiles", "--create", "stopgate.conf")
        configured.run("systemctl", "start", f"stopgate@gw{number}")
        assert configured.show(f"stopgate@gw{number}", "ActiveState") == "active"


def test_removal_keeps_the_opt_outs(configured):
    """A package that is purged leaves the database where it is, and says so."""
    said = configured.run("dpkg", "--purge", "stopgate")
    assert "is kept" in said
    assert configured.run("ls", "/var/lib/stopgate/gateway.db")
    assert configured.run("systemctl", "list-units", "--no-legend", "stopgate*", check=False).strip() == ""
