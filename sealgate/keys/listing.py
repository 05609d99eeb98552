"""The account of keys in words: a table, all that is known of a source, or JSON. Pure.

What could not be asked is said at the end, once.
"""

from collections.abc import Iterator, Sequence

from ingress.keyring import Status
from ingress.settings import KeySettings
from sealgate.keys import instants
from sealgate.keys.account import KeyLine, SourceAccount
from sealgate.keys.safety import Verdict
from sealgate.keys.uses import Known, Use
from sealgate.plain import in_json

_COLUMNS = ("SOURCE", "PROVIDER", "KEY", "ROLE", "STATUS", "WINDOW", "AGE", "LAST USE", "VERDICT")
_GAP = "  "


def as_table(accounts: Sequence[SourceAccount], known: Known, now_ms: int) -> str:
    """Say a line for each key, and below it what to do, where there is anything to do."""
    rows: list[tuple[str, ...]] = []
    todos: list[str] = []
    for one in accounts:
        for line in one.keys:
            rows.append(_row(one, line, known, now_ms))
            todos.append(line.todo)
    if not rows:
        return "no keys are configured\n" + "\n".join(_asked(known))
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    lines = [_joined(_COLUMNS, widths)]
    for row, todo in zip(rows, todos, strict=True):
        lines.append(_joined(row, widths))
        lines += [f"{_GAP}-> {todo}"] if todo else []
    return "\n".join([*lines, "", *_asked(known)])


def as_status(accounts: Sequence[SourceAccount], known: Known, now_ms: int) -> str:
    """Say of each source how its keys stand, in whole sentences."""
    lines: list[str] = []
    for one in accounts:
        lines += [*_source(one), *(said for key in one.keys for said in _key(key, known, now_ms))]
        for key_id, use in one.gone:
            lines.append(f"  {key_id}: fetched, or configured no more; {_story(use, now_ms)}")
        lines.append("")
    return "\n".join([*(lines or ["no sources are configured", ""]), *_asked(known)])


def as_json(accounts: Sequence[SourceAccount], known: Known, now_ms: int) -> str:
    """Say the same for programs. Instants are ISO 8601 in UTC, null where nothing is known."""
    said = {
        "at": instants.iso_ms(now_ms),
        "database": known.trouble or "asked",
        "edges": {
            **{url: f"generation {one.generation}" for url, one in known.asked.shown.items()},
            **known.asked.silent,
        },
        "sources": [
            {
                "source": one.source.slug,
                "provider": one.source.profile.name,
                "retry_horizon_s": one.silent_s,
                "retry_horizon_known": one.is_horizon_known,
                "keys": [_key_json(line) for line in one.keys],
                "gone": [{"key": key_id, **_use_json(use)} for key_id, use in one.gone],
            }
            for one in accounts
        ],
    }
    return in_json(said, indent=2)


def window(key: KeySettings, now_ms: int) -> str:
    """Say when a key's window opens and closes, in words and ISO 8601."""
    if key.status is Status.REVOKED:
        return "none"  # whatever is written: it proves nothing at any time
    words = []
    for moment, ahead, past in (
        (key.not_before, "opens", "opened"),
        (key.not_after, "closes", "closed"),
    ):
        at_ms = instants.ms(moment)
        if moment is not None and at_ms is not None:
            word = ahead if at_ms > now_ms else past
            words.append(f"{word} {instants.iso(moment)} ({instants.ago(at_ms, now_ms)})")
    return ", ".join(words) or "always"


def verdict(line: KeyLine) -> str:
    """Say what was judged of a key; "-" for one that verifies no deliveries."""
    if line.judged is None:
        return "-"
    if line.judged.verdict is Verdict.WAIT and line.judged.until_ms is not None:
        return f"wait until {instants.iso_ms(line.judged.until_ms)}"
    return line.judged.verdict.value


def _row(one: SourceAccount, line: KeyLine, known: Known, now_ms: int) -> tuple[str, ...]:
    key = line.setting
    age = "no file" if line.age_s is None else instants.span(line.age_s)
    return (
        one.source.slug,
        one.source.profile.name,
        key.id,
        key.role,
        key.status.value,
        window(key, now_ms),
        age,
        _last(line.use, known, now_ms) if key.role == "verify" else "-",
        verdict(line),
    )


def _last(use: Use, known: Known, now_ms: int) -> str:
    if use.last_ms is not None:
        return instants.ago(use.last_ms, now_ms)
    return "unknown" if known.trouble else "never"


def _joined(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return _GAP.join(cells).rstrip()


def _source(one: SourceAccount) -> Iterator[str]:
    yield f"{one.source.slug} ({one.source.profile.title})"
    length = instants.span(one.silent_s)
    if one.is_horizon_known:
        yield f"  an old key must be silent for {length}: the provider retries as long, or less"
    else:
        yield f"  an old key must be silent for {length}: its provider retries for an unknown time"


def _key(line: KeyLine, known: Known, now_ms: int) -> Iterator[str]:
    key = line.setting
    if key.status is Status.REVOKED:
        yield f"  {key.id}: revoked"
    else:
        yield f"  {key.id}: {key.status.value}, {window(key, now_ms)}; {verdict(line)}"
    if key.role != "verify":
        yield f"    role {key.role}: proves no deliveries"
        return
    if line.use.last_ms is None and known.trouble:
        yield f"    last use unknown: {known.trouble}"
    else:
        yield f"    {_story(line.use, now_ms)}"
    for url, status in line.shown:
        held = "not there" if status is None else status.value
        is_late = key.status is Status.REVOKED and status not in {None, Status.REVOKED}
        why = f", and NOT revoked there: see {url}/readyz?verbose" if is_late else ""
        yield f"    at {url}: {held}{why}"
    if line.todo:
        yield f"    -> {line.todo}"


def _story(use: Use, now_ms: int) -> str:
    if use.last_ms is None:
        return "never used"
    last = f"last used {instants.iso_ms(use.last_ms)} ({instants.ago(use.last_ms, now_ms)})"
    if use.first_ms is None:
        return f"{last}, as far as the edges that were asked know"
    return f"first used {instants.iso_ms(use.first_ms)}, {last}"


def _asked(known: Known) -> Iterator[str]:
    yield f"database: {known.trouble or 'asked'}"
    for url, shown in known.asked.shown.items():
        yield f"edge {url}: asked; its keys are of {instants.iso_ms(shown.loaded_ms)}"
    for url, reason in known.asked.silent.items():
        yield f"edge {url}: not asked: {reason}"
    if not known.asked.shown:
        yield "no edge was asked: what the workers have not read yet is not known"


def _key_json(line: KeyLine) -> dict[str, object]:
    key, judged = line.setting, line.judged
    return {
        "key": key.id,
        "role": key.role,
        "status": key.status.value,
        "not_before": None if key.not_before is None else instants.iso(key.not_before),
        "not_after": None if key.not_after is None else instants.iso(key.not_after),
        "file_age_s": None if line.age_s is None else round(line.age_s),
        **_use_json(line.use),
        "verdict": None if judged is None else judged.verdict.value,
        "wait_until": None if judged is None or not judged.until_ms else _iso(judged.until_ms),
        "in_force": {url: None if status is None else status.value for url, status in line.shown},
        "todo": line.todo,
    }


def _use_json(use: Use) -> dict[str, object]:
    return {
        "first_used": None if use.first_ms is None else _iso(use.first_ms),
        "last_used": None if use.last_ms is None else _iso(use.last_ms),
    }


def _iso(at_ms: int) -> str:
    return instants.iso_ms(at_ms)
