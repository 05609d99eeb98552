"""`sealgate audit`: from a configuration to printed lines and an exit code."""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.audit import Audit
from consumers.chainwalk import Anchor, Report
from consumers.store.port import Store
from ingress import telemetry
from sealgate.audit import checkpoints, documents, folder, showing
from sealgate.audit.checkpoints import Checkpoint, Unsound
from sealgate.audit.keeping import Desk
from sealgate.commands.context import (
    EXIT_CONFIGURATION,
    EXIT_FAILED,
    EXIT_FOUND,
    EXIT_OK,
    EXIT_USAGE,
)
from sealgate.config import Configuration
from sealgate.exposure.storing import with_store
from sealgate.plain import in_json, plain

NO_KEY = "audit.key_file names no key: name a file there, and sealgate audit init makes it"


@dataclass(slots=True)
class Checkpoints:
    """What the directory proves: the checkpoints that are sound, and what is wrong there."""

    sound: list[Checkpoint] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def anchors(self) -> list[Anchor]:
        """Return all that they saw."""
        return [anchor for one in self.sound for anchor in anchors(one)]


def init(configuration: Configuration) -> int:
    """Make the key and the directory."""
    settings = configuration.settings.audit
    if settings.key_file is None:
        print(NO_KEY, file=sys.stderr)
        return EXIT_CONFIGURATION
    path, directory = (
        configuration.base / settings.key_file,
        configuration.base / settings.directory,
    )
    try:
        public = folder.make_key(path)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as wrong:
        print(plain(f"{wrong.filename}: {wrong.strerror}"), file=sys.stderr)
        return EXIT_FAILED
    if public is None:
        print(f"{path} is there already, and nothing is written over", file=sys.stderr)
        return EXIT_FAILED
    print(f"key         {path} (for the monitor alone)")
    print(f"public key  {folder.public_path(path)}, fingerprint {checkpoints.fingerprint(public)}")
    print(f"checkpoints {directory}")
    print(
        "Give the public key to whoever will verify, by a way that no attacker of the database has."
    )
    return EXIT_OK


def checkpoint(configuration: Configuration, at_ms: int) -> int:
    """Write a checkpoint now."""
    try:
        desk = Desk.of(configuration)
    except ValueError as wrong:
        print(plain(f"audit.key_file: {wrong}"), file=sys.stderr)
        return EXIT_CONFIGURATION
    if desk is None:
        print(NO_KEY, file=sys.stderr)
        return EXIT_CONFIGURATION

    async def use(store: Store) -> int:
        try:
            path, written, shorter = await desk.write(store, at_ms)
        except (Unsound, OSError) as wrong:
            print(plain(str(wrong)), file=sys.stderr)
            return EXIT_FAILED
        if path is None:
            print("somebody else wrote this checkpoint just now: nothing to do", file=sys.stderr)
            return EXIT_OK
        print(f"{path}: {len(written.chains)} chains, {written.new} new entries")
        for name in shorter:
            print(plain(f"WRONG {name} was longer at the checkpoint before: sealgate audit verify"))
        return EXIT_FOUND if shorter else EXIT_OK

    return with_store(configuration, use)


def show(configuration: Configuration, chain: str, seq: int) -> int:
    """Show the chains, or one entry."""
    if chain and seq < 0:
        print("name the number of the entry, too: sealgate audit show CHAIN SEQ", file=sys.stderr)
        return EXIT_USAGE

    async def use(store: Store) -> int:
        async with store.auditing() as moment:
            if not chain:
                for head in await moment.heads():
                    print(plain(showing.head(head)))
                return EXIT_OK
            async for entry in moment.entries(chain, seq - 1):
                if entry.seq == seq:
                    print(in_json(orjson.loads(entry.content), indent=2))
                    print(f"hash {entry.hash.hex()}")
                    return EXIT_OK
                break
        print(f"there is no entry {seq} of a chain {chain!r}", file=sys.stderr)
        return EXIT_FAILED

    return with_store(configuration, use)


