"""Which keys there are and until when, as an SRE sees it; and nothing of the keys themselves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ingress import sources
from ingress.keyfacts import KeyFacts
from ingress.settings import EdgeSettings, KeySettings, SourceSettings
from ingress.sources import Snapshot
from tests.support import canary
from tests.support.builders import SERVES

NOW_MS = 1_800_000_000_000
LATER_MS = NOW_MS + 3_600_000
END = datetime(2030, 1, 1, tzinfo=UTC)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
INFO = "sealgate_key_info"
ENDS = "sealgate_key_not_after_timestamp_seconds"
LOADED = "sealgate_key_loaded_timestamp_seconds"
HORIZON = "sealgate_source_retry_horizon_seconds"


class Bench:
    """Key facts over a directory of keys."""

    def __init__(self, directory: Path, sources_max: int = 256) -> None:
        self.directory = directory
        self.registry = CollectorRegistry()
        self.facts = KeyFacts(self.registry, sources_max)

    def built(self, *settings: SourceSettings) -> Snapshot:
        """Build sources anew, as after a change of their files."""
        return sources.build(SERVES, settings, EdgeSettings(), sources.Origin(self.directory))

    def value(self, name: str, source: str, provider: str, **labels: str) -> float | None:
        """Read one series; None where it is absent."""
        at = {"source": source, "provider": provider, **labels}
        return self.registry.get_sample_value(name, at)


@pytest.fixture(name="bench")
def _bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def _key(directory: Path, key_id: str, secret: str = "", **settings: Any) -> KeySettings:
    file = directory / key_id
    file.write_bytes(canary.secret(f"a key {key_id}", (secret or f"secret of {key_id}").encode()))
    file.chmod(0o600)
    return KeySettings(id=key_id, file=file, **settings)


def _shop(keys: Sequence[KeySettings], slug: str = "shop") -> SourceSettings:
    return SourceSettings(slug=slug, provider="btcpay", account="main", key=list(keys))


def test_every_key_is_told_with_what_it_is_for_and_may_still_do(bench: Bench) -> None:
    """A rotation is watched by its statuses; an old key has an end, a new one none."""
    old = _key(bench.directory, "old", status="verify-only", not_after=END)
    new = _key(bench.directory, "new", not_before=BEGIN)
    bench.facts.serve(bench.built(_shop([old, new])), NOW_MS)
    verify = {"role": "verify"}
    at = ("shop", "btcpay")
    assert bench.value(INFO, *at, key_id="old", status="verify-only", **verify) == 1
    assert bench.value(INFO, *at, key_id="new", status="active", **verify) == 1
    assert bench.value(ENDS, *at, key_id="old") == END.timestamp()
    assert bench.value(ENDS, *at, key_id="new") is None
    assert bench.value(LOADED, *at, key_id="old") == NOW_MS / 1000
    assert bench.value(LOADED, *at, key_id="new") == BEGIN.timestamp()
    # btcpay.toml: after 10 s, after a minute, and six times after ten.
    assert bench.value(HORIZON, *at) == 10 + 60 + 6 * 600
    canary.saw("metrics", generate_latest(bench.registry))


def test_a_revoked_key_has_no_end_to_mind(bench: Bench) -> None:
    """An alert about a key that ends would go on for ever about one that was revoked."""
    old = _key(bench.directory, "old", status="revoked", not_after=END)
    new = _key(bench.directory, "new")
    bench.facts.serve(bench.built(_shop([old, new])), NOW_MS)
    told = {"key_id": "old", "role": "verify", "status": "revoked"}
    assert bench.value(INFO, "shop", "btcpay", **told) == 1
    assert bench.value(ENDS, "shop", "btcpay", key_id="old") is None
    assert bench.value(LOADED, "shop", "btcpay", key_id="old") is None


def test_a_reload_makes_no_key_younger_but_another_secret_does(bench: Bench) -> None:
    """The age of a key is that of its secret: another word of its status changes nothing."""
    kept = _key(bench.directory, "kept")
    changed = _key(bench.directory, "changed", "the first of two secrets")
    bench.facts.serve(bench.built(_shop([kept, changed])), NOW_MS)
    changed = _key(bench.directory, "changed", "the second of two secrets")
    kept = kept.model_copy(update={"not_after": END})
    bench.facts.serve(bench.built(_shop([kept, changed])), LATER_MS)
    assert bench.value(LOADED, "shop", "btcpay", key_id="kept") == NOW_MS / 1000
    assert bench.value(ENDS, "shop", "btcpay", key_id="kept") == END.timestamp()
    assert bench.value(LOADED, "shop", "btcpay", key_id="changed") == LATER_MS / 1000


def test_what_is_not_configured_any_more_is_not_told(bench: Bench) -> None:
    """A series of a key that is gone would be an old number that looks fresh."""
    bench.facts.serve(bench.built(_shop([_key(bench.directory, "k1")])), NOW_MS)
    bench.facts.serve(bench.built(_shop([_key(bench.directory, "k2")], "other")), LATER_MS)
    assert bench.value(LOADED, "shop", "btcpay", key_id="k1") is None
    assert bench.value(HORIZON, "shop", "btcpay") is None
    assert bench.value(LOADED, "other", "btcpay", key_id="k2") == LATER_MS / 1000


def test_of_many_sources_the_first_key_that_ends_is_told(tmp_path: Path) -> None:
    """Ten thousand sources are not ten thousand series, and none of their keys ends unseen."""
    bench = Bench(tmp_path, sources_max=1)
    sooner = END.replace(year=2029)
    one = _shop([_key(tmp_path, "one", not_after=END)], "one")
    two = _shop([_key(tmp_path, "two", not_after=sooner)], "two")
    bench.facts.serve(bench.built(one, two), NOW_MS)
    assert bench.value(ENDS, "many", "btcpay", key_id="many") == sooner.timestamp()
    assert bench.value(ENDS, "one", "btcpay", key_id="one") is None
    names = [sample.name for family in bench.registry.collect() for sample in family.samples]
    assert sorted(names) == sorted([INFO, ENDS, LOADED, HORIZON])
