"""`sealgate keys`: list, status, add, retire, revoke.

The flags flow in; words go to standard output, messages to standard error, and the exit code says
how it went. A secret comes from a file or from standard input, never from a flag: the arguments of
a process are everybody's to read.
"""

import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ingress.keyring import Status, secret_from_file_bytes
from ingress.providers import Profile, find
from ingress.secretfiles import SECRET_BYTES_MAX
from ingress.settings import ConfigurationInvalid, SourceSettings
from sealgate.building import PROFILES, build_sources
from sealgate.config import Configuration
from sealgate.keys import account, change, edges, files, instants, lines, listing, safety, uses
from sealgate.keys.change import New
from sealgate.keys.edit import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    Ask,
    Edit,
    Failed,
    Target,
    Watch,
    run,
    write,
)
from sealgate.plain import block, plain

_SECRETS = Path("secrets")
"""Where the first key of a first source goes, as in the sample."""

_BEFORE_REVOKING = """\
revoking key {key} of source {source} takes effect at once: whatever is signed with it is refused
from then on, retries of earlier deliveries too, and kept in the quarantine if that is enabled. It
is not to be undone: whoever has the key may use it.
{last}Before:  sealgate keys status {source}             (which key does the provider use now?)
Then:    sealgate keys revoke {source} {key} --now
After:   sealgate keys exposure {source} {key}     (what was accepted with it)
         sealgate quarantine reverify --source {source}   (what was refused, by today's keys)
"""
_LAST = """\
It is the only usable key: EVERYTHING that comes for this source will be refused until another key
is there, and can be verified again later only from the quarantine.
"""


class _Given(NamedTuple):
    """A secret as its owner gave it; `mode` is that of its file, 0 of standard input."""

    content: bytes
    mode: int = 0


def show(
    configuration: Configuration,
    render: Callable[[Sequence[account.SourceAccount], uses.Known, int], str],
    admin: Sequence[str],
    now_ms: int,
    slug: str = "",
) -> int:
    """Print the account of all keys, or of one source's."""
    sources = build_sources(configuration)
    if slug and slug not in sources:
        print(plain(f"there is no source {slug!r} in {configuration.file}"), file=sys.stderr)
        return EXIT_USAGE
    urls = edges.addresses(configuration.settings.admin, admin)
    known = uses.gather(configuration, urls, now_ms, slug)
    accounts = account.account(configuration, sources, known, now_ms)
    print(block(render(account.selected(accounts, slug), known, now_ms)))
    return EXIT_OK


def as_table(accounts: Sequence[account.SourceAccount], known: uses.Known, now_ms: int) -> str:
    """Say it as `sealgate keys list` does."""
    return listing.as_table(accounts, known, now_ms)


def add(ask: Ask, slug: str, words: Mapping[str, str], secret_file: Path) -> int:
    """Add a key in front of the others, with a new file for its secret."""
    try:
        new = New(
            words["id"],
            Status(words["status"]),
            _moment(words["not_before"]),
            _moment(words["not_after"]),
            words["role"],
            words["kid"],
        )
        given = _given(secret_file)
    except ValueError as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_USAGE

    def change_it(at: Target) -> Watch:
        if given.mode & stat.S_IROTH and _is_secret(at, new, given.content):
            print(
                f"careful: everybody on this machine can read {secret_file} (mode"
                f" {given.mode & 0o7777:04o}); the copy is closed to them, the file is not: remove"
                " it",
                file=sys.stderr,
            )
        return _add(ask, at, new, given.content)

    return run(ask, slug, change_it)


def retire(ask: Ask, slug: str, key_id: str, not_after: str) -> int:
    """Let a key prove deliveries until an instant, and sign nothing of ours any more."""
    try:
        until = _moment(not_after)
    except ValueError as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_USAGE
    return run(ask, slug, lambda at: _retire(ask, at, key_id, until))


def revoke(ask: Ask, slug: str, key_id: str, *, now: bool) -> int:
    """Let a key prove nothing any more; without `now`, say what that would do."""
    return run(ask, slug, lambda at: _revoke(ask, at, key_id, now=now))


def _add(ask: Ask, at: Target, new: New, secret: bytes) -> Watch:
    base = at.configuration.base
    name = _directory(at) / f"{at.setting.slug}-{new.id}"
    table = change.added(at.setting, new, name)
    before = at.file.read_bytes()
    after = lines.add_key(before.decode(), at.setting.slug, table)
    if (base / name).exists():
        raise Failed(f"{base / name} is there already, and nothing is written over", EXIT_FAILED)
    beside = next((base / key.file for key in at.setting.key if (base / key.file).is_file()), None)
    try:
        with files.draft((base / name).parent, secret, beside) as drafted:
            tried = lines.add_key(
                before.decode(), at.setting.slug, table | {"file": str(drafted.resolve())}
            )
            edit = Edit(
                before,
                after.encode(),
                tried.encode(),
                change.expected(at.setting, new.id, table),
            )
            return write(ask, at, edit, lambda: files.keep(drafted, base / name))
    except files.NotWritable as foreign:
        added = "\n".join(f"{key} = {lines.shown(value)}" for key, value in table.items())
        raise Failed(
            f"{foreign}\nnothing was changed: put the secret into {base / name}, and into source"
            f" {at.setting.slug!r}, above its other keys:\n\n[[source.key]]\n{added}",
            EXIT_FAILED,
        ) from None


