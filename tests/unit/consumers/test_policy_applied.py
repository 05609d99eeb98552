"""The policy where it acts: events in, a real SQLite store, and what finance reads out of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers import voiding
from consumers.app import Parts, WorkerApp, prepared
from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpreters
from consumers.lifecycle import State, Verdict
from consumers.policy import NEVER, Corridor, Final, Policy, order, versioned
from consumers.settings import ConsumerSettings
from consumers.store.port import Cause, EventKey, Judgement, Mark
from consumers.store.sqlite import SqliteStore
from consumers.voiding import Rim
from consumers.weighing import Terms, Tolerance
from ingress.contract import topics
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.port import Message
from tests.support.builders import NOW_MS, TRACEPARENT, envelope
from tests.support.store_consumer import PAY_1, Consumer, build, event, log, verdicts

MAPPING = """
provider = "kobbopay"
version = 7
effective_from = 2020-01-01
source = "made for these tests: one transfer with its depth"

[networks]
tron = "tron"

[[expected]]
amount = ["/price"]
asset = ["/asset"]
network = ["/network"]

[transfer]
key = ["/hash"]
amount = ["/amount"]
asset = ["/asset"]
network = ["/network"]
confirmations = ["/depth"]

[[rule]]
words = ["payment.paid"]
say = ["expected", "transfer_seen"]

[[rule]]
words = ["payment.confirmed"]
say = ["expected", "transfer_final"]
"""
POLICY = versioned("2026-11", Policy(finals=order([Final(19, network="tron", asset="USDT")])))


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", busy_timeout_ms=10)
    await store.open("sandbox")
    yield store
    await store.close()


@pytest.fixture(name="told")
def _told(tmp_path: Path) -> Interpreters:
    (tmp_path / "kobbopay.toml").write_text(MAPPING)
    return interpreter.load(tmp_path)


def transfer(word: str, depth: int, **changes: object) -> dict[str, object]:
    """Make the body of an event about one transfer of the whole price."""
    plain = {"price": "10.50", "amount": "10.50", "asset": "USDT", "network": "tron"}
    return {**plain, "word": word, "hash": "aa", "depth": depth, **changes}


async def tell(consumer: Consumer, *told: dict[str, object], begin: int = 0) -> list[Verdict]:
    """Apply events with these bodies."""
    sealed = [
        envelope(one, event_type=f"payment.{one['word']}", event_key=f"evt_{begin + place}")
        for place, one in enumerate(told)
    ]
    return verdicts(await consumer.apply(log(*sealed, begin=begin)))


async def test_a_payment_is_confirmed_when_the_policy_says_so(
    store: SqliteStore, told: Interpreters
) -> None:
    """The provider's own word comes at one confirmation, ours at nineteen, under our version."""
    consumer = build(store, interpreters=told, policy=POLICY)
    await tell(consumer, transfer("paid", 0), transfer("confirmed", 1), transfer("paid", 18))
    assert await consumer.history() == [State.PAID]
    await tell(consumer, transfer("paid", 19), begin=3)
    assert await consumer.history() == [State.PAID, State.CONFIRMED]
    assert {move.policy for move in await store.transitions(PAY_1)} == {POLICY.version}


async def test_without_a_policy_the_providers_word_confirms(
    store: SqliteStore, told: Interpreters
) -> None:
    """The default, as documented: and no depth makes a sighting final."""
    consumer = build(store, interpreters=told)
    await tell(consumer, transfer("paid", 99))
    assert await consumer.history() == [State.PAID]
    await tell(consumer, transfer("confirmed", 0), begin=1)
    assert await consumer.history() == [State.PAID, State.CONFIRMED]
    assert {move.policy for move in await store.transitions(PAY_1)} == {""}


async def test_the_applier_has_one_policy_to_judge_and_to_sign_with(
    store: SqliteStore, told: Interpreters
) -> None:
    """Interpreters that came with another policy judge under the one in the transitions."""
    strict = replace(told, policy=Policy(finals=(Final(NEVER),)))
    consumer = build(store, interpreters=strict, policy=POLICY)
    await tell(consumer, transfer("confirmed", 19))
    assert await consumer.history() == [State.CONFIRMED]


