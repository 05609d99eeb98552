"""Change a key: plan, edit the lines, judge the whole, write it, and watch it come into force.

Nothing is written unless all of it holds, and whatever is not written is printed, so that it can be
done where the configuration is kept. Result on standard output, messages on standard error.
"""

import difflib
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ingress.keyring import Status
from ingress.settings import SourceSettings
from sealgate.config import Configuration, Reading, examine
from sealgate.keys import candidate, edges, files
from sealgate.keys.change import Expected, Refused
from sealgate.keys.edges import Shown
from sealgate.keys.lines import NotEditable
from sealgate.plain import block, plain

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIGURATION = 78


@dataclass(frozen=True, slots=True)
class Ask:
    """What every change is asked with: the configuration, its surroundings, and how far to go."""

    config: Path
    environ: Mapping[str, str]
    now_ms: int
    admin: Sequence[str] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The source that is changed, and the file in which it stands."""

    configuration: Configuration
    setting: SourceSettings
    file: Path


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one file: what it says now, what it is to say, and what edges will show then.

    `tried` is what is judged: the same, with a new secret under the name that it has until then.
    A revocation is not held up by mistakes that were there before.
    """

    before: bytes
    after: bytes
    tried: bytes
    expected: Expected
    is_revocation: bool = False


class Failed(Exception):
    """A change cannot be made; the message, and the exit code."""

    def __init__(self, message: str, code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.code = code


def target(ask: Ask, slug: str) -> Target:
    """Find a source in the configuration. Raises `Failed`."""
    reading = examine(ask.config, ask.environ)
    configuration = reading.configuration
    for setting in configuration.settings.source:
        if setting.slug == slug:
            return Target(configuration, setting, Path(configuration.files[slug]))
    raise Failed(_absent(reading, slug), EXIT_CONFIGURATION if reading.mistakes else EXIT_USAGE)


def _absent(reading: Reading, slug: str) -> str:
    known = [one.slug for one in reading.configuration.settings.source]
    near = difflib.get_close_matches(slug, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    lines = [str(mistake) for mistake in reading.mistakes]
    return "\n".join([*lines, f"there is no source {slug!r} in {reading.configuration.file}{hint}"])


Watch = Callable[[], int]
"""Waits for the edges, when the turn is over, and returns the exit code."""

Keep = Callable[[], Callable[[], None]]


def run(ask: Ask, slug: str, change: Callable[[Target], Watch]) -> int:
    """Make a change in turn with others, and turn what goes wrong into words and an exit code."""
    try:
        with files.turn(ask.config.parent):
            watch = change(target(ask, slug))
    except Failed as failed:
        return _say(str(failed), failed.code)
    except (Refused, files.NotWritable) as refused:
        return _say(f"nothing was changed: {refused}", EXIT_FAILED)
    except NotEditable as written:
        return _say(f"the file is not written in a way that is edited here; {written}", EXIT_FAILED)
    except OSError as wrong:
        return _say(f"{wrong.filename or ask.config}: {wrong.strerror}", EXIT_FAILED)
    return watch()


def _say(message: str, code: int) -> int:
    print(block(message), file=sys.stderr)
    return code


def write(ask: Ask, at: Target, edit: Edit, keep: Keep | None = None) -> Watch:
    """Judge a change and write it; return what waits for the edges.

    `keep` gives a new secret its name, before the configuration names it, and returns what takes it
    away again. Raises `Failed`.
    """
    is_whole = _judge(ask, at, edit)
    if ask.dry_run:
        print(block(_diff(at.file, edit)), end="")
        return lambda: EXIT_OK
    urls = edges.addresses(at.configuration.settings.admin, ask.admin)
    before = edges.ask_all(urls, at.setting.slug)
    try:
        with ExitStack() as undo:
            files.check_ours(at.file)
            if keep is not None:
                undo.callback(keep())
            files.replace(at.file, edit.before, edit.after)
            undo.pop_all()
    except files.NotWritable as foreign:
        raise Failed(
            f"{foreign}\nnothing was changed; this is what to change:\n\n{_diff(at.file, edit)}",
            EXIT_FAILED,
        ) from None
    print(f"written: {at.file}")
    return lambda: _watch(before, edit.expected, is_whole=is_whole)


def _judge(ask: Ask, at: Target, edit: Edit) -> bool:
    """Refuse a change after which the configuration would not be taken. Raises `Failed`.

    Return whether it is whole then. With mistakes that were there before only a revocation goes on:
    not every mistake keeps a running edge from it, and what is written waits for them to be mended.
    """
    found = candidate.mistakes(ask.config, at.file, edit.tried, ask.environ)
    if not found:
        return True
    new = Counter(found)
    new.subtract(candidate.mistakes(ask.config, at.file, edit.before, ask.environ))
    old = len(found) - sum((+new).values())
    lines = [str(mistake) for mistake in found]
    if edit.is_revocation and old == len(found):
        _say_in_doubt(lines, edit.expected)
        return False
    lines.append("nothing was changed: with these mistakes no edge would take the configuration")
    if old:
        lines.append(
            f"{old} of them were there before: until they are mended, running edges keep the keys"
            " that they have"
        )
    raise Failed("\n".join(lines), EXIT_CONFIGURATION)


def _say_in_doubt(mistakes: Sequence[str], expected: Expected) -> None:
    key = f"key {expected.key_id} of source {expected.slug}"
    print("\n".join(map(plain, mistakes)), file=sys.stderr)
    print(
        f"CAREFUL: these mistakes ({len(mistakes)}) were there before. They do not hold up this"
        " revocation, but an edge takes a configuration whole or not at all: until they are"
        f" mended, running edges may keep what they serve, and {key} may NOT be revoked there"
        " but go on PROVING deliveries",
        file=sys.stderr,
    )


def _diff(file: Path, edit: Edit) -> str:
    before, after = edit.before.decode().splitlines(), edit.after.decode().splitlines()
    lines = difflib.unified_diff(before, after, str(file), str(file), lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _watch(before: edges.Asked, expected: Expected, *, is_whole: bool) -> int:
    """Say when each edge has taken the change; return 1 if one that runs has not.

    While the configuration is not whole, one that was not seen to take it counts as one that has
    not.
    """
    code = _wait(before, expected)
    if is_whole or (code == EXIT_OK and before.shown and not before.silent):
        return code
    print(
        f"key {expected.key_id} of source {expected.slug} is NOT known to be revoked at every"
        " edge: mend the mistakes above, then look at `sealgate keys status"
        f" {expected.slug}` (--admin names each edge's admin port)",
        file=sys.stderr,
    )
    return EXIT_FAILED


def _wait(before: edges.Asked, expected: Expected) -> int:
    if not before.shown:
        for url, reason in before.silent.items():
            print(plain(f"{url}: {reason}"), file=sys.stderr)
        print(
            "no running edge was reached; one that runs reads the change within a second, or on"
            " SIGHUP (name its admin port with --admin to see it)",
            file=sys.stderr,
        )
        return EXIT_OK
    taken = edges.wait(
        before.shown, expected.slug, lambda was, now: is_in_force(expected, was, now)
    )
    for one in taken:
        if one.after_s is not None:
            print(f"in force at {one.url} after {one.after_s:.1f} s")
        else:
            print(
                f"NOT in force at {one.url} after {edges.WAIT_S:.0f} s: does it read this file?"
                f" See {one.url}/readyz?verbose, or send it SIGHUP",
                file=sys.stderr,
            )
    for url, reason in before.silent.items():
        print(plain(f"{url} was not asked: {reason}"), file=sys.stderr)
    return EXIT_OK if all(one.after_s is not None for one in taken) else EXIT_FAILED


def is_in_force(expected: Expected, was: Shown, now: Shown) -> bool:
    """Say whether an edge shows a change; of keys that verify nothing, that it has moved on."""
    if expected.role != "verify":
        return now.generation > was.generation
    key = now.key(expected.slug, expected.key_id)
    if expected.status is Status.REVOKED:
        return expected.slug in now.sources and (key is None or key.status is Status.REVOKED)
    return key is not None and (key.status, key.not_before_ms, key.not_after_ms) == (
        expected.status,
        expected.not_before_ms,
        expected.not_after_ms,
    )
