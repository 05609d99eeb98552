"""Understand which run was asked for: a period, its clocks, and as of which entries."""

from collections.abc import Sequence
from datetime import tzinfo
from importlib import metadata
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from consumers.interpret import assets
from consumers.refusals import WrongWords
from consumers.stating import Refused
from sealgate.config import Configuration
from sealgate.exports import folder, periods
from sealgate.exports.asked import Wanted
from sealgate.exports.making import MANIFEST, Terms, manifest_of
from sealgate.exports.periods import Closed, Period
from sealgate.exports.recorded import AsOf, Seen
from sealgate.exposure.instants import read_ms
from sealgate.policies import policy_of


class OtherClocks(Refused):
    """The months of these books were closed by the clocks of another zone."""

    code = "other_timezone"


def period_of(asked: Wanted, configuration: Configuration) -> Period:
    """Read the period. Raises `WrongWords`."""
    zone = zone_of(asked.timezone, configuration)
    if bool(asked.period) == bool(asked.from_ or asked.to):
        raise WrongWords("say --period 2026-10, or --from and --to, and not both")
    if asked.period:
        return month_of(asked.period, zone)
    if not (asked.from_ and asked.to):
        raise WrongWords("say both --from and --to")
    try:
        from_ms, to_ms = read_ms(asked.from_, "--from"), read_ms(asked.to, "--to")
    except ValueError as wrong:
        raise WrongWords(str(wrong)) from None
    if from_ms >= to_ms:
        raise WrongWords("--to: say an instant behind --from")
    return Period("", from_ms, to_ms, zone)


def check_out(out: Path) -> None:
    """Refuse a name at which no new folder can be, before anything is done. Raises `WrongWords`."""
    try:
        folder.check(out)
    except folder.Taken:
        raise WrongWords(f"--out: {out} is there already: name another folder") from None
    except OSError as wrong:
        raise WrongWords(f"--out: {out}: {wrong.strerror}") from None


def month_of(name: str, zone: str) -> Period:
    """Read a month. Raises `WrongWords`."""
    try:
        return periods.month(name, zone)
    except (ValueError, OverflowError) as wrong:
        raise WrongWords(f"--period: {wrong}") from None


_NO_PLACES = frozenset({"localtime", "posixrules", "Factory"})


def zone_of(text: str, configuration: Configuration) -> str:
    """Read whose clocks count; where nobody says, those of the books. Raises `WrongWords`."""
    if not text:
        posting = configuration.settings.consumer.posting
        return "UTC" if posting is None else posting.zone
    try:
        # A machine's own clocks are another zone on another machine.
        known: tzinfo = ZoneInfo("" if text in _NO_PLACES else text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongWords(
            f"--timezone: no zone {text!r} is known; write one such as Europe/Berlin"
        ) from None
    return str(known)


def as_of_of(path: Path) -> AsOf:
    """Read as of which entries an earlier run was made. Raises `WrongWords`."""
    file = path / MANIFEST if path.is_dir() else path
    try:
        told: Any = manifest_of(file.read_bytes())
        chains = told["as_of"]["chains"]
        return {str(one["chain"]): Seen(int(one["seq"]), str(one["head"])) for one in chains}
    except OSError as wrong:
        raise WrongWords(f"--as-of: {file}: {wrong.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise WrongWords(f"--as-of: {file} is no manifest of an export") from None


def terms_of(configuration: Configuration, period: Period, closed: Sequence[Closed]) -> Terms:
    """Return what a run is made with. Raises `OtherClocks`."""
    for one in closed:
        if one.zone != period.zone:
            raise OtherClocks(
                f"{one.period} was closed by the clocks of {one.zone}: say --timezone {one.zone}"
            )
    return Terms(
        period=period,
        closed=closed,
        policy=policy_of(configuration),
        decimals=assets.load().decimals,
        version=metadata.version("sealgate"),
    )
