"""Lines that wait for one write: none is lost that could be written, and none overtakes another."""

import asyncio
import io
import json
import logging
import os
import re
from collections.abc import Iterator

import pytest
import structlog

from ingress import loglines, telemetry


class Stream(io.StringIO):
    """Counts how often it is written to."""

    writes = 0

    def write(self, text: str) -> int:
        """Count, and write."""
        self.writes += 1
        return super().write(text)


@pytest.fixture(name="out")
def _out() -> Iterator[Stream]:
    out = Stream()
    telemetry.configure("json", "info", out)
    yield out
    telemetry.flush()
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)


def _events(out: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in out.getvalue().splitlines()]


async def test_the_lines_of_one_turn_are_one_write(out: Stream) -> None:
    """A write costs as much as a proof: an edge that says a line per delivery must share it."""
    log = telemetry.logger("edge")
    for number in range(100):
        log.info("delivery_handled", number=number)
    assert _events(out) == []
    await asyncio.sleep(0)
    assert _events(out) == ["delivery_handled"] * 100
    assert out.writes == 1


async def test_in_a_flood_the_lines_of_many_turns_are_one_write(out: Stream) -> None:
    """At thousands of deliveries a second a turn has one line or two: no share worth the name."""
    log = telemetry.logger("edge")
    for number in range(50):
        log.info("delivery_handled", number=number)
        await asyncio.sleep(0)
    assert out.writes < 10
    await asyncio.sleep(2 * loglines.GAP_S)
    assert _events(out) == ["delivery_handled"] * 50


async def test_a_grave_line_goes_out_at_once_and_overtakes_nothing(out: Stream) -> None:
    """What comes before the trouble is what explains it."""
    log = telemetry.logger("edge")
    log.info("first")
    log.error("second", reason="broken")
    assert _events(out) == ["first", "second"]
    log.info("third")
    log.warning("fourth")
    assert _events(out) == ["first", "second", "third", "fourth"]


def test_where_no_loop_runs_nothing_waits(out: Stream) -> None:
    """A command's line must not be held back for a loop that never turns."""
    telemetry.logger("check").info("checked")
    assert _events(out) == ["checked"]


async def test_a_long_turn_does_not_pile_lines_up_without_end(out: Stream) -> None:
    """What waits is memory, and is lost where the process is killed."""
    log = telemetry.logger("edge")
    for _ in range(loglines.WAITING_BYTES_MAX // 1000 + 1):
        log.info("delivery_handled", padding="x" * 1000)
    assert len(out.getvalue()) >= loglines.WAITING_BYTES_MAX


def test_a_loop_that_was_closed_is_not_waited_for(out: Stream) -> None:
    """One loop of a process may end with a line still waiting, and another begin."""
    loop = asyncio.new_event_loop()
    try:
        # The last thing that the loop does: nothing of it runs afterwards.
        loop.call_soon(loop.stop)
        loop.call_soon(telemetry.logger("edge").info, "said_last")
        loop.run_forever()
    finally:
        loop.close()
    telemetry.logger("edge").info("said_later")
    assert _events(out) == ["said_last", "said_later"]


async def test_what_threads_say_is_all_there(out: Stream) -> None:
    """The loop writes while a thread is adding: a line between the two must not fall through."""
    log = telemetry.logger("edge")

    def say() -> None:
        for _ in range(2000):
            log.info("said_by_a_thread")

    threads = [asyncio.create_task(asyncio.to_thread(say)) for _ in range(3)]
    for _ in range(2000):
        log.info("said_by_the_loop")
        await asyncio.sleep(0)
    await asyncio.gather(*threads)
    telemetry.flush()
    assert sorted(_events(out)) == ["said_by_a_thread"] * 6000 + ["said_by_the_loop"] * 2000


async def test_a_child_process_does_not_repeat_what_its_parent_said(out: Stream) -> None:
    """A line twice in the log is a delivery twice, to whoever counts; an id twice is worse."""
    telemetry.logger("edge").info("said_by_the_parent")
    telemetry.traceparent()
    said, trace = _in_a_child(out)
    assert said == ""
    assert trace != telemetry.traceparent()
    telemetry.flush()
    assert _events(out) == ["said_by_the_parent"]


def _in_a_child(out: Stream) -> tuple[str, str]:
    """Return what a forked child writes that was not its own to say, and its first trace."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        telemetry.flush()
        os.write(writing, json.dumps([out.getvalue(), telemetry.traceparent()]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    said, trace = json.loads(os.read(reading, 65_536))
    os.close(reading)
    os.close(writing)
    return said, trace


FACTS = {"outcome": "accepted", "status": 200, "duration_ms": 1.5, "note": "é☃", "none": None}


def _failure() -> ValueError:
    try:
        return ValueError(int("no number"))
    except ValueError as failed:
        return failed


@pytest.mark.parametrize("level", ["info", "warning", "error"])
@pytest.mark.parametrize("told", ["nothing", "no failure", "an exception", "as logging does"])
def test_a_line_is_the_one_that_structlog_would_have_written(
    out: Stream, level: str, told: str
) -> None:
    """Tools that read its lines read ours: the same keys, order, values and tracebacks."""
    failed = _failure()
    given = {
        "nothing": {},
        "no failure": {"exc_info": None},
        "an exception": {"exc_info": failed},
        "as logging does": {"exc_info": (type(failed), failed, failed.__traceback__)},
    }[told]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=out),
    )
    getattr(telemetry.logger("edge"), level)("delivery_handled", **FACTS, **given)
    getattr(structlog.get_logger(part="edge"), level)("delivery_handled", **FACTS, **given)
    ours, theirs = (json.loads(line) for line in out.getvalue().splitlines())
    assert list(ours) == list(theirs)
    form = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z")
    assert form.fullmatch(ours.pop("timestamp"))
    assert form.fullmatch(theirs.pop("timestamp"))
    assert ours == theirs


def test_the_level_may_change_while_the_process_runs(out: Stream) -> None:
    """An operator turns it down in an incident, and does not restart what holds deliveries."""
    log = telemetry.logger("edge")
    telemetry.set_level("warning")
    log.info("not_said")
    telemetry.set_level("info")
    log.info("said")
    assert _events(out) == ["said"]


def test_a_failure_is_told_with_its_traceback(out: Stream) -> None:
    """Of an exception, the place where it began is what helps."""
    telemetry.logger("edge").error("request_failed", exc_info=ValueError("why"))
    (line,) = out.getvalue().splitlines()
    assert "ValueError: why" in json.loads(line)["exception"]