async def test_money_without_a_corridor_moves_nothing_and_can_come_later(
    store: SqliteStore, told: Interpreters
) -> None:
    """It is kept with its reason; an installation that opens the corridor reads it again."""
    closed = Policy(corridors=(Corridor("USDT", network="bsc"),))
    consumer = build(store, interpreters=told, policy=closed)
    assert await tell(consumer, transfer("paid", 1)) == [Verdict.UNPARSEABLE]
    assert await store.payment(PAY_1) is None
    [item] = await store.list_anomalies(10)
    assert (item.anomaly.code, item.anomaly.subject) == ("UNKNOWN_ASSET", "kobbopay/USDT@tron")
    assert "[[policy.corridor]]" in item.anomaly.evidence
    # The simplest correction: the corridor is opened, and the event told again.
    opened = build(store, interpreters=told, policy=Policy(corridors=(Corridor("USDT"),)))
    assert await tell(opened, transfer("paid", 1), begin=1) == [Verdict.APPLIED]


TERMS = [
    (Terms(), "10.49", State.UNDERPAID),
    (Terms(tolerances={"USDT@tron": Tolerance(10_000)}), "10.49", State.PAID),
    (Terms(tolerances={"USDT@tron": Tolerance(9_999)}), "10.49", State.UNDERPAID),
    # 10 hundredths of a percent of 10.50 are 0.0105.
    (Terms(tolerances={"USDT@tron": Tolerance(bps=10)}), "10.4895", State.PAID),
    (Terms(tolerances={"USDT@tron": Tolerance(bps=10)}), "10.489499", State.UNDERPAID),
]


@pytest.mark.parametrize(("terms", "amount", "state"), TERMS)
async def test_what_is_as_good_as_the_price_is_the_merchants_word(
    store: SqliteStore, told: Interpreters, terms: Terms, amount: str, state: State
) -> None:
    """To the smallest unit, worked out by hand."""
    consumer = build(store, interpreters=told, policy=Policy("p", terms))
    await tell(consumer, transfer("paid", 1, amount=amount))
    assert await consumer.history() == [state]


async def test_an_event_that_states_nothing_makes_no_payment(store: SqliteStore) -> None:
    """A payout or a ping in a provider's known words is no customer who owes us something."""
    silent = interpreter.load().tables["kobbopay"][0]
    rules = {"payment.paid": (replace(silent.rules["payment.pending"][0], asks=False),)}
    quiet = Interpreters({"kobbopay": (replace(silent, rules=rules),)})
    consumer = build(store, interpreters=quiet)
    assert await tell(consumer, transfer("paid", 1)) == [Verdict.APPLIED_NO_CHANGE]
    assert await store.payment(PAY_1) is None
    assert await store.list_anomalies(10) == []


async def test_a_correction_is_made_under_the_policy_and_says_so(
    store: SqliteStore, told: Interpreters
) -> None:
    """Whoever takes an event out moves money too: the transition carries the version."""
    consumer = build(store, interpreters=told, policy=POLICY)
    await tell(consumer, transfer("paid", 0), transfer("confirmed", 19))
    rim = Rim("sandbox", lambda: NOW_MS, lambda: TRACEPARENT, POLICY)
    key = EventKey("kobbopay", "main", "evt_1")
    await voiding.void(store, [Mark(key, Judgement.VOID, "leaked", "test", NOW_MS)], rim)
    last = (await store.transitions(PAY_1))[-1]
    assert (last.after, last.cause, last.policy) == (State.PAID, Cause.VOID, POLICY.version)


async def test_a_worker_works_under_the_policy_of_its_process(tmp_path: Path) -> None:
    """Log in, store out: the provider's word that would confirm is a sighting here."""
    strict = versioned("strict", Policy(finals=(Final(NEVER),)))
    store, log_ = SqliteStore(tmp_path / "store.db"), EmbeddedLog(tmp_path / "log.db")
    parts = Parts(
        environment="sandbox",
        settings=ConsumerSettings(wait_s=0.05),
        log=log_,
        store=store,
        partitions=1,
        registry=CollectorRegistry(),
        clock=lambda: NOW_MS,
        owner="us",
        checkpoint=lambda _: None,
        policy=strict,
    )
    await prepared(parts)
    publisher = log_.publisher()
    await publisher.start()
    key, headers, value = event("confirmed").encode()
    await publisher.publish(Message(topics.verified("sandbox"), key, value, headers))
    await publisher.stop()
    app = WorkerApp(parts)
    app.start()
    async with asyncio.timeout(20):
        while not (moves := await store.transitions(PAY_1)):
            await asyncio.sleep(0.01)
    await app.stop()
    assert [(move.after, move.policy) for move in moves] == [(State.PAID, strict.version)]
    await store.close()
    await log_.close()
