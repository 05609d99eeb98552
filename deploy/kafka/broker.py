"""Start a real Apache Kafka: one node, on loopback, its data in a directory of your choice.

A directory and a port go in; a `Broker` comes out that answers metadata requests. Nothing of the
system is needed: the Java runtime is a wheel and the broker's files are locked by their sums
(`artefacts`). Started again on the same directory, the broker has the same records. It is for
development and tests: one node is one disk, and Kafka acknowledges before the disk has a record.
"""

import base64
import json
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Self

from deploy.kafka.artefacts import BrokerUnavailable, cache_directory, class_path, java
from deploy.kafka.security import Security

HERE = Path(__file__).parent
HEAP = "-Xmx512m"
READY_S = 60.0
FORMAT_S = 60.0
STOP_S = 15.0
LOOK_S = 0.05
_METADATA_KEY, _METADATA_VERSION = 3, 1
_CORRELATION = 7


@dataclass(slots=True)
class Broker:
    """A running broker. Leaving it as a context manager stops it."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def bootstrap(self) -> str:
        """The address that clients are given."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the Java virtual machine."""
        return self.process.pid

    @property
    def output(self) -> Path:
        """The file with what the broker says."""
        return self.directory / "broker.log"

    def wait(self) -> int:
        """Wait until the broker ends; return its exit status."""
        return self.process.wait()

    def stop(self) -> None:
        """End the broker in good order, or by force if it does not."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End the broker as a crash would."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Make the broker hang: connections stay, answers do not come."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker go on."""
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    directory: Path,
    port: int = 9092,
    *,
    cache: Path | None = None,
    java_options: Sequence[str] = (),
    security: Security | None = None,
    advertised_port: int = 0,
) -> Broker:
    """Start a broker and return it once it answers. Raises `BrokerUnavailable`.

    Port 0 chooses a free one. `cache` is where the broker's files are kept. With `security` it has
    more listeners, and rules; its users are made when the directory is first used.
    `advertised_port` is where clients are sent, for whoever puts a proxy in front of it.
    """
    _check_port(port)
    port = port or free_port()
    command = [
        str(java()),
        HEAP,
        *java_options,
        f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
    ]
    command += ["-cp", class_path(cache or cache_directory())]
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    settings = _write_settings(directory, port, security, advertised_port or port)
    users = [] if security is None else security.format_arguments()
    _format(command, directory, settings, users)
    with (directory / "broker.log").open("ab") as output:
        process = subprocess.Popen(
            [*command, "kafka.Kafka", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
        )
    broker = Broker(directory, port, process)
    try:
        _await_ready(broker)
    except BaseException:
        broker.kill()
        raise
    return broker


def answers(port: int, *, within_s: float = 1.0) -> bool:
    """Say whether a broker on loopback answers a metadata request with itself, alive, in it.

    A listening socket is not enough: until the controller has let the broker in, it names nobody.
    """
    name = b"sealgate"
    head = struct.pack(">hhih", _METADATA_KEY, _METADATA_VERSION, _CORRELATION, len(name)) + name
    request = head + struct.pack(">i", 0)  # of no topics
    try:
        with socket.create_connection(("127.0.0.1", port), within_s) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as stream:
                answer = stream.read(struct.unpack(">i", stream.read(4))[0])
        correlation, brokers = struct.unpack_from(">ii", answer)
    except (OSError, struct.error):
        return False
    return bool(correlation == _CORRELATION and brokers > 0)


def _await_ready(broker: Broker) -> None:
    until_s = time.monotonic() + READY_S
    while not answers(broker.port):
        if broker.process.poll() is not None:
            raise BrokerUnavailable(
                f"the broker ended with status {broker.process.returncode}:"
                f" {_last_line(broker.output)} (all of it is in {broker.output})"
            )
        if time.monotonic() > until_s:
            raise BrokerUnavailable(f"the broker was not ready in {READY_S} s: see {broker.output}")
        time.sleep(LOOK_S)


def _check_port(port: int) -> None:
    try:
        with socket.socket() as probe:
            # As Java does: a connection that lingers from the last run is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        raise BrokerUnavailable(
            f"port {port} cannot be used ({error.strerror}): stop what listens there,"
            " or choose another port"
        ) from error


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_settings(
    directory: Path, port: int, security: Security | None, advertised_port: int
) -> Path:
    template = Template((HERE / "server.properties").read_text())
    settings = directory / "server.properties"
    # Backslashes begin an escape in this format.
    data = str(directory / "data").replace("\\", "\\\\")
    controller = free_port()
    text = template.substitute(
        port=port, advertised_port=advertised_port, controller_port=controller, data=data
    )
    if security is not None:
        settings.touch(mode=0o600)
        text += security.settings(port, controller)
    settings.write_text(text)
    return settings


def _format(command: list[str], directory: Path, settings: Path, users: list[str]) -> None:
    """Give the data directory its cluster id, once."""
    if (directory / "data" / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    # One argument: an id may begin with a hyphen, which would pass for an option.
    identity = f"--cluster-id={cluster}"
    words = ["kafka.tools.StorageTool", "format", identity, "-c", str(settings), *users]
    # Java reads its words from a file, too: a password among them stands in no list of processes.
    file = directory / "format.words"
    file.touch(mode=0o600)
    file.write_text("\n".join(json.dumps(word) for word in words))
    try:
        done = subprocess.run(
            [*command, f"@{file}"], capture_output=True, timeout=FORMAT_S, check=False
        )
    finally:
        file.unlink()
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        raise BrokerUnavailable(f"{directory} cannot be made ready for the broker: {said[-500:]}")


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it said nothing"
