"""What a configuration and its files say, with nothing asked over a network.

The sources flow in with the time, findings flow out: who has no key that proves anything now, whose
last key ends within the week, until when the certificate is good, and whether the edge can
remember, journal and keep what it should.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingress.eventlog import connect
from ingress.keeping import is_revealing
from ingress.sources import Snapshot, Source
from sealgate import brokers
from sealgate.building import load_tls
from sealgate.config import Configuration
from sealgate.doctor import disks
from sealgate.doctor.findings import Finding, Level

SOON_MS = 7 * 24 * 3600 * 1000
CERTIFICATE_DAYS = 21
"""Longer than a holiday, and than what automatic renewal waits for."""
_MIB = 1024 * 1024


def keys(sources: Snapshot, now_ms: int) -> Iterator[Finding]:
    """Look at every source's keys; those with nothing to say are counted."""
    told = [finding for source in sources.values() for finding in _keys(source, now_ms)]
    yield from told
    well = len(sources) - len({finding.subject for finding in told})
    if well:
        yield Finding(Level.OK, "keys", f"{well} of {len(sources)} sources have keys for 7 days")
    if not sources:
        yield Finding(Level.WARN, "keys", "no sources yet: every delivery is answered 404")


def _keys(source: Source, now_ms: int) -> Iterator[Finding]:
    if not source.profile.is_signed or source.plan is not None:
        return
    subject = f"source {source.slug!r}"
    later = [key.id for key in source.ring.keys if key.is_usable(now_ms + SOON_MS)]
    if not source.ring.at(now_ms).ids:
        yield Finding(
            Level.FAIL,
            subject,
            "no key proves anything now: every delivery is refused; `sealgate keys list` shows "
            "their windows and states, `sealgate keys add` adds one",
        )
    elif not later:
        yield Finding(
            Level.WARN,
            subject,
            "its last key ends within 7 days: `sealgate keys add` the next one before",
        )


def brokers_access(configuration: Configuration, now_ms: int) -> Iterator[Finding]:
    """Look at how the brokers are entered, and until when."""
    for place, told in brokers.warnings(configuration, now_ms):
        yield Finding(Level.WARN, place, told)


def certificate(configuration: Configuration, now_ms: int) -> Iterator[Finding]:
    """Look until when providers are shown a certificate that is good."""
    loaded = load_tls(configuration)
    if loaded is None:
        return
    left = loaded.not_after - datetime.fromtimestamp(now_ms / 1000, UTC)
    told = f"ends on {loaded.not_after:%Y-%m-%d}"
    if left < timedelta(days=CERTIFICATE_DAYS):
        told += ": renew it now, and it is served within a second; runbook certificate"
        yield Finding(Level.WARN, "edge.tls", told)
    else:
        yield Finding(Level.OK, "edge.tls", told)


def quarantine(configuration: Configuration, sources: Snapshot) -> Iterator[Finding]:
    """Ask whether what is refused can be kept, of whom, and how much of it."""
    settings = configuration.settings.quarantine
    if not settings.enabled:
        told = "is off: what is refused by mistake is lost; say quarantine.enabled = true"
        yield Finding(Level.WARN, "quarantine", told)
        return
    revealing = [] if settings.key else [one.slug for one in sources.values() if is_revealing(one)]
    if revealing:
        told = (
            f"keeps nothing of {', '.join(revealing)}, whose deliveries carry their secret: give it"
            " a key, `sealgate quarantine new-key`"
        )
        yield Finding(Level.WARN, "quarantine", told)
        return
    each, total = (one // _MIB for one in (settings.bytes_per_day, settings.total_bytes_per_day))
    told = (
        f"keeps {each} MiB a day of a source, {total} MiB of all, for {settings.days} days:"
        f" at most {total * settings.days} MiB in the log for each edge process"
    )
    yield Finding(Level.OK, "quarantine", told)


def state_file(configuration: Configuration) -> Iterator[Finding]:
    """Ask whether the edge can remember, over a restart, which sources verified."""
    name = configuration.settings.edge.state_file
    if name is None:
        return
    path = configuration.base / name
    nearest = _nearest(path)
    if os.access(nearest, os.W_OK):
        yield Finding(Level.OK, "edge.state_file", "can be written")
    else:
        yield Finding(Level.FAIL, "edge.state_file", f"{nearest} cannot be written by this user")


def journal(configuration: Configuration) -> Iterator[Finding]:
    """Ask whether the edge could journal, before the first outage asks it."""
    log = configuration.settings.log
    if connect.is_file(log.url) or log.journal.policy == "refuse":
        return
    nearest = _nearest(configuration.base / log.journal.directory)
    free_bytes = shutil.disk_usage(nearest).free
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        told = f"{nearest} is no directory that this user can write: an outage is answered with 503"
        yield Finding(Level.FAIL, "log.journal.directory", told)
    elif free_bytes <= log.journal.free_bytes_min:
        told = f"{nearest} has {free_bytes} bytes free, and free_bytes_min keeps them: make room"
        yield Finding(Level.FAIL, "log.journal.directory", told)
    else:
        yield Finding(Level.OK, "log.journal.directory", "can be written, and has room")
    wrong = disks.trouble(nearest.resolve())
    if wrong:
        yield Finding(Level.WARN, "log.journal disk", wrong)


def _nearest(path: Path) -> Path:
    """Return the path, or what there is on the way to it."""
    return path if path.exists() else next(p for p in path.parents if p.exists())
