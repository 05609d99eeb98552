"""Do what an operator orders, to a payment by facts, to an exception by hand; tell what follows.

A dry run goes the same way to its end and is rolled back, so that what it shows is not a guess.
"""

from collections.abc import Callable, Iterator

from consumers import standing
from consumers.actions import Act
from consumers.casework import WAITING, Caseworker, Change
from consumers.interpret import assets
from consumers.operating import WrongWords, check, command
from consumers.policy import Policy
from consumers.stating import Desk, Done, Refused
from consumers.store.cases import Status
from consumers.store.port import PaymentKey, Store
from ingress import telemetry
from sealgate.config import Configuration
from sealgate.exposure import addresses
from sealgate.exposure.marking import accounts
from sealgate.operations import documents, wanting, words
from sealgate.operations.answering import Document, answer, head, last, occurrence, refuse
from sealgate.operations.asked import Decision
from sealgate.operations.ended import ended, open_now
from sealgate.operations.showing import item_lines
from sealgate.operations.wanting import Known, Wanted
from sealgate.policies import policy_of


def pay(
    configuration: Configuration, act: Act, payment: str, said: Decision, wanted: Wanted
) -> int:
    """Do an order about a payment; return the exit code."""
    registry, operators = assets.load(), configuration.settings.operators
    try:
        order = words.payment_order_of(act, said)
        words.check_people(order, operators.people)
        check(order)
        limits = words.limits_of(operators.alone_up_to, registry)
    except Refused as refused:
        return refuse(refused, as_json=said.json)
    policy = policy_of(configuration)

    async def ask(store: Store) -> Document:
        key = await words.payment_of(store, payment, accounts(configuration))
        now = occurrence(configuration)
        found = await store.payment(key)
        facts = frozenset() if found is None else found.facts
        more = wanting.particulars(act, wanted, Known(key, facts, registry))
        ordered = command(order, key, more, limits, now)
        open_before = await open_now(store, key)
        desk = Desk(store, policy, telemetry.now_ms)
        done = await desk.do(ordered, dry_run=said.dry_run)
        told = await _outcome(store, key, done, policy)
        if not done.is_repeat:
            told["resolved"] = ended(done.changes, open_before)
        return {
            "format": "sealgate.payment-order/1",
            **head(order, said, is_repeat=done.is_repeat),
            **told,
        }

    return answer(configuration, ask, _order_lines, as_json=said.json, writes=True)


def work(
    configuration: Configuration,
    act: Act,
    item: str,
    said: Decision,
    change: Callable[[int], Change],
) -> int:
    """Do an order about an exception; `change` is asked for with the time. Return the exit code."""
    now = occurrence(configuration)
    try:
        order = words.item_order_of(act, said)
        words.check_people(order, configuration.settings.operators.people)
        check(order)
        number, meant = words.item_number(item), change(now.at_ms)
    except Refused as refused:
        return refuse(refused, as_json=said.json)

    async def ask(store: Store) -> Document:
        done = await Caseworker(store, now).do(order, number, meant, dry_run=said.dry_run)
        decimals = assets.load().decimals
        told = documents.item(done.after, now.at_ms, decimals)
        return {
            "format": "sealgate.exception-order/1",
            **head(order, said, is_repeat=done.is_repeat),
            "before": documents.item(done.before, now.at_ms, decimals),
            "after": {**told, "later_evidence": [], "actions": [], "how_it_is_worked": ""},
        }

    return answer(configuration, ask, _work_lines, as_json=said.json, writes=True)


def waiting(on: str, check_in: str) -> Callable[[int], Change]:
    """Read for whom an item waits, and when to look again."""

    def change(now_ms: int) -> Change:
        known = {one.removeprefix("waiting_"): one for one in sorted(WAITING)} | {"nobody": "open"}
        if on not in known:
            raise WrongWords(f"--for: one of {', '.join(known)}")
        next_ms = now_ms + words.span_ms(check_in, "check-in") if check_in else None
        return Change(status=Status(known[on]), next_check_ms=next_ms)

    return change


async def _outcome(store: Store, key: PaymentKey, done: Done, policy: Policy) -> Document:
    """Say what follows for the payment: its state, its books, its exceptions, its notice."""
    decimals = assets.load().decimals
    stated = done.stated
    if stated is None:
        found = await store.payment(key)
        now = None if found is None else documents.payment(found, policy, decimals)
        return {"payment": addresses.write(key), "before": now, "after": now}
    move = done.transition
    return {
        "payment": addresses.write(key),
        "before": documents.payment(stated.before, policy, decimals),
        "after": documents.payment(stated.after, policy, decimals),
        "made": [
            addresses.write(one.payment) for one in done.changes.transitions if one is not move
        ],
        "notice": documents.notice(done.changes, key),
        "raised": sorted({one.code for one in done.changes.anomalies}),
        "holds": sorted(standing.holds(stated.after.facts)),
    }


def _order_lines(told: Document) -> Iterator[str]:
    yield f"payment {told['payment']}"
    before, after = told["before"], told["after"]
    if told["is_repeat"]:
        yield f"  {after['label']}, version {after['version']}"
        yield f"nothing was written: {told['action']} was done before"
        return
    yield f"  state    {before['label']} -> {after['label']}"
    yield f"  version  {before['version']} -> {after['version']}"
    yield f"  books    {before['posting']} -> {after['posting']}"
    for name in ("made", "resolved", "raised"):
        if told[name]:
            yield f"  {name:<8} {', '.join(told[name])}"
    yield f"  notice   {told['notice'] or 'none: nothing that downstream acts upon is another'}"
    yield last(told)


def _work_lines(told: Document) -> Iterator[str]:
    yield from item_lines(told["after"])
    if told["is_repeat"]:
        yield f"nothing was written: {told['action']} was done before"
    else:
        yield last(told)
