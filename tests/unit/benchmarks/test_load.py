"""Closed and open loop, told by hand what happened when."""

from dataclasses import dataclass, field

import pytest

from tests.benchmarks.load import ClosedLoop, OpenLoop
from tests.benchmarks.schedule import Schedule


@dataclass
class Line:
    """A line that remembers what it carried."""

    since_s: float = 0.0
    sent: list[bytes] = field(default_factory=list)

    def send(self, request: bytes, since_s: float) -> None:
        self.since_s = since_s
        self.sent.append(request)


def numbered() -> object:
    """Make requests that can be told apart."""
    numbers = iter(range(1000))
    return lambda: b"%d" % next(numbers)


def test_an_open_loop_counts_a_stall_against_every_request_that_was_due_in_it() -> None:
    """Coordinated omission: to send later because the server is slow would hide that it is slow.

    One line, ten arrivals 10 ms apart, a server that stalls for one second and then answers each
    request within 1 ms.
    """
    line = Line()
    load = OpenLoop(numbered(), Schedule(0.0, 100.0, 10), [line])
    for step in range(11):
        load.tick(step / 100)
    for step in range(10):
        load.answered(line, 200, 1.0 + step / 1000)
    expected = [1.0 + step / 1000 - step / 100 for step in range(10)]
    assert load.tally.latencies_s == pytest.approx(expected)
    assert load.tally.queued == 9
    assert load.done()


def test_a_closed_loop_sees_the_same_stall_once() -> None:
    """This is why latency is never taken from a closed loop's percentiles alone."""
    line = Line()
    load = ClosedLoop(numbered(), until_s=1.0045, count_max=100)
    load.begin([line], lambda: 0.0)
    for step in range(6):
        load.answered(line, 200, 1.0 + step / 1000)
    assert sum(latency > 0.5 for latency in load.tally.latencies_s) == 1
    assert load.done()


def test_requests_wait_for_a_line_in_the_order_of_their_arrival() -> None:
    """A request that is overtaken would be measured as slower than any server made it."""
    line = Line()
    load = OpenLoop(numbered(), Schedule(0.0, 1000.0, 3), [line])
    load.tick(0.01)
    since = [line.since_s]
    for _ in range(2):
        load.answered(line, 200, 0.02)
        since.append(line.since_s)
    assert since == [0.0, 0.001, 0.002]


def test_an_open_loop_says_how_late_it_looked_itself() -> None:
    """A generator that overslept must not be able to blame the server."""
    load = OpenLoop(numbered(), Schedule(0.0, 100.0, 2), [Line(), Line()])
    load.tick(0.015)
    assert load.tally.late_s == pytest.approx([0.015, 0.005])


def test_an_open_loop_is_not_done_before_all_were_sent_and_answered() -> None:
    """A run that ends early has measured the beginning of it."""
    lines = [Line(), Line()]
    load = OpenLoop(numbered(), Schedule(0.0, 100.0, 2), lines)
    load.tick(0.0)
    load.answered(lines[0], 200, 0.001)
    assert not load.done()
    load.tick(0.01)
    assert not load.done()
    load.answered(lines[1], 200, 0.011)
    assert load.done()


def test_a_closed_loop_keeps_to_its_count() -> None:
    """A bound in count is what makes the generator safe to leave alone."""
    lines = [Line(), Line()]
    load = ClosedLoop(numbered(), until_s=1e9, count_max=5)
    load.begin(lines, lambda: 0.0)
    for step in range(100):
        line = lines[step % 2]
        if len(line.sent) > step // 2:
            load.answered(line, 200, step / 10)
    assert load.tally.sent == 5
    assert load.done()


def test_a_lost_line_is_counted_and_its_answer_no_longer_awaited() -> None:
    """A connection that breaks is an answer that never came, and ends a run as unsound."""
    line = Line()
    load = ClosedLoop(numbered(), until_s=1.0, count_max=1)
    load.begin([line], lambda: 0.0)
    load.lost(waiting=True)
    assert (load.tally.lost, load.outstanding) == (1, 0)
