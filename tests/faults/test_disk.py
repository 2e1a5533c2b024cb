"""A database that cannot be opened, or can no longer be written: said in one sentence, and nobody is promised anything.

Small and read-only disks are tmpfs and bind mounts, so those tests need the right to mount and are skipped without it.
"""

import http.client
import json
import os
import subprocess
from contextlib import suppress

import pytest
import trio

from gateway.commands import progress
from gateway.smpp import status
from gateway.store.backups import save
from gateway.store.base import StoreError
from gateway.store.sqlite import SqliteStore
from tests.faults.harness import Peers, repeats, token_of
from tests.faults.process import ACCOUNT, SIGTERM, Gateway

pytestmark = pytest.mark.faults

ROOM = "16m"  # enough for the schema and some thousand messages
FEW = 200
PATIENCE = 60.0  # seconds


def mount(*arguments):
    """Mount, or skip the test where that is not allowed."""
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path):
    """Mount a small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={ROOM}", "stopgate-test", folder)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def read_only(tmp_path):
    """Hand over a folder that turns read-only when called; returns it."""
    folder = tmp_path / "archive"
    folder.mkdir()
    mounted = []

    def turn():
        mount("--bind", folder, folder)
        mounted.append(folder)
        mount("-o", "remount,bind,ro", folder)

    yield folder, turn
    for each in mounted:
        subprocess.run(["umount", "--lazy", each], check=True)


def fill(folder):
    """Leave no room on a disk; returns what to remove to make some again."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):  # somebody else may take the last room first
        while (room := os.statvfs(folder)).f_bavail:
            file.write(bytes(room.f_bsize))
    return ballast


def gateway_on(tmp_path, store):
    """Return a gateway whose database is ``store``."""
    gateway = Gateway(tmp_path, store)
    gateway.configure()
    return gateway


def assert_refuses_to_start(gateway, *words):
    """Check that the gateway ends with status 1 and one sentence with all of ``words`` in it."""
    code, said = gateway.run_in_vain()
    assert code == 1, said
    (sentence,) = said.splitlines()
    assert sentence.startswith("stopgate: ")
    assert [word for word in words if word not in sentence] == []


def test_missing_folder(tmp_path):
    """A database in a folder that does not exist: the sentence names the folder and says to create it."""
    folder = tmp_path / "nowhere"
    assert_refuses_to_start(gateway_on(tmp_path, folder / "gateway.db"), str(folder), "does not exist", "create it")


def test_no_database(tmp_path):
    """A file that is no database is left as it is, and the sentence says what it is not."""
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader,\n" * 1_000)
    assert_refuses_to_start(gateway_on(tmp_path, file), str(file), "is not a SQLite database")
    assert file.read_text() == "Dear reader,\n" * 1_000


def test_read_only_folder(tmp_path, read_only):
    """A database that cannot be created because its disk is read-only: the sentence says so."""
    folder, turn = read_only
    turn()
    store = folder / "gateway.db"
    assert_refuses_to_start(gateway_on(tmp_path, store), str(store), "Read-only file system")


def test_read_only_database(tmp_path, read_only):
    """A database that is there but on a disk that is read-only now: the sentence says so."""
    folder, turn = read_only
    store = folder / "gateway.db"
    gateway = gateway_on(tmp_path, store)
    SqliteStore(store).close()
    turn()
    assert_refuses_to_start(gateway, str(store), "Read-only file system")


def test_full_disk_at_start(tmp_path, disk):
    """A disk without room for a database: the sentence says that there is no space left."""
    fill(disk)
    store = disk / "gateway.db"
    assert_refuses_to_start(gateway_on(tmp_path, store), str(store), "no space left on the disk")


async def readiness(gateway, wanted):
    """Ask /readyz until its status is ``wanted``; returns that and the parts that it names."""
    said = (0, {})
    while said[0] != wanted:
        said = await trio.to_thread.run_sync(_readyz, *gateway.metrics)
    return said[0], list(said[1])


def _readyz(host, port):
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


async def accepted_number(peers):
    """Submit one message and return its number once it has arrived at the operator."""
    token, number, answer = await peers.submit()
    assert answer == status.ESME_ROK
    await peers.operator.wait_for(lambda: any(token_of(each) == token for each in peers.operator.received))
    return number


async def submit_until(peers, wanted):
    """Submit until the answer is ``wanted``."""
    while (await peers.submit())[2] != wanted:
        pass


