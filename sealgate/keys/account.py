"""The account of all keys: what is configured, what each has proven, and what to do about it.

A configuration and what is `Known` flow in; a line for each key flows out. Only ids and the names
of files are in it, never what is in a file but its age.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingress.keyring import Status
from ingress.settings import KeySettings
from ingress.sources import Snapshot, Source
from sealgate.config import Configuration
from sealgate.keys import instants, safety
from sealgate.keys.safety import Held, Judged, Verdict
from sealgate.keys.uses import Known, Use

OLD_S = 90 * 86_400
"""A key older than this is due for a rotation `[ours]`."""


@dataclass(frozen=True, slots=True)
class KeyLine:
    """All that is said of one key. `age_s` is its file's; None where there is no file.

    `judged` is None for keys that verify no deliveries. `shown` is what the edges asked hold, by
    URL: the status there, or None where it is not there.
    """

    setting: KeySettings
    use: Use
    judged: Judged | None
    age_s: float | None
    shown: tuple[tuple[str, Status | None], ...]
    todo: str


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """One source with its keys; `gone` are ids that proved something, and stand there no more."""

    source: Source
    silent_s: int
    is_horizon_known: bool
    keys: tuple[KeyLine, ...]
    gone: tuple[tuple[str, Use], ...]


def account(
    configuration: Configuration, sources: Snapshot, known: Known, now_ms: int
) -> list[SourceAccount]:
    """Make the account of all sources."""
    return [_source(configuration, source, known, now_ms) for source in sources.values()]


def held(source: Source, known: Known) -> list[Held]:
    """Return the verifying keys of a source, as `safety` judges them."""
    found = []
    for key in source.setting.key:
        if key.role == "verify":
            use = known.use(source.uri, source.slug, key.id)
            bounds = (instants.ms(key.not_before), instants.ms(key.not_after))
            found.append(Held(key.id, key.status, *bounds, use.last_ms, not known.trouble))
    return found


def silence_s(source: Source) -> int:
    """Return how long a key of a source must be silent before it can go."""
    return safety.horizon_s(source.profile.declaration.answers.retry_horizon_s)


def judged(source: Source, known: Known, now_ms: int) -> dict[str, Judged]:
    """Judge the verifying keys of a source, by id."""
    keys = held(source, known)
    silent_s = silence_s(source)
    return {
        key.id: safety.judge(
            key, [one for one in keys if one is not key], silent_s, now_ms, known.told_ms
        )
        for key in keys
    }


def _source(
    configuration: Configuration, source: Source, known: Known, now_ms: int
) -> SourceAccount:
    verdicts = judged(source, known, now_ms)
    lines = []
    for key in source.setting.key:
        use = known.use(source.uri, source.slug, key.id)
        age_s = _age_s(configuration, key, now_ms)
        verdict = verdicts.get(key.id)
        shown = tuple(
            (url, None if (found := one.key(source.slug, key.id)) is None else found.status)
            for url, one in known.asked.shown.items()
        )
        todo = _todo(source, key, verdict, known, age_s)
        lines.append(KeyLine(key, use, verdict, age_s, shown, todo))
    return SourceAccount(
        source,
        silence_s(source),
        source.profile.declaration.answers.retry_horizon_s is not None,
        tuple(lines),
        tuple(_gone(source, known)),
    )


def _gone(source: Source, known: Known) -> Iterator[tuple[str, Use]]:
    """Find keys that proved something and are not configured: fetched ones, or deleted ones."""
    ids = {key.id for key in source.setting.key}
    for uri, key_id in known.stored:
        if uri == source.uri and key_id not in ids:
            yield key_id, known.use(source.uri, source.slug, key_id)


def _age_s(configuration: Configuration, key: KeySettings, now_ms: int) -> float | None:
    try:
        return now_ms / 1000 - (configuration.base / key.file).stat().st_mtime
    except OSError:
        return None


def _todo(
    source: Source, key: KeySettings, verdict: Judged | None, known: Known, age_s: float | None
) -> str:
    """Say what the operator should do next about one key; "" for nothing."""
    if verdict is None:
        return ""
    if verdict.verdict is Verdict.UNKNOWN and known.trouble:
        return f"last use unknown: {known.trouble}"
    name = f"{source.slug} {key.id}"
    texts = {
        Verdict.IN_USE: "",
        Verdict.WAIT: "the provider may until then retry what it signed with it",
        Verdict.SAFE: f"sealgate keys retire {name}",
        Verdict.SILENT: f"sealgate keys revoke {name} --now",
        Verdict.ONLY: "",
        Verdict.NEVER: "if it is new, switch the provider to it; if it is old, retire it",
        Verdict.UNPROVEN: "switch the provider to the other key: it has proven nothing yet",
        Verdict.UNKNOWN: "nothing is known of its use",
        Verdict.PENDING: "it proves nothing before its window opens",
        Verdict.CLOSED: f"sealgate keys revoke {name} --now, then delete its file",
        Verdict.REVOKED: "delete its file" if age_s is not None else "",
    }
    text = texts[verdict.verdict]
    is_serving = verdict.verdict in {Verdict.IN_USE, Verdict.ONLY}
    if is_serving and age_s is not None and age_s > OLD_S:
        return f"it is older than {OLD_S // 86_400} days: plan a rotation (sealgate keys add)"
    return text


def selected(accounts: Sequence[SourceAccount], slug: str) -> list[SourceAccount]:
    """Return the account of one source, or all where none is named."""
    return [one for one in accounts if not slug or one.source.slug == slug]
