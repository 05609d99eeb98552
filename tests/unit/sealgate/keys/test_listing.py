"""The account of keys: everything that is known is said, and what is not is not guessed."""

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from consumers.store.port import KeyUse
from sealgate import config
from sealgate.building import build_sources
from sealgate.keys import account, edges, listing, uses
from sealgate.keys.edges import Shown
from tests.support.store_builders import make_first_version, tables

NOW_MS = 1_796_126_400_000  # 2026-12-01T12:00:00Z
HOUR_MS = 3_600_000
URI = "urn:sealgate:test:shop"
MAIN = """\
environment = "test"

[store]
url = "sqlite:./store.db"

[admin]
port = 0

[[source]]
slug = "shop"
provider = "btcpay"
[[source.key]]
id = "new"
file = "new"
[[source.key]]
id = "old"
file = "old"
status = "verify-only"
not_after = 2026-12-02T12:00:00Z
[[source.key]]
id = "gone"
file = "gone"
status = "revoked"
"""
SHOWN = Shown.model_validate(
    {
        "generation": 3,
        "loaded_ms": NOW_MS - 60_000,
        "sources": {
            "shop": {
                "provider": "btcpay",
                "keys": [
                    {"id": "new", "status": "active", "last_used_ms": NOW_MS - 5_000},
                    {"id": "old", "status": "active"},
                ],
            }
        },
    }
)
STORED = {
    (URI, "new"): KeyUse(URI, "new", NOW_MS - 9 * HOUR_MS, NOW_MS - HOUR_MS),
    (URI, "old"): KeyUse(URI, "old", NOW_MS - 90 * HOUR_MS, NOW_MS - 8 * HOUR_MS),
    (URI, "before"): KeyUse(URI, "before", NOW_MS - 999 * HOUR_MS, NOW_MS - 900 * HOUR_MS),
}


@pytest.fixture(name="configuration")
def _configuration(tmp_path: Path) -> config.Configuration:
    for name in ("new", "old"):
        (tmp_path / name).write_text(f"secret-{name}")
        os.utime(tmp_path / name, (NOW_MS / 1000 - 100 * 86_400,) * 2)
    (tmp_path / "sealgate.toml").write_text(MAIN)
    return config.read(tmp_path / "sealgate.toml", {})


def _known(trouble: str = "") -> uses.Known:
    asked = edges.Asked({"http://a:1": SHOWN}, {"http://b:1": "nobody answers there"})
    return uses.Known({} if trouble else STORED, trouble, asked, NOW_MS)


def _accounts(
    configuration: config.Configuration, known: uses.Known
) -> list[account.SourceAccount]:
    return account.account(configuration, build_sources(configuration), known, NOW_MS)


def test_a_key_is_told_with_all_that_is_known_of_it(configuration: config.Configuration) -> None:
    """The database knows nine hours, the edge the last seconds."""
    known = _known()
    said = listing.as_table(_accounts(configuration, known), known, NOW_MS)
    new, todo, old, hint, gone = said.splitlines()[1:6]
    row = "shop btcpay new verify active always 100 days 5 seconds ago the only key"
    assert " ".join(new.split()) == row
    assert "older than 90 days" in todo
    assert "closes 2026-12-02T12:00:00Z (in 1 day)" in old
    assert " ".join(old.split()).endswith("100 days 8 hours ago safe to revoke")
    assert hint.strip() == "-> sealgate keys revoke shop old --now"
    assert " ".join(gone.split()) == "shop btcpay gone verify revoked none no file never revoked"
    assert "edge http://b:1: not asked: nobody answers there" in said


def test_the_status_of_a_source_tells_where_a_change_is_in_force(
    configuration: config.Configuration,
) -> None:
    """The edge still has the old key as active: it has not read the change."""
    known = _known()
    said = listing.as_status(_accounts(configuration, known), known, NOW_MS)
    assert "must be silent for 1 hour 1 minute" in said
    assert "at http://a:1: active" in said
    assert "at http://a:1: not there" in said
    assert "last used 2026-12-01T11:59:55Z (5 seconds ago)" in said
    assert "before: fetched, or configured no more; first used 2026-10-20" in said