async def fill_and_make_room(peers, disk, nursery):
    """Fill the disk under load and make room again; returns what /readyz said before, meanwhile and afterwards."""
    while len(peers.accepted) < FEW:
        await peers.submit()
    number = await accepted_number(peers)
    said = [await readiness(peers.gateway, 200)]
    ballast = fill(disk)
    await submit_until(peers, status.ESME_RMSGQFUL)
    nursery.start_soon(peers.opt_out, number)
    await peers.changes.wait_for(lambda: peers.delays)
    said.append(await readiness(peers.gateway, 503))
    ballast.unlink()
    peers.unload()
    await peers.changes.wait_for(lambda: number in peers.stopped)
    await submit_until(peers, status.ESME_ROK)
    said.append(await readiness(peers.gateway, 200))
    return said


async def live_through_full_disk(peers, disk):
    """Run a gateway on ``disk``, fill it, make room again, wait until all is settled, and stop the gateway."""
    with trio.fail_after(3 * PATIENCE):
        async with trio.open_nursery() as nursery:
            await peers.open(nursery)
            peers.gateway.configure()
            await peers.gateway.start(nursery)
            async with trio.open_nursery() as load:
                await peers.load(load)
                said = await fill_and_make_room(peers, disk, load)
            await peers.settle(PATIENCE)
            code = await peers.gateway.end(SIGTERM)
            nursery.cancel_scope.cancel()
    return said, code


def test_full_disk_under_way(tmp_path, disk):
    """On a full disk nothing is promised and /readyz names the store; with room again all goes on, nothing is lost.

    Submissions get ESME_RMSGQFUL, a STOP gets ESME_RX_T_APPN and counts, once, when the operator brings it again.
    """
    peers = Peers(Gateway(tmp_path, disk / "gateway.db"))
    said, code = trio.run(live_through_full_disk, peers, disk)
    assert (code, peers.gateway.starts) == (0, 1)
    assert said == [(200, []), (503, ["store"]), (200, [])]
    assert (peers.refused.keys(), peers.delays.keys()) == ({"ESME_RMSGQFUL"}, {"ESME_RX_T_APPN"})
    assert repeats([token_of(each) for each in peers.operator.received], []) == (set(), 0)
    blacklist = [(row["number"], row["account"]) for row in peers.gateway.table("blacklist", "list")]
    assert sorted(blacklist) == sorted((number, ACCOUNT) for number in peers.stopped)
    assert sorted(row["number"] for row in peers.gateway.table("ledger", "list")) == sorted(peers.stopped)


def test_stopped_on_a_full_disk(tmp_path, disk):
    """SIGTERM while the disk is full, the log's included, ends the gateway without a traceback."""
    peers = Peers(Gateway(tmp_path, disk / "gateway.db"))
    code, events = trio.run(stop_on_full_disk, peers, disk)
    assert code in (0, 1)
    assert [event for event in events if "exception" in event] == []
    assert len(peers.gateway.errors.read_text().splitlines()) == code


async def stop_on_full_disk(peers, disk):
    """Fill the disk, have a submission refused for it, and stop the gateway; returns its status and its log."""
    with trio.fail_after(2 * PATIENCE):
        async with trio.open_nursery() as nursery:
            await peers.open(nursery)
            peers.gateway.configure()
            await peers.gateway.start(nursery)
            await accepted_number(peers)
            fill(disk)
            await submit_until(peers, status.ESME_RMSGQFUL)
            code = await peers.gateway.end(SIGTERM)
            nursery.cancel_scope.cancel()
    return code, peers.gateway.events


def test_backup_to_a_full_disk(tmp_path, disk):
    """A backup that has no room says so of its own disk, and leaves nothing there; the database is not concerned."""
    database, target = tmp_path / "gateway.db", disk / "backup.db"
    SqliteStore(database).close()
    fill(disk)
    with pytest.raises(StoreError, match=r"backup\.db: has no room on its disk"), progress.bar() as bar:
        save(f"sqlite:///{database}", target, bar)
    assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_backup_whose_name_is_no_text(tmp_path):
    """A name that is not UTF-8 is refused in one sentence."""
    database = tmp_path / "gateway.db"
    SqliteStore(database).close()
    with pytest.raises(StoreError, match="is no name in UTF-8"), progress.bar() as bar:
        save(f"sqlite:///{database}", tmp_path / "a\udcff", bar)