def _retire(ask: Ask, at: Target, key_id: str, until: datetime | None) -> Watch:
    profile = _profile(at)
    says = profile.declaration
    silent_s = safety.horizon_s(says.answers.retry_horizon_s)
    if until is None:
        until = instants.after(ask.now_ms, silent_s)
        # A window that closes earlier is not prolonged by the way.
        until = min(until, change.find(at.setting, key_id).not_after or until)
    table = change.retired(at.setting, key_id, until, fetches=_fetches(at, profile))
    _warn(ask, at, key_id)
    print(
        f"key {key_id} proves deliveries until {instants.iso(until)}"
        f" ({instants.ago(round(until.timestamp() * 1000), ask.now_ms)}), and nothing after",
        file=sys.stderr,
    )
    if says.answers.retry_horizon_s is None:
        print(
            f"how long {profile.title} retries is not known; {instants.span(silent_s)} are taken"
            " where nothing else is said (--not-after)",
            file=sys.stderr,
        )
    return _set(ask, at, key_id, table)


def _revoke(ask: Ask, at: Target, key_id: str, *, now: bool) -> Watch:
    table = change.revoked(at.setting, key_id, instants.after(ask.now_ms, 0))
    moment = datetime.fromtimestamp(ask.now_ms / 1000, UTC)
    is_last = change.leaves_none(at.setting, key_id, moment) and not _fetches_keys(at)
    if not now:
        last = _LAST if is_last else ""
        print(
            _BEFORE_REVOKING.format(key=key_id, source=at.setting.slug, last=last),
            file=sys.stderr,
        )
        if not ask.dry_run:
            raise Failed("nothing was changed: say --now to do it")
    elif is_last:
        print(_LAST, file=sys.stderr, end="")
    return _set(ask, at, key_id, table, is_revocation=True)


def _set(
    ask: Ask,
    at: Target,
    key_id: str,
    table: Mapping[str, str | datetime],
    *,
    is_revocation: bool = False,
) -> Watch:
    before = at.file.read_bytes()
    after = lines.set_key(before.decode(), at.setting.slug, key_id, table).encode()
    expected = change.expected(at.setting, key_id, table)
    return write(ask, at, Edit(before, after, after, expected, is_revocation))


def _warn(ask: Ask, at: Target, key_id: str) -> None:
    """Say if the key is used still, or may be: it is to be retired all the same, and in time."""
    try:
        source = build_sources(at.configuration)[at.setting.slug]
    except ConfigurationInvalid:
        return  # told with the rest, when the change is judged
    urls = edges.addresses(at.configuration.settings.admin, ask.admin)
    known = uses.gather(at.configuration, urls, ask.now_ms, source.slug)
    verdict = account.judged(source, known, ask.now_ms)[key_id].verdict
    if verdict in safety.RETIRABLE:
        return
    print(
        f"careful: key {key_id} is not known to be out of use ({verdict}"
        f"{f'; {known.trouble}' if known.trouble else ''}): whatever the provider signs with it"
        " after its end is refused",
        file=sys.stderr,
    )


def _fetches(at: Target, profile: Profile) -> bool:
    return profile.declaration.key_source is not None and at.setting.fetch_keys


def _fetches_keys(at: Target) -> bool:
    """Say the same where the profile itself may be wrong: then what is fetched is not counted on.

    That is told with the other mistakes, and must not hold up a revocation.
    """
    try:
        return _fetches(at, _profile(at))
    except Failed:
        return False


def _is_secret(at: Target, new: New, content: bytes) -> bool:
    """Say whether a new key is anything but a public one, which everybody may read."""
    if new.role != "verify":
        return True
    try:
        return isinstance(_profile(at).key(content, new.kid).material, bytes)
    except (Failed, ValueError):
        return True  # told with the rest, when the change is judged


def _profile(at: Target) -> Profile:
    setting: SourceSettings = at.setting
    try:
        return find(setting.provider, setting.parameters, at.configuration.base / PROFILES)
    except ValueError as wrong:
        raise Failed(f"source {setting.slug!r} provider {setting.provider!r}: {wrong}") from None


def _directory(at: Target) -> Path:
    """Return where the source's keys are, as the configuration writes it."""
    others = (key for source in at.configuration.settings.source for key in source.key)
    first = next((key for key in (*at.setting.key, *others)), None)
    return _SECRETS if first is None else first.file.parent


def _moment(text: str) -> datetime | None:
    return instants.read(text) if text else None


def _given(file: Path) -> _Given:
    """Read a secret as its owner gave it. Raises `ValueError`."""
    mode = 0
    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(SECRET_BYTES_MAX + 1)
        else:
            with file.open("rb") as opened:
                raw = opened.read(SECRET_BYTES_MAX + 1)
                mode = os.fstat(opened.fileno()).st_mode
    except OSError as wrong:
        raise ValueError(f"the file of --secret-file cannot be read: {wrong.strerror}") from None
    if len(raw) > SECRET_BYTES_MAX:
        raise ValueError(f"a secret has at most {SECRET_BYTES_MAX} bytes")
    try:
        secret_from_file_bytes(raw)
    except ValueError as wrong:
        raise ValueError(f"the secret cannot be used: {wrong}") from None
    return _Given(raw, mode)
