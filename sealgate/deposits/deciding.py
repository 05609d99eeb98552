"""Do what an operator orders about a deposit; tell what follows for it and for its payment.

A dry run goes the same way to its end and is rolled back, so that what it shows is not a guess.
"""

from collections.abc import Iterator

from consumers.actions import Act
from consumers.deposits import payment_of, state_of
from consumers.interpret import assets
from consumers.matching import Decided, Matcher
from consumers.operating import check
from consumers.proposing import candidates
from consumers.refusals import WrongWords
from consumers.stating import Refused
from consumers.store.deposit_reads import DepositReads
from consumers.store.port import PaymentKey, Store
from sealgate.config import Configuration
from sealgate.deposits.showing import deposit_of
from sealgate.exposure import addresses
from sealgate.exposure.marking import accounts
from sealgate.operations import documents, words
from sealgate.operations.answering import Document, answer, head, last, occurrence, refuse
from sealgate.operations.asked import Decision
from sealgate.operations.ended import ended, open_now
from sealgate.policies import policy_of


def decide(
    configuration: Configuration, act: Act, deposit: str, payment: str, said: Decision
) -> int:
    """Do an order about a deposit; return the exit code."""
    registry, operators = assets.load(), configuration.settings.operators
    try:
        order = words.order_of(act, said)
        if order.expected_facts:
            raise WrongWords("--expect-version: the version of a deposit is a plain number")
        words.check_people(order, operators.people)
        check(order)
        limits = words.limits_of(operators.alone_up_to, registry)
    except Refused as refused:
        return refuse(refused, as_json=said.json)
    policy = policy_of(configuration)

    async def ask(store: Store) -> Document:
        key = await deposit_of(store, configuration, deposit)
        target, found = None, None
        if act is Act.MATCH_DEPOSIT:
            target = await words.payment_of(store, payment, accounts(configuration))
            told, kept = await DepositReads.of(store).deposit(key), await store.payment(key)
            if told is not None and kept is not None:
                ranked = await candidates(store, told, kept, policy)
                found = next((one for one in ranked if one.payment == target), None)
        moves = (await DepositReads.of(store).history(key))[-1:]
        held = payment_of(moves[0]) if moves else None
        before = await open_now(store, key, target, held)
        matcher = Matcher(store, policy, limits, occurrence(configuration))
        done = await matcher.do(order, key, target, found, dry_run=said.dry_run)
        return {
            "format": "sealgate.deposit-order/1",
            **head(order, said, is_repeat=done.is_repeat),
            "deposit": addresses.write(key),
            **_outcome(done, target, configuration),
            "resolved": ended(done.changes, before),
        }

    return answer(configuration, ask, _lines, as_json=said.json, writes=True)


def _outcome(done: Decided, target: PaymentKey | None, configuration: Configuration) -> Document:
    """Say what follows for the deposit, and for the payment that it is tied to or let go by."""
    decimals, policy = assets.load().decimals, policy_of(configuration)
    was, now = done.was, done.now
    key = target if now is None else now.key
    return {
        "state_before": None if done.is_repeat else state_of(done.before).value,
        "state": None if done.after is None else done.after.state.value,
        "version": None if done.after is None else done.after.version,
        "payment": None if key is None else addresses.write(key),
        "before": None if was is None else documents.payment(was, policy, decimals),
        "after": None if now is None else documents.payment(now, policy, decimals),
        "raised": sorted({one.code for one in done.changes.anomalies}),
    }


def _lines(told: Document) -> Iterator[str]:
    yield f"deposit {told['deposit']}"
    if told["is_repeat"]:
        yield f"nothing was written: {told['action']} was done before, as {told['key']}"
        return
    yield f"  state    {told['state_before']} -> {told['state']}, version {told['version']}"
    if told["after"] is not None:
        yield f"  payment  {told['payment']}"
        yield f"  state    {told['before']['label']} -> {told['after']['label']}"
    for name in ("resolved", "raised"):
        if told[name]:
            yield f"  {name:<8} {', '.join(told[name])}"
    yield last(told)
