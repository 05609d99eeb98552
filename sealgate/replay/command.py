"""Run `sealgate replay`: from a person's words to what differs, or to what was written.

Without `--apply` the database is only looked at, and the log only read. With it the same is done
under the workers' locks; what is written is what is found then.
"""

import difflib
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import NamedTuple

from consumers.actions import Reason, Role
from consumers.interpret import assets
from consumers.reading import Reader
from consumers.refusals import Unknown, WrongWords
from consumers.replaying import Order, Outside, Replayer, check
from consumers.stating import Refused
from consumers.store.port import PaymentKey, Store
from ingress import telemetry
from ingress.contract import topics
from ingress.eventlog.port import EventLog, LogUnavailable, PositionLost
from sealgate.config import Configuration
from sealgate.exposure import addresses
from sealgate.exposure.addresses import Unclear
from sealgate.exposure.command import addresses_of
from sealgate.exposure.marking import accounts
from sealgate.exposure.storing import EXIT_UNAVAILABLE, with_store
from sealgate.logs import open_log
from sealgate.mappings import in_force
from sealgate.operations import words
from sealgate.operations.answering import refuse
from sealgate.plain import plain
from sealgate.policies import policy_of
from sealgate.replay import showing
from sealgate.replay.asked import Asked
from sealgate.replay.candidate import CandidateWrong, interpreters
from sealgate.replay.choosing import Choice, verdicts
from sealgate.replay.conduct import Conductor, Shown, Tally
from sealgate.replay.spans import Ground, Span, spans

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_FOUND = 3


class _Means(NamedTuple):
    """What is worked with, and for whom."""

    configuration: Configuration
    asked: Asked
    order: Order | None
    reader: Reader


def run(configuration: Configuration, asked: Asked) -> int:
    """Show what differs, or write it; return the exit code."""
    try:
        means = _means(configuration, asked)
    except Refused as refused:
        return refuse(refused, as_json=asked.json)
    except CandidateWrong as wrong:
        return refuse(WrongWords(str(wrong)), as_json=asked.json)

    async def use(store: Store) -> int:
        log = open_log(configuration)
        try:
            return await _answered(means, store, log)
        finally:
            await log.close()

    return with_store(configuration, use, writes=asked.apply)


def _means(configuration: Configuration, asked: Asked) -> _Means:
    """Look at everything that needs no database. Raises `Refused`, `CandidateWrong`."""
    _check(asked)
    order = _order(asked) if asked.apply else None
    if order is not None:
        words.check_people(order, configuration.settings.operators.people)
        check(order, configuration.serves.mode)
    policy = policy_of(configuration)
    tables = interpreters(in_force(configuration), asked.mapping, policy)
    reader = Reader(configuration.settings.environment, configuration.serves.mode, tables)
    return _Means(configuration, asked, order, reader)


async def _answered(means: _Means, store: Store, log: EventLog) -> int:
    """Replay, or say why not; return the exit code."""
    try:
        return await _replay(means, store, log)
    except Refused as refused:
        return refuse(refused, as_json=means.asked.json)
    except ValueError as wrong:
        return refuse(WrongWords(str(wrong)), as_json=means.asked.json)
    except LogUnavailable as away:
        print(plain(f"the log is not available: {away}"), file=sys.stderr)
        return EXIT_UNAVAILABLE
    except PositionLost as lost:
        print(plain(f"the log forgot what was being read, begin again: {lost}"), file=sys.stderr)
        return EXIT_FAILED


def _check(asked: Asked) -> None:
    """Refuse words that do not go together. Raises `WrongWords`."""
    if asked.apply and asked.dry_run:
        raise WrongWords("--apply writes, and --dry-run does not: say one of them")
    if asked.apply and asked.mapping is not None:
        raise WrongWords(
            "--mapping is to look with: what is written is read by the mappings in force, as every"
            " worker reads. Put the candidate where [consumer] mappings says, restart the workers,"
            " and replay without --mapping"
        )
    if asked.dead_letters and (asked.from_ or asked.to):
        raise WrongWords("--dead-letters are not read from the log: leave --from and --to out")
    if not (asked.from_ or asked.payment or asked.event or asked.dead_letters):
        raise WrongWords(
            "say what to read again: --from beginning, --from an instant or topic/partition/offset,"
            " --payment, --event or --dead-letters"
        )


