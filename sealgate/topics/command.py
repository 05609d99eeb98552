"""Run `sealgate topics plan` and `apply`: from a configuration to printed lines, and to changes.

Apply means apply: it asks nothing, can be run again, and then finds nothing to do.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ingress.contract.declaration import DAY_MS, Role
from ingress.eventlog import connect
from ingress.eventlog.kafka_admin import Grant, KafkaAdmin, NoRules
from ingress.eventlog.port import LogUnavailable
from ingress.settings import Mistake
from sealgate import brokers
from sealgate.commands.context import (
    EXIT_CONFIGURATION,
    EXIT_FOUND,
    EXIT_OK,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
)
from sealgate.config import Configuration, examine
from sealgate.logs import access
from sealgate.plain import block, in_json, plain
from sealgate.topics import rights
from sealgate.topics.plan import Plan, Wish, plan
from sealgate.topics.rights import Subscriber


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line."""

    config: Path
    users: Mapping[Role, str]
    subscriber: Subscriber | None = None
    apply: bool = False
    json: bool = False


def run(asked: Asked, environ: Mapping[str, str], now_ms: int, out: TextIO) -> int:
    """Compare, print, and change what is to be changed; return the exit code."""
    reading = examine(asked.config, environ)
    configuration = reading.configuration
    mistakes = [*reading.mistakes, *brokers.faults(configuration, now_ms)]
    if not mistakes and connect.is_file(configuration.settings.log.url):
        return _tell_of_file(asked, out)
    if clash := _clash(asked.subscriber, configuration):
        print(plain(clash), file=sys.stderr)
        return EXIT_USAGE
    admin: KafkaAdmin | None = None
    try:
        log = configuration.settings.log
        admin = connect.administer(log.url, access(log, configuration.base))
    except ValueError as wrong:
        mistakes.append(Mistake("log.url", str(wrong), str(configuration.file)))
    if mistakes or admin is None:
        for mistake in mistakes:
            print(plain(str(mistake)), file=sys.stderr)
        return EXIT_CONFIGURATION
    try:
        return asyncio.run(_run(asked, configuration, admin, out))
    except LogUnavailable as away:
        print(plain(str(away)), file=sys.stderr)
        return EXIT_UNAVAILABLE


def _tell_of_file(asked: Asked, out: TextIO) -> int:
    """Say that the embedded log has nothing to be done: each process makes what it needs."""
    is_named = bool(asked.users or asked.subscriber)
    refused = ("rules for users were asked for, and a file knows none",) if is_named else ()
    planned = Plan(refused=refused)
    if asked.json:
        print(as_json(planned), file=out)
    else:
        print(
            "log.url is a file: topics are made in it at the first start, by themselves", file=out
        )
        print(as_text(planned, is_done=asked.apply), file=out)
    return EXIT_OK if planned.is_empty else EXIT_FOUND


async def _run(asked: Asked, configuration: Configuration, admin: KafkaAdmin, out: TextIO) -> int:
    settings = configuration.settings
    wish = Wish(
        settings.environment,
        settings.log.partitions,
        admin.replication_factor,
        settings.quarantine.days * DAY_MS,
    )
    deployment = rights.Deployment(
        settings.environment,
        _groups(configuration),
        asked.users,
        asked.subscriber,
    )
    found = await admin.found(tuple(wish.kept_ms()))
    grants, refused = await _grants(admin, rights.wanted(deployment))
    planned = plan(wish, found, grants, refused)
    if asked.apply:
        await _apply(admin, planned, wish)
    text = as_json(planned) if asked.json else block(as_text(planned, is_done=asked.apply))
    print(text, file=out)
    is_left = bool(planned.refused) if asked.apply else not planned.is_empty
    return EXIT_FOUND if is_left else EXIT_OK


def _groups(configuration: Configuration) -> frozenset[str]:
    consumer = configuration.settings.consumer
    return frozenset({consumer.group, consumer.alarms_group})


def _clash(subscriber: Subscriber | None, configuration: Configuration) -> str:
    """Say which of our own groups a subscriber would be let into; "" where it is none."""
    ours = subscriber.clashes(_groups(configuration)) if subscriber is not None else []
    if not ours:
        return ""
    return (
        f"--subscriber-group: {', '.join(ours)} is read by our own workers, and who may join it can"
        " take their records: name the subscriber's group otherwise"
    )


async def _grants(
    admin: KafkaAdmin, wanted: Sequence[Grant]
) -> tuple[Sequence[Grant], Sequence[str]]:
    """Return the rules that are missing, and what cannot be done about rules at all."""
    if not wanted:
        return (), ()
    try:
        return rights.missing(wanted, await admin.grants()), ()
    except NoRules as open_to_all:
        return (), (f"rules for users were asked for, and {open_to_all}",)


async def _apply(admin: KafkaAdmin, planned: Plan, wish: Wish) -> None:
    """Topics first: a rule about a topic that is not there yet would hold, but tell nobody."""
    if planned.make:
        await admin.make(planned.make, wish.kept_ms())
    if planned.set:
        await admin.set(planned.set)
    if planned.grant:
        await admin.grant(planned.grant)


def as_text(planned: Plan, *, is_done: bool) -> str:
    """Write a line for each thing, and what it comes to."""
    lines = [*_lines(planned, is_done=is_done)]
    if not lines:
        return "everything is as it should be"
    count = len(lines) - len(planned.refused)
    left = f", {len(planned.refused)} left to you" if planned.refused else ""
    done = "done" if is_done else "to do: sealgate topics apply"
    return "\n".join([*lines, "", f"{count} {done}{left}"])


def _lines(planned: Plan, *, is_done: bool) -> Iterator[str]:
    make, change, grant = ("made", "set", "granted") if is_done else ("make", "set", "grant")
    for name, partitions in planned.make.items():
        yield f"{make:<8} {name}  {partitions} partitions"
    for name, settings in planned.set.items():
        for setting, value in settings.items():
            yield f"{change:<8} {name}  {setting}={value}"
    for one in planned.grant:
        yield f"{grant:<8} {one}"
    for reason in planned.refused:
        yield f"{'refused':<8} {reason}"


def as_json(planned: Plan) -> str:
    """Write the same for a machine."""
    grants = [
        {
            "principal": one.principal,
            "operation": one.operation.name,
            "kind": one.kind.name.lower(),
            "name": one.name,
            "pattern": "prefixed" if one.is_prefix else "literal",
        }
        for one in planned.grant
    ]
    told = {
        "make": dict(planned.make),
        "set": {name: dict(settings) for name, settings in planned.set.items()},
        "grant": grants,
        "refused": list(planned.refused),
    }
    return in_json(told, indent=2)
