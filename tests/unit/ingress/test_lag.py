"""When the event loop counts as late: told by a clock that the test holds, and by a real loop."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Histogram

from ingress.lag import LoopLag

LATE_S = 0.25
TICK_S = 0.05


class _Turns:
    """A loop whose steps take as long as the test says: each ends with the tick that was due."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.now_s = 100.0
        ticks = Histogram("lag", "-", buckets=(0.25, 1), registry=self.registry)
        self.lag = LoopLag(ticks, LATE_S, lambda: self.now_s)
        self._loop = asyncio.get_running_loop()
        self.lag.start()

    def step(self, took_s: float) -> tuple[bool, bool]:
        """Say whether the loop is late before the tick after a step, and after it."""
        self.now_s += TICK_S + took_s
        before = self.lag.is_late()
        self.lag._tick(self._loop)
        after = self.lag.is_late()
        return before, after


async def test_a_loop_on_time_is_never_late() -> None:
    """The daily case sheds nothing, whatever the jitter."""
    turns = _Turns()
    assert [turns.step(took_s) for took_s in (0.0, 0.01, 0.24, 0.2, 0.0)] == [(False, False)] * 5
    turns.lag.stop()


async def test_one_long_step_sheds_nobody() -> None:
    """What waited a third of a second is still answered in time; a 503 costs a retry."""
    turns = _Turns()
    assert [turns.step(took_s) for took_s in (0.0, 0.3, 0.0, 0.3, 0.0)] == [(False, False)] * 5
    turns.lag.stop()


async def test_two_long_steps_are_overload_already_in_the_turn_after_the_second() -> None:
    """What arrived during it is looked at before the tick: it must not be taken on first."""
    turns = _Turns()
    assert turns.step(0.3) == (False, False)
    assert turns.step(0.3) == (True, True)
    assert turns.step(0.3) == (True, True)
    turns.lag.stop()


async def test_a_loop_that_caught_up_takes_on_again_at_once() -> None:
    """Shedding is what lets it catch up; to go on shedding then would refuse honest deliveries."""
    turns = _Turns()
    turns.step(0.3)
    turns.step(0.3)
    turns.now_s += TICK_S
    assert turns.lag.is_late()
    turns.lag._tick(asyncio.get_running_loop())
    assert not turns.lag.is_late()
    turns.lag.stop()


async def test_a_step_of_ten_times_the_limit_is_too_long_at_once() -> None:
    """The strictest senders give up after three: a queue of such steps must not build up."""
    turns = _Turns()
    assert turns.step(2.4) == (False, False)
    assert turns.step(0.0) == (False, False)
    assert turns.step(2.6) == (True, True)
    assert turns.step(0.0) == (True, False)
    turns.lag.stop()


async def test_every_tick_is_counted_by_how_late_it_was() -> None:
    """The share of late ticks is the share of time in which deliveries waited."""
    turns = _Turns()
    for took_s in (0.0, 0.3, 2.0):
        turns.step(took_s)
    counts = [
        turns.registry.get_sample_value("lag_bucket", {"le": bound})
        for bound in ("0.25", "1.0", "+Inf")
    ]
    assert counts == [1, 2, 3]
    turns.lag.stop()


async def test_nothing_is_late_before_the_start_and_after_the_stop() -> None:
    """An edge that ends must answer what it took, not refuse it."""
    turns = _Turns()
    turns.step(3.0)
    turns.now_s += 10
    assert turns.lag.is_late()
    turns.lag.stop()
    assert not turns.lag.is_late()
    idle = LoopLag(Histogram("idle", "-", registry=CollectorRegistry()), LATE_S, lambda: 0.0)
    assert not idle.is_late()
    idle.stop()


async def test_a_real_loop_that_is_blocked_is_late_and_one_that_turns_is_not() -> None:
    """The fake clock above is held to a real one."""
    lag = LoopLag(Histogram("real", "-", registry=CollectorRegistry()), 0.05)
    lag.start()
    asyncio.get_running_loop().call_soon(time.sleep, 0.6)
    await asyncio.sleep(0)
    assert lag.is_late()
    while lag.is_late():
        await asyncio.sleep(TICK_S)
    lag.stop()
