"""Compare what came of the gallery with what was written down for it. Pure.

Every difference is one sentence that names the scenario, what was expected and what was found.
None at all is the only success: totals are compared too, so that what nobody expected is found as
surely as what is missing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from sealgate.demo.observe import Observed, total
from sealgate.demo.play import Played
from sealgate.demo.scenario import SOURCES, Expected, Step

Where = tuple[str, ...]

_FIRST_KEY = {source.slug: source.key_ids[0] for source in SOURCES}


def mismatches(played: Sequence[Played], observed: Observed) -> list[str]:
    """Name everything that is not exactly as expected."""
    found = [line for one in played for line in _statuses(one)]
    found += [line for one in played for line in _payment(one, observed)]
    found += _strangers(played, observed)
    found += _exceptions(played, observed)
    found += _metrics(played, observed)
    return found


def _statuses(played: Played) -> Iterator[str]:
    """Compare every attempt's answer."""
    for step, attempts in zip(played.scenario.steps, played.attempts, strict=True):
        place = f"{played.scenario.title}: {step.event}"
        if len(attempts) != len(step.expect):
            yield f"{place}: {len(step.expect)} attempts expected, {len(attempts)} made"
        for expected, attempt in zip(step.expect, attempts, strict=False):
            if attempt.status != expected.status:
                answered = attempt.trouble or attempt.status
                yield f"{place}: status {expected.status} expected, got {answered}"
            elif not attempt.correlation_id:
                yield f"{place}: the answer carries no correlation id"


def _payment(played: Played, observed: Observed) -> Iterator[str]:
    """Compare the payment: its state, its transitions and the notices heard of them."""
    scenario, key = played.scenario, played.payment
    expected = list(scenario.moves)
    moves = list(observed.moves.get(key, ()))
    if moves != expected:
        yield f"{scenario.title}: transitions {_path(expected)} expected, found {_path(moves)}"
    payment = observed.payments.get(key)
    state = "no payment" if payment is None else payment.state.value
    wanted = expected[-1].after.value if expected else "no payment"
    if state != wanted:
        yield f"{scenario.title}: {wanted} expected, found {state}"
    heard = [(notice.version, notice.after.value) for notice in observed.heard.get(key, ())]
    told = [(number, move.after.value) for number, move in enumerate(expected, start=1)]
    if heard != told:
        yield f"{scenario.title}: notices {told} expected, heard {heard}"


def _strangers(played: Sequence[Played], observed: Observed) -> Iterator[str]:
    """Find payments that no scenario is about."""
    known = {one.payment for one in played}
    for key in sorted((observed.payments.keys() | observed.heard.keys()) - known):
        yield f"a payment that nobody made: {'/'.join(key)}"


def _exceptions(played: Sequence[Played], observed: Observed) -> Iterator[str]:
    """Compare the open exceptions, by code."""
    expected: Counter[Where] = Counter(
        (code.value,) for one in played for code in one.scenario.exceptions
    )
    open_items: Counter[Where] = Counter((item.anomaly.code,) for item in observed.exceptions)
    yield from _differences("open exceptions", expected, open_items)
    shown = total(observed.metrics, "sealgate_exceptions_open", "code")
    yield from _differences("sealgate_exceptions_open", expected, shown)


def _metrics(played: Sequence[Played], observed: Observed) -> Iterator[str]:
    """Compare the counters and gauges that the gallery moves, each with its own list."""
    outcomes = [(one, step, expected) for one in played for step, expected in _each(one)]
    failures: Counter[Where] = Counter(
        (one.scenario.source, expected.reason.value)
        for one, _, expected in outcomes
        if expected.reason is not None
    )
    verdicts: Counter[Where] = Counter(
        (expected.verdict.value,) for _, _, expected in outcomes if expected.verdict is not None
    )
    verified: Counter[Where] = Counter(
        (one.scenario.source, step.key or _FIRST_KEY[one.scenario.source])
        for one, step, expected in outcomes
        if expected.verdict is not None
    )
    stuck: Counter[Where] = Counter(
        (one.scenario.provider, one.scenario.moves[-1].after.value)
        for one in played
        if one.scenario.stuck
    )
    metrics = observed.metrics
    name = "sealgate_verification_failures_total"
    yield from _differences(name, failures, total(metrics, name, "source", "reason"))
    name = "sealgate_consumer_records_total"
    yield from _differences(name, verdicts, total(metrics, name, "verdict"))
    name = "sealgate_payments_stuck"
    yield from _differences(name, stuck, total(metrics, name, "provider", "state"))
    name = "sealgate_verified_total"
    yield from _differences(name, verified, total(metrics, name, "source", "key_id"))


def _each(played: Played) -> Iterator[tuple[Step, Expected]]:
    for step in played.scenario.steps:
        for expected in step.expect:
            yield step, expected


def _differences(what: str, expected: Counter[Where], found: Counter[Where]) -> Iterator[str]:
    for where in sorted(expected.keys() | found.keys()):
        wanted, got = expected[where], found[where]
        if wanted != got:
            yield f"{what} {' '.join(where)}: {wanted} expected, found {got}"


def _path(moves: Sequence[tuple[object, str]]) -> str:
    return " -> ".join(f"{after} ({word})" for after, word in moves) or "none"
