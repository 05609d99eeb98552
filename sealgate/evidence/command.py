"""`sealgate evidence`: attack a throw-away gateway, ask the real one, print, keep, write down.

The self-test comes first: it needs no database, and a gateway of this version that fails it needs
no further proof. Then the log and the database are read, beside whatever runs.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from consumers.stating import Refused
from consumers.store.port import Store
from ingress import telemetry
from ingress.eventlog.port import AccessRefused, LogUnavailable
from sealgate import mappings
from sealgate.building import PROFILES
from sealgate.catalogue.entries import find
from sealgate.commands.context import (
    EXIT_FAILED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
)
from sealgate.config import Configuration
from sealgate.entering import Order, enter, order_of
from sealgate.evidence import paper, recording, records
from sealgate.evidence.claims import Finding
from sealgate.evidence.ground import SelfTestFailed
from sealgate.evidence.place import said
from sealgate.evidence.records import Asked as AskedOfRecords
from sealgate.evidence.rehearsal import rehearse
from sealgate.evidence.report import Gateway, Named, Report, digest
from sealgate.evidence.told import Told
from sealgate.exposure.storing import with_store
from sealgate.logs import open_log
from sealgate.operations.answering import occurrence, refuse
from sealgate.plain import plain
from sealgate.policies import policy_of

NOT_KEPT = (
    "--record keeps the digest of a report that must then be kept, too: say --output DIRECTORY, or"
    " --json and where it goes"
)
NOTHING_TOLD = Told()
NO_SELF_TEST = "the self-test was left out (--no-self-test): its claims are not proven"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line."""

    self_test: bool = True
    output: Path | None = None
    json: bool = False
    told: Told = NOTHING_TOLD


def run(configuration: Configuration, asked: Asked) -> int:
    """Print the report; return the exit code."""
    if wrong := _wrong(configuration, asked):
        return wrong
    try:
        return _prove(configuration, asked)
    finally:
        if asked.output is not None:
            # Of a run that wrote no report nothing stays, so that it can be typed again.
            with suppress(OSError):
                asked.output.rmdir()


def _prove(configuration: Configuration, asked: Asked) -> int:
    """Attack, ask, print and keep; return the exit code."""
    try:
        found, limits = ([], [NO_SELF_TEST]) if not asked.self_test else rehearse(configuration)
    except SelfTestFailed as failed:
        print(plain(f"the self-test could not be played: {failed}"), file=sys.stderr)
        return EXIT_FAILED
    telemetry.configure("console", "warning")

    async def use(store: Store) -> int:
        try:
            of_records = await _look(configuration, store)
        except (LogUnavailable, AccessRefused, OSError) as away:
            print(plain(f"the log is not available: {away}"), file=sys.stderr)
            return EXIT_UNAVAILABLE
        report = Report(
            gateway(configuration),
            telemetry.now_ms(),
            [*of_records, *found],
            [*records.LIMITS, *limits],
        )
        try:
            _keep(report, asked)
        except BrokenPipeError:
            raise
        except OSError as wrong:
            print(f"the report could not be kept: {said(wrong)}", file=sys.stderr)
            return EXIT_FAILED
        return await _record(configuration, store, report, asked.told) or report.exit_code

    return with_store(configuration, use, writes=asked.told.record)


def _wrong(configuration: Configuration, asked: Asked) -> int:
    """Say what was asked for wrongly, before minutes are spent; return the exit code, or 0."""
    if asked.told.record:
        if not (asked.json or asked.output):
            print(NOT_KEPT, file=sys.stderr)
            return EXIT_USAGE
        try:
            _order(asked.told, configuration)
        except Refused as refused:
            return refuse(refused, as_json=False)
    if asked.output is not None:
        try:
            asked.output.mkdir(mode=0o700, parents=True)
        except OSError as wrong:
            print(f"{asked.output}: {wrong.strerror}; name a new directory", file=sys.stderr)
            return EXIT_FAILED
    return 0


async def _look(configuration: Configuration, store: Store) -> Sequence[Finding]:
    """Ask the real log and database. Raises `LogUnavailable`, `StoreUnavailable`."""
    asked = AskedOfRecords(
        configuration, policy_of(configuration), signing(configuration), _version(), _say
    )
    log = open_log(configuration)
    try:
        return await records.findings(asked, store, log)
    finally:
        await log.close()


def _say(line: str) -> None:
    """Tell whoever waits how far it is; the report alone goes to standard output."""
    print(line, file=sys.stderr, flush=True)


def signing(configuration: Configuration) -> list[str]:
    """Return the slugs of the sources whose provider signs."""
    own = configuration.base / PROFILES
    found = []
    for source in configuration.settings.source:
        profile = find(source.provider, dict(source.parameters), own if own.is_dir() else None)
        if profile.profile.is_signed:
            found.append(source.slug)
    return found


def gateway(configuration: Configuration) -> Gateway:
    """Say which gateway it is: by names, versions and digests, and no secret."""
    environment, mode = configuration.serves
    tables = mappings.in_force(configuration).tables
    providers = sorted({source.provider for source in configuration.settings.source})
    settings = configuration.settings.model_dump(mode="json")
    return Gateway(
        environment=environment,
        mode=mode.value,
        version=_version(),
        configuration=digest(json.dumps(settings, sort_keys=True).encode()),
        policy=policy_of(configuration).version,
        mappings=[table.name for name in providers for table in tables.get(name, ())],
        keys=[
            Named(source.slug, source.provider, key.id, key.status.value)
            for source in configuration.settings.source
            for key in source.key
        ],
    )


def _version() -> str:
    return metadata.version("sealgate")


def _keep(report: Report, asked: Asked) -> None:
    """Print the report, and write it where it is to be kept."""
    content = report.json()
    text = paper.markdown(report.document(), digest(content))
    if asked.output is not None:
        (asked.output / "evidence.json").write_bytes(content)
        (asked.output / "evidence.md").write_text(text, "utf-8")
    print(content.decode() if asked.json else text, end="")


def _order(told: Told, configuration: Configuration) -> Order:
    """Read who has it written down. Raises `Refused`."""
    return order_of(told.by, told.role, told.note, told.key, configuration)


async def _record(configuration: Configuration, store: Store, report: Report, told: Told) -> int:
    """Write the digest into the audit log, if that was said; return the exit code, or 0."""
    if not told.record:
        return 0
    kept = recording.given(report)
    try:
        order = _order(told, configuration)
        is_new = await enter(store, kept.entry, order, occurrence(configuration))
    except Refused as refused:
        return refuse(refused, as_json=False)
    how = "written" if is_new else "written before"
    print(f"{how} in the audit log, as {order.key}: {kept.evidence}", file=sys.stderr)
    return 0
