"""Orders of operators, done by the real desk on a real store."""

from typing import Any

from consumers.actions import Act, Reason, Role
from consumers.casework import Caseworker, Change, Worked
from consumers.operating import (
    NOTHING_MORE,
    Limits,
    Occurrence,
    Order,
    Particulars,
    command,
)
from consumers.policy import NO_POLICY
from consumers.stating import Desk, Done
from consumers.store.port import PaymentKey, Store
from consumers.withdrawing import Withdrawer, Withdrawn
from tests.support.builders import NOW_MS, TRACEPARENT
from tests.support.store_told import PAYMENT

LATER_MS = NOW_MS + 60_000
NOW = Occurrence("sandbox", "test", LATER_MS, "correlation-operator", TRACEPARENT)
ALONE: Limits = {"USDT": 10**12}


def order(act: Act, key: str = "t-1", **changes: Any) -> Order:
    """Say what kim of operations wants."""
    reason = {
        Act.ACCEPT_LATE: Reason.GOODWILL,
        Act.ACCEPT_UNDERPAID: Reason.GOODWILL,
        Act.WRITE_OFF: Reason.IMMATERIAL,
        Act.RESOLVE: Reason.CAUSE_MENDED,
        Act.WITHDRAW: Reason.MISTAKE,
        Act.RECORD_POSTING: Reason.BOOKED,
        Act.RECORD_UNPOSTING: Reason.ENTRY_REVERSED,
    }.get(act, Reason.CUSTOMER_ASKED)
    plain = Order(act, "kim", Role.OPERATIONS, reason, "asked by mail", key, None)
    return plain._replace(**changes)


async def decide(
    store: Store,
    wanted: Order,
    more: Particulars = NOTHING_MORE,
    *,
    payment: PaymentKey = PAYMENT,
    limits: Limits = ALONE,
    dry_run: bool = False,
) -> Done:
    """Let somebody decide about the payment."""
    desk = Desk(store, NO_POLICY, lambda: LATER_MS)
    return await desk.do(command(wanted, payment, more, limits, NOW), dry_run=dry_run)


async def decide_at(store: Store, at_ms: int, wanted: Order, more: Particulars) -> Done:
    """Let somebody decide about the payment at another time."""
    desk = Desk(store, NO_POLICY, lambda: at_ms)
    return await desk.do(command(wanted, PAYMENT, more, ALONE, NOW._replace(at_ms=at_ms)))


async def work(
    store: Store, wanted: Order, number: int, change: Change | None = None, *, dry_run: bool = False
) -> Worked:
    """Let somebody work an item."""
    worker = Caseworker(store, NOW)
    return await worker.do(wanted, number, change or Change(), dry_run=dry_run)


async def withdraw(
    store: Store,
    wanted: Order,
    command_key: str,
    *,
    limits: Limits = ALONE,
    dry_run: bool = False,
) -> Withdrawn:
    """Let somebody take a command back."""
    desk = Withdrawer(store, NO_POLICY, limits, NOW._replace(at_ms=LATER_MS + 1000))
    return await desk.do(wanted, command_key, dry_run=dry_run)
