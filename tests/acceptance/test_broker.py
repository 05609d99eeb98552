"""`sealgate kafka`: a broker that answers, says where, and goes when it is told to."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.kafka import broker
from deploy.kafka.artefacts import BrokerUnavailable, cache_directory, class_path, java
from tests.support import ports
from tests.support.processes import ROOT, WAIT_S
from tests.support.services import missing


def _start(directory: Path, port: int) -> subprocess.Popen[str]:
    words = ["kafka", "--directory", str(directory), "--port", str(port)]
    return subprocess.Popen(
        [sys.executable, "-m", "sealgate", *words],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(name="installed", scope="module")
def _installed() -> None:
    try:
        java()
        class_path(cache_directory())
    except BrokerUnavailable as why:
        missing(str(why))


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_broker_answers_where_it_says_and_stops_in_good_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The printed line is pasted into a configuration; no Java is left behind afterwards."""
    port = ports.free()
    process = _start(tmp_path / "kafka", port)
    try:
        assert process.stdout is not None
        shown = ""
        while "Ctrl-C" not in shown:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            shown += line
        assert f'url = "kafka://127.0.0.1:{port}?replication_factor=1"' in shown
        assert re.search(rf"answers at 127\.0\.0\.1:{port};", shown)
        assert broker.answers(port)
        process.send_signal(number)
        assert process.wait(WAIT_S) == 0
        deadline = time.monotonic() + WAIT_S
        while broker.answers(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not broker.answers(port)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_port_in_use_is_69_and_says_what_to_do(tmp_path: Path) -> None:
    """Two brokers on one port: the second must not pretend to be the first."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = _start(tmp_path / "kafka", taken.getsockname()[1])
        out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 69
    assert out == ""
    assert "choose another port" in err
    assert "Traceback" not in err
