"""`sealgate payments expect`: announce a payment, or many from a merchant's backend.

One announcement is typed as flags; a stream of them is read from standard input, one JSON object a
line with the same names, and answered line by line. Either way each is claimed once, so a backend
that is not sure sends it again.
"""

import io
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from consumers.announcing import Announced, command
from consumers.facts import NETWORK_MARK
from consumers.interpret import assets
from consumers.interpret.assets import Assets
from consumers.refusals import WrongWords
from consumers.stating import Desk, Refused, revision
from consumers.store.port import Fenced, PaymentKey, Store
from ingress import telemetry
from ingress.contract import cloudevents
from sealgate.config import Configuration
from sealgate.exposure import addresses
from sealgate.exposure.storing import with_store
from sealgate.operations import objects
from sealgate.operations.answering import (
    EXIT_FAILED,
    EXIT_OK,
    Document,
    answer,
    occurrence,
    refuse,
)
from sealgate.operations.words import money
from sealgate.plain import in_json
from sealgate.policies import policy_of

FORMAT = "sealgate.payment-expected/1"
STDIN = "-"
LINE_CHARS_MAX = 16_384


class Wanted(NamedTuple):
    """One announcement, as typed: every word is a text, and empty where it is not told."""

    reference: str
    source: str = ""
    asset: str = ""
    amount: str = ""
    expires: str = ""
    network: str = ""
    address: str = ""
    memo: str = ""
    key: str = ""


def expect(configuration: Configuration, wanted: Wanted, *, dry_run: bool, as_json: bool) -> int:
    """Announce one payment, or those of standard input; return the exit code."""
    if wanted.reference == STDIN:
        if isinstance(sys.stdin, io.TextIOWrapper):
            # A line that is not UTF-8 is refused by itself; the others go on.
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        return _stream(configuration, wanted, sys.stdin, dry_run=dry_run)
    registry = assets.load()
    try:
        told = read(configuration, wanted, registry)
    except Refused as refused:
        return refuse(refused, as_json=as_json)

    async def ask(store: Store) -> Document:
        return await announce(store, configuration, told, dry_run=dry_run)

    return answer(configuration, ask, _lines, as_json=as_json, writes=True)


async def announce(
    store: Store, configuration: Configuration, told: Announced, *, dry_run: bool = False
) -> Document:
    """Announce one payment, once. Raises `Refused`."""
    desk = Desk(store, policy_of(configuration), telemetry.now_ms)
    done = await desk.do(command(told, occurrence(configuration)), dry_run=dry_run)
    after = await store.payment(told.payment) if done.stated is None else done.stated.after
    parked = None if done.stated is None else done.stated.before.kept
    return {
        "format": FORMAT,
        "payment": addresses.write(told.payment),
        "is_repeat": done.is_repeat,
        "is_dry_run": dry_run,
        "is_written": not done.is_repeat and not dry_run,
        "was_parked": parked is not None,
        "state": None if after is None else after.state.value,
        "version": None if after is None else revision(after),
    }


def read(configuration: Configuration, wanted: Wanted, registry: Assets) -> Announced:
    """Read what was typed. Raises `Refused`."""
    sources = {one.slug: one for one in configuration.settings.source}
    source = sources.get(wanted.source)
    if source is None:
        known = ", ".join(sorted(sources)) or "none"
        raise WrongWords(f"source: one of this configuration's, which are {known}")
    asset, amount = "", None
    if wanted.asset:
        whole = f"{wanted.asset}{NETWORK_MARK}{wanted.network}" if wanted.network else wanted.asset
        asset, amount = money(wanted.amount or "0", whole, registry)
    elif wanted.amount or wanted.network:
        raise WrongWords("asset: say of which asset the amount or the network is")
    return Announced(
        payment=PaymentKey(source.provider, source.account, wanted.reference),
        asset=asset,
        amount=amount if wanted.amount else None,
        expires_ms=_instant(wanted.expires),
        address=wanted.address,
        memo=wanted.memo,
        key=wanted.key,
    )


def _instant(text: str) -> int | None:
    """Read the end of a window. A length of time would be another one at each repetition."""
    if not text:
        return None
    try:
        return cloudevents.timestamp_ms(text)
    except (ValueError, OverflowError):
        raise WrongWords("expires: an instant of RFC 3339, such as 2026-11-23T12:00:00Z") from None


def _stream(
    configuration: Configuration, common: Wanted, lines: Iterable[str], *, dry_run: bool
) -> int:
    """Announce what each line says; what is refused is told, and the others go on."""
    registry = assets.load()

    async def use(store: Store) -> int:
        is_refused = False
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                told = read(configuration, _wanted(line, common), registry)
                said = await announce(store, configuration, told, dry_run=dry_run)
            except Refused as refused:
                is_refused = True
                said = {"error": refused.code, "message": str(refused)}
            except Fenced:
                is_refused = True
                said = {"error": "try_again", "message": "others keep changing it: send it again"}
            print(in_json({"line": number, **said}), flush=True)
        return EXIT_FAILED if is_refused else EXIT_OK

    return with_store(configuration, use, writes=True)


def _wanted(line: str, common: Wanted) -> Wanted:
    """Read one line; what it leaves out is what the flags said. Raises `WrongWords`."""
    if len(line) > LINE_CHARS_MAX:
        raise WrongWords(f"a line is not longer than {LINE_CHARS_MAX} characters")
    told = objects.texts(line)
    unknown = sorted(told.keys() - set(Wanted._fields))
    if unknown or not told.get("reference"):
        names = ", ".join(Wanted._fields)
        raise WrongWords(f"a line has a reference, and of these names no others: {names}")
    return common._replace(**told)


def _lines(told: Document) -> Iterator[str]:
    yield f"payment {told['payment']}"
    if told["is_repeat"]:
        yield f"  {told['state']}: it was announced before, and nothing was written"
        return
    if told["was_parked"]:
        yield "  what was parked counts now"
    yield f"  {told['state']}, version {told['version']}"
    yield "dry run, nothing was written" if told["is_dry_run"] else "written: it is announced"
