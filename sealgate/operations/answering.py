"""Run what an operator asked for on the opened store, and say it as text or as JSON.

A refusal has a code that is the same for ever, so that a script can tell "look again" from "ask a
second person" without reading a sentence.
"""

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from consumers.operating import Occurrence, Order, WrongWords
from consumers.policy import Policy
from consumers.stating import Refused
from consumers.store.port import Fenced, Store
from ingress import telemetry
from sealgate.config import Configuration
from sealgate.exposure.storing import with_store
from sealgate.freezing.banner import banner
from sealgate.operations.asked import Decision
from sealgate.plain import in_json, plain
from sealgate.policies import policy_of

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2

Document = dict[str, Any]
Tell = Callable[[Document], Iterable[str]]


def answer(
    configuration: Configuration,
    ask: Callable[[Store], Awaitable[Document]],
    tell: Tell,
    *,
    as_json: bool,
    writes: bool = False,
) -> int:
    """Ask, and print the answer or why there is none; return the exit code."""

    async def use(store: Store) -> int:
        try:
            told = await ask(store)
        except Refused as refused:
            return refuse(refused, as_json=as_json)
        except Fenced:
            return refuse(Busy("others keep changing it: nothing was written"), as_json=as_json)
        frozen = await banner(store)
        if frozen:
            print(plain(frozen), file=sys.stderr)
        if as_json:
            print(in_json(told, indent=2))
        else:
            print("\n".join(plain(line) for line in tell(told)))
        return EXIT_OK

    return with_store(configuration, use, writes=writes)


class Busy(Refused):
    """Others kept moving what the order is about."""

    code = "try_again"


def refuse(refused: Refused, *, as_json: bool) -> int:
    """Say why nothing was done; return the exit code."""
    if as_json:
        print(in_json({"error": refused.code, "message": str(refused)}))
    else:
        print(f"{refused.code}: {plain(str(refused))}", file=sys.stderr)
    return EXIT_USAGE if isinstance(refused, WrongWords) else EXIT_FAILED


def occurrence(configuration: Configuration, policy: Policy | None = None) -> Occurrence:
    """Take what an order needs from outside: the environment, the clock, and new ids.

    Whoever gives many orders has read the `policy` once.
    """
    known = policy_of(configuration) if policy is None else policy
    return Occurrence(
        environment=configuration.settings.environment,
        mode=configuration.serves.mode,
        at_ms=telemetry.now_ms(),
        correlation_id=telemetry.correlation_id(),
        traceparent=telemetry.traceparent(),
        terms=known.terms,
    )


def head(order: Order, said: Decision, *, is_repeat: bool) -> Document:
    """Begin the answer to an order."""
    return {
        "action": str(order.act),
        "key": order.key,
        "is_repeat": is_repeat,
        "is_dry_run": said.dry_run,
        "is_written": not said.dry_run and not is_repeat,
    }


def last(told: Document) -> str:
    """Say at the end whether it was written."""
    if told["is_dry_run"]:
        return "dry run, nothing was written: leave --dry-run out to do it"
    return f"written: {told['action']}, as {told['key']}"


def columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Write rows under each other, every column as wide as it needs to be."""
    held = list(rows)
    widths = [max(map(len, column)) for column in zip(*held, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in held
    ]


def given(told: Mapping[str, object], *names: str) -> list[str]:
    """Return the texts of those fields that are there."""
    return [str(told[name]) for name in names if told.get(name)]