def test_a_revoked_key_has_no_window_and_an_edge_that_still_has_it_is_told(
    tmp_path: Path, configuration: config.Configuration
) -> None:
    """A window that "closes in a day" would read as if it proved something; an edge late does."""
    revoked = MAIN.replace('"verify-only"', '"revoked"')
    (tmp_path / "sealgate.toml").write_text(revoked)
    configuration, known = config.read(tmp_path / "sealgate.toml", {}), _known()
    accounts = _accounts(configuration, known)
    said = listing.as_status(accounts, known, NOW_MS)
    assert "  old: revoked\n" in said
    assert "at http://a:1: active, and NOT revoked there: see http://a:1/readyz?verbose" in said
    assert "closes" not in said + listing.as_table(accounts, known, NOW_MS)


def test_what_could_not_be_asked_is_said_and_not_guessed(
    configuration: config.Configuration,
) -> None:
    """A key of which nothing is known is not a key that was never used."""
    known = _known("the database is not available")
    accounts = _accounts(configuration, known)
    said = listing.as_table(accounts, known, NOW_MS)
    assert "-> last use unknown: the database is not available" in said
    assert "database: the database is not available" in said
    assert "never" not in said
    assert "safe" not in said
    status = listing.as_status(accounts, known, NOW_MS)
    assert "as far as the edges that were asked know" in status
    assert "safe" not in status


def test_a_program_gets_the_same_as_json(configuration: config.Configuration) -> None:
    """For a check that warns of old keys."""
    known = _known()
    said = json.loads(listing.as_json(_accounts(configuration, known), known, NOW_MS))
    (source,) = said["sources"]
    assert source["retry_horizon_s"] == 3670
    new, old, gone = source["keys"]
    assert new["last_used"] == "2026-12-01T11:59:55Z"
    assert new["file_age_s"] == 8_640_000
    assert old["verdict"] == "safe to revoke"
    assert old["in_force"] == {"http://a:1": "active"}
    assert (gone["last_used"], gone["file_age_s"]) == (None, None)
    assert source["gone"][0]["key"] == "before"
    assert said["edges"] == {"http://a:1": "generation 3", "http://b:1": "nobody answers there"}


def test_no_secret_is_in_any_account(configuration: config.Configuration) -> None:
    """It is printed, pasted into tickets and kept by programs."""
    known = _known()
    accounts = _accounts(configuration, known)
    for render in (listing.as_table, listing.as_status, listing.as_json):
        assert "secret-" not in render(accounts, known, NOW_MS)
    assert "secret-" not in repr(accounts)


def test_a_database_that_is_not_there_is_not_made(configuration: config.Configuration) -> None:
    """Whoever only looks leaves nothing behind."""
    known = uses.gather(configuration, [], NOW_MS)
    assert known.trouble == "there is no database yet"
    assert not (configuration.base / "store.db").exists()


def test_a_database_of_an_older_version_is_left_to_its_workers(
    configuration: config.Configuration,
) -> None:
    """The keys of the next version are listed while the workers of this one run."""
    url = f"sqlite://{configuration.base}/store.db"
    asyncio.run(make_first_version(url))
    before = asyncio.run(tables(url))
    assert "start the workers" in uses.gather(configuration, [], NOW_MS).trouble
    assert asyncio.run(tables(url)) == before


def test_a_database_that_does_not_answer_in_time_is_not_called_away(
    configuration: config.Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads "not available" restarts a database that is only busy."""
    monkeypatch.setattr(uses, "STORE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        store = configuration.settings.store.model_copy(update={"url": url})
        settings = configuration.settings.model_copy(update={"store": store})
        known = uses.gather(config.Configuration(settings, configuration.file), [], NOW_MS)
    assert known.trouble == "the database took longer than 0.2 s to answer"


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "the database is not available"),
        ("sqlite:./sealgate.toml", "the database is not of this version"),
    ],
)
def test_a_database_that_cannot_be_asked_is_told(
    configuration: config.Configuration, url: str, trouble: str
) -> None:
    """Keys are listed all the same: an emergency does not wait for a database."""
    store = configuration.settings.store.model_copy(update={"url": url})
    settings = configuration.settings.model_copy(update={"store": store})
    known = uses.gather(
        config.Configuration(settings, configuration.file), ["http://127.0.0.1:1"], NOW_MS
    )
    assert known.trouble == trouble
    assert "nobody answers there" in known.asked.silent["http://127.0.0.1:1"]