def _order(asked: Asked) -> Order:
    """Read who orders it. Raises `Refused`."""
    role = next((one for one in Role if one == asked.role.strip().lower()), None)
    reason = next((one for one in Reason if one == asked.reason.strip().lower()), None)
    if role is None:
        raise WrongWords(f"--role: one of {', '.join(Role)}")
    if reason is None:
        raise WrongWords("--reason: cause_mended, incident, provider_confirmed or provider_fault")
    filters = ("from_", "to", "source", "provider", "payment", "event", "verdict", "dead_letters")
    told = {name.rstrip("_"): one for name, one in asdict(asked).items() if name in filters and one}
    detail = json.dumps(told, sort_keys=True)
    return Order(asked.by, role, reason, asked.note, asked.key, asked.approved_by, detail)


async def _replay(means: _Means, store: Store, log: EventLog) -> int:
    """Find what is asked for, and conduct it. Raises `Refused`, `ValueError`, `LogUnavailable`."""
    configuration, asked = means.configuration, means.asked
    settings = configuration.settings
    choice = await _choice(configuration, asked, store)
    found: list[Span] = []
    if not asked.dead_letters:
        read = await store.positions(settings.consumer.group)
        ground = Ground(log, topics.verified(settings.environment), read)
        found = list(await spans(ground, asked.from_, asked.to))
    outside = Outside(
        settings.environment,
        configuration.serves.mode,
        telemetry.now_ms,
        telemetry.traceparent,
        telemetry.correlation_id(),
    )
    replayer = Replayer(store, outside, means.reader.interpreters.policy, means.order)
    show = _show(means)
    conductor = Conductor(
        replayer, means.reader, log, choice, found, show, writes=means.order is not None
    )
    tally = await _conduct(conductor, asked, choice)
    told = showing.total(tally, found, is_written=means.order is not None)
    _say([showing.as_line(told)] if asked.json else showing.total_lines(told))
    if tally.trouble:
        return EXIT_FAILED
    return EXIT_FOUND if tally.payments and means.order is None else EXIT_OK


async def _conduct(conductor: Conductor, asked: Asked, choice: Choice) -> Tally:
    if asked.dead_letters:
        return await conductor.run_letters()
    if choice.payment is not None:
        return await conductor.run_payment(choice.payment)
    return await conductor.run()


async def _choice(configuration: Configuration, asked: Asked, store: Store) -> Choice:
    """Read the filters. Raises `Refused`."""
    event = payment = None
    if asked.payment:
        payment = await _payment(store, asked.payment, configuration)
    if asked.event:
        try:
            recorded = await addresses.find(store, asked.event, accounts(configuration))
        except Unclear as unclear:
            raise Unknown(str(unclear)) from unclear
        event = recorded.event.key
        about = recorded.event.reference
        payment = PaymentKey(event.provider, event.account, about) if about else payment
    sources = _sources(configuration, asked.source)
    return Choice(sources, asked.provider, payment, event, verdicts(asked.verdict))


def _sources(configuration: Configuration, source: str) -> frozenset[str]:
    """Return what a source is called in events. Raises `WrongWords` for one that there is not."""
    slugs = [one.slug for one in configuration.settings.source]
    if source and source not in slugs and ":" not in source:
        near = difflib.get_close_matches(source, slugs, n=1)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(slugs) or 'none'}."
        raise WrongWords(
            f"--source: there is no source {source}; {known} One that was taken out of the"
            " configuration is named by the URI that its events have"
        )
    return addresses_of(configuration, source) if source else frozenset()


async def _payment(store: Store, text: str, configuration: Configuration) -> PaymentKey:
    """Find a payment, also one of which there are only events that nobody could read."""
    whole = addresses.read(text)
    known = sorted(set(accounts(configuration)))
    keys = [PaymentKey(*whole)] if whole else [PaymentKey(*one, text) for one in known]
    found = [key for key in keys if await store.events(key)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(map(addresses.write, found))
        raise Unknown(f"{text} stands for {len(found)} payments; say which: {listed}")
    raise Unknown(f"{text}: no event names such a payment; say provider/account/reference")


def _show(means: _Means) -> Callable[[Shown], None]:
    """Return what prints each payment as soon as it is known."""
    policy, decimals = means.reader.interpreters.policy, assets.load().decimals

    def show(shown: Shown) -> None:
        told = showing.document(shown, policy, decimals)
        _say([showing.as_line(told)] if means.asked.json else [*showing.lines(told), ""])

    return show


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(plain(line), flush=True)