def verify(
    configuration: Configuration, since: Path | None, key: Path | None, *, as_json: bool = False
) -> int:
    """Verify the chains, against checkpoints where there are some."""
    try:
        public = public_key(configuration, key)
        begin = None if since is None else _begin(configuration, since, public)
        found = read_checkpoints(configuration, public)
    except (ValueError, OSError) as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_CONFIGURATION

    async def use(store: Store) -> int:
        environment = configuration.settings.environment
        report = await audit(store, environment, found, begin)
        if as_json:
            at_ms = telemetry.now_ms()
            told = documents.verified(
                report, found.sound, found.problems, begin, environment, at_ms
            )
            print(in_json(told, indent=2))
        else:
            _print(report, found, begin)
        return EXIT_FOUND if report.problems or found.problems else EXIT_OK

    return with_store(configuration, use)


async def audit(
    store: Store,
    environment: str,
    found: Checkpoints,
    begin: Checkpoint | None = None,
    watch: Callable[[Report], Awaitable[None]] | None = None,
) -> Report:
    """Hash every chain again and hold the tables against them, as of one moment.

    `watch` is told every few milliseconds how far it is. Raises `StoreUnavailable`.
    """
    behind = {} if begin is None else {one.chain: one for one in anchors(begin)}
    report = Report()

    async def pace() -> None:
        if watch is not None:
            await watch(report)

    async with store.auditing() as moment:
        return await Audit(
            moment,
            environment,
            os.urandom(16),
            found.anchors(),
            behind,
            pace=pace,
            report=report,
        ).run()


def anchors(one: Checkpoint) -> list[Anchor]:
    """Return what a checkpoint saw."""
    by = f"checkpoint {one.number} of {showing.instant(one.at_ms)}"
    return [Anchor(by, seen.chain, seen.seq, seen.hash) for seen in one.chains]


def chained(kept: Sequence[folder.Kept], public: Ed25519PublicKey, environment: str) -> Checkpoints:
    """Hold checkpoints against their signatures and against each other."""
    found = Checkpoints()
    before: bytes | None = None
    expected = kept[0].number if kept else 1
    if expected != 1:
        found.problems.append(f"checkpoints 1 to {expected - 1} are not there")
    for number, path, content in kept:
        if number != expected:
            found.problems.append(f"checkpoint {expected} is not there")
            before = None
        expected = number + 1
        try:
            one = checkpoints.read(content, public)
        except Unsound as wrong:
            found.problems.append(f"{path.name}: {wrong}")
        else:
            wrong_link = before is not None and one.before != checkpoints.digest_of(before)
            if one.number != number or one.environment != environment:
                found.problems.append(
                    f"{path.name}: it is checkpoint {one.number} of environment {one.environment}"
                )
            elif wrong_link:
                found.problems.append(f"{path.name}: it does not follow the one before it")
            else:
                found.sound.append(one)
        before = content
    return found


def public_key(configuration: Configuration, key: Path | None = None) -> Ed25519PublicKey | None:
    """Find the key that checkpoints are held against. Raises `ValueError`."""
    if key is not None:
        return folder.public_key(Path.cwd(), key)
    named = configuration.settings.audit.key_file
    if named is None:
        return None
    return folder.public_key(configuration.base, folder.public_path(configuration.base / named))


def _begin(
    configuration: Configuration, since: Path, public: Ed25519PublicKey | None
) -> Checkpoint:
    """Read the checkpoint to begin behind. Raises `ValueError`, `OSError`."""
    if public is None:
        raise ValueError(f"--from needs the key that signed it: --key FILE, or {NO_KEY}")
    try:
        one = checkpoints.read(folder.read(since), public)
    except Unsound as wrong:
        raise ValueError(f"{since}: {wrong}") from None
    if one.environment != configuration.settings.environment:
        raise ValueError(f"{since} is of environment {one.environment}")
    return one


def read_checkpoints(configuration: Configuration, public: Ed25519PublicKey | None) -> Checkpoints:
    """Read the directory, and hold it against the key; nothing without one. Raises `OSError`."""
    settings = configuration.settings
    if public is None:
        return Checkpoints()
    kept = list(folder.kept(configuration.base / settings.audit.directory))
    return chained(kept, public, settings.environment)


def _print(report: Report, found: Checkpoints, begin: Checkpoint | None) -> None:
    for line in showing.report(report, found.sound, found.problems, begin):
        print(plain(line))
    if not found.sound:
        print(
            "remark: there is no checkpoint: whoever may write the database could have written all"
            " of this anew; see docs/audit.md"
        )
