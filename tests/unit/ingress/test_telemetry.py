"""Ids, and log lines that neither flood nor fail."""

import io
import json
import logging
import uuid
from typing import Literal

import pytest
import structlog

from ingress import telemetry


def _read(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_correlation_id_is_a_uuid_of_version_7_that_sorts_by_time() -> None:
    """RFC 9562's own example, A.6: its time and its random bits give its text."""
    random = bytes.fromhex("0cc3" + "18c4dc0c0c07398f")
    text = telemetry.uuid7(0x017F22E279B0, random)
    assert text == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert uuid.UUID(text).version == 7
    assert telemetry.uuid7(1, random) < telemetry.uuid7(2, bytes(10))


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        (b"00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        (b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        (b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", False),
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", False),
        (b"", False),
    ],
)
def test_only_a_valid_traceparent_is_one(value: bytes, holds: bool) -> None:
    """W3C Trace Context: lower-case hex, neither id all zero, version 00 has no more fields."""
    assert telemetry.is_traceparent(value) is holds


def test_our_own_traceparents_are_valid_and_unsampled() -> None:
    """A stranger's request must not decide what we sample."""
    made = telemetry.traceparent()
    assert telemetry.is_traceparent(made.encode())
    assert made.endswith("-00")


def test_a_library_that_repeats_itself_is_heard_once(lines: io.StringIO) -> None:
    """A client without its broker says the same forty times a second; a disk must survive that."""
    for _ in range(1000):
        logging.getLogger("aiokafka.client").error("Unable connect to node with id %s", 1)
    (line,) = _read(lines)
    assert line["event"] == "library_said"
    assert line["part"] == "aiokafka.client"
    assert line["said"] == "Unable connect to node with id 1"


def test_a_library_talking_to_itself_is_not_heard(lines: io.StringIO) -> None:
    """At DEBUG aiokafka writes keys, values and whole requests: payments' data."""
    logging.getLogger("aiokafka.producer").debug("Sending %s", b"a body")
    logging.getLogger("aiokafka.producer").info("a body")
    assert _read(lines) == []


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_variables(style: Literal["json", "console"]) -> None:
    """Where something fails, secrets are in the variables; `rich`, where it is, would show them."""
    out = io.StringIO()
    telemetry.configure(style, "info", out)
    try:
        _fail(b"canary-" + b"in-a-variable")
    except ZeroDivisionError as failed:
        telemetry.logger("edge").error("request_failed", exc_info=failed)
    structlog.reset_defaults()
    assert "ZeroDivisionError" in out.getvalue()
    assert "in-a-variable'" not in out.getvalue()


def test_a_log_that_cannot_be_written_costs_a_line_and_no_delivery() -> None:
    """A full disk under the log lines must not turn a durable event into an error answer."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    telemetry.configure("json", "info", Full())
    telemetry.logger("edge").info("delivery_handled", outcome="accepted")
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)


def _fail(held: bytes) -> float:
    """Fail while a secret is held."""
    return len(held) / 0


def test_a_closed_stream_loses_the_line_and_nothing_else() -> None:
    """Whoever reads the lines may end first; a delivery must not hear of it."""
    out = io.StringIO()
    telemetry.configure("json", out=out)
    out.close()
    telemetry.logger("edge").info("said_to_nobody")
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)
