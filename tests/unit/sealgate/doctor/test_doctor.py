"""The doctor: what it finds, that it finds nothing where all is well, and what it never says."""

import asyncio
import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Info

from consumers.exceptions import Code
from consumers.store import connect as store_connect
from consumers.store.port import Anomaly, Changes
from ingress.contract import topics
from ingress.eventlog import connect as log_connect
from ingress.eventlog.port import Message
from ingress.metrics import EdgeMetrics, Suspicion
from sealgate.admin import Admin
from sealgate.config import AdminSettings
from sealgate.doctor.command import Asked, doctor, list_fingerprints
from sealgate.role import Role
from tests.support.builders import NOW_MS
from tests.support.store_builders import make_first_version, tables

SECRET = "5f1c8e0a7b94"
WEEK = "2026-01-05T00:00:00Z"  # four days after NOW_MS


def _write(directory: Path, environment: str, *, key: str = "", top: str = "", **more: Any) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "k1").write_text(more.get("secret", SECRET))
    path = directory / "sealgate.toml"
    url = more.get("public_url", f"https://{environment}.example.com/shop")
    path.write_text(
        f'environment = "{environment}"\n{top}\n'
        "[edge]\nport = 0\n[admin]\nport = 0\n"
        f'[[source]]\nslug = "shop"\nprovider = "btcpay"\npublic_url = "{url}"\n'
        f'[[source.key]]\nid = "k1"\nfile = "k1"\n{key}\n'
    )
    return path


def _run(asked: Asked, now_ms: int = NOW_MS) -> tuple[int, list[dict[str, str]]]:
    out = io.StringIO()
    code = doctor(asked._replace(json=True), {}, now_ms, out)
    assert SECRET not in out.getvalue()
    told = json.loads(out.getvalue())
    assert told["exit_code"] == code
    return code, told["findings"]


def _at(findings: list[dict[str, str]], subject: str) -> list[str]:
    return [one["level"] for one in findings if one["subject"] == subject]


def test_a_gateway_that_is_well_has_nothing_to_be_told(tmp_path: Path) -> None:
    """Who is warned without a reason reads no warning."""
    code, findings = _run(Asked(_write(tmp_path, "production")))
    assert code == 0
    assert {one["level"] for one in findings} == {"ok"}


def test_what_is_wrong_with_the_configuration_is_told_first(tmp_path: Path) -> None:
    """Nothing is asked over a network on behalf of a configuration that cannot be started."""
    code, findings = _run(Asked(_write(tmp_path, "shop")))
    assert code == 78
    assert [(one["level"], one["subject"]) for one in findings] == [("mistake", "mode")]


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.EDGE])
def test_a_role_is_looked_at_where_it_runs(tmp_path: Path, role: Role) -> None:
    """A worker's pod holds no key of a source, and that is no mistake there."""
    config = _write(tmp_path, "production")
    (tmp_path / "k1").unlink()
    code, findings = _run(Asked(config, roles=(role,)))
    assert code == 0
    edges = ("edge", "keys", "key ages", "source", "quarantine", "log.journal")
    assert not [one for one in findings if one["subject"].startswith(edges)]
    assert [one for one in findings if one["subject"] == "database"]
    for roles in ((Role.EDGE,), (role, Role.EDGE), tuple(Role)):
        code, findings = _run(Asked(config, roles=roles))
        assert code == 78, "whoever verifies needs the key"
    (tmp_path / "k1").write_text(SECRET)
    code, findings = _run(Asked(config, roles=(Role.EDGE,)))
    assert code == 0
    assert _at(findings, "keys") == ["ok"]
    assert _at(findings, "database") == [], "an edge has no way to it"


@pytest.mark.parametrize(
    ("key", "level", "code"),
    [
        ('not_before = "2026-02-01T00:00:00Z"', "fail", 3),
        ('status = "revoked"', "fail", 3),
        (f'not_after = "{WEEK}"', "warn", 0),
        ('not_after = "2026-03-01T00:00:00Z"', None, 0),
    ],
)
def test_a_source_without_a_usable_key_is_told_before_its_provider_is_refused(
    tmp_path: Path, key: str, level: str | None, code: int
) -> None:
    """A window that ends on a Sunday is found on Wednesday."""
    key = key.replace('"20', "20").replace('Z"', "Z")
    found, findings = _run(Asked(_write(tmp_path, "production", key=key), offline=True))
    assert _at(findings, "source 'shop'") == ([level] if level else [])
    assert found == code


def test_two_environments_that_share_nothing_are_told_so(tmp_path: Path) -> None:
    """The one line that an auditor wants to see."""
    ours = _write(tmp_path / "a", "production")
    other = _write(tmp_path / "b", "staging", secret="another-secret")
    code, findings = _run(Asked(ours, [other], offline=True))
    assert code == 0
    assert _at(findings, "against 'staging'") == ["ok"]


@pytest.mark.parametrize("what", ["no file", "no TOML", "a mistake", "no secret"])
def test_what_could_not_be_compared_is_never_called_apart(tmp_path: Path, what: str) -> None:
    """A path with a typing error would be an auditor's proof that nothing is shared."""
    ours = _write(tmp_path / "a", "production")
    other = _write(tmp_path / "b", "staging")
    match what:
        case "no file":
            other = tmp_path / "b" / "sealgate.tmol"
        case "no TOML":
            other.write_text("x = [")
        case "a mistake":
            other.write_text(other.read_text().replace("btcpay", "btcpayy"))
        case _:
            (tmp_path / "b" / "k1").unlink()
    code, findings = _run(Asked(ours, [other], offline=True))
    assert code == 69
    assert _at(findings, f"against {other}") == ["away"]
    assert _at(findings, "against 'staging'") == []


@pytest.mark.parametrize(
    ("journal", "levels", "code"),
    [
        ('directory = "journal"', ["ok"], 0),
        ('directory = "k1"', ["fail"], 3),
        ('directory = "k1/journal"', ["fail"], 3),
        ("free_bytes_min = 1_000_000_000_000_000", ["fail"], 3),
        ('directory = "k1"\npolicy = "refuse"', [], 0),
    ],
)
def test_a_journal_that_would_take_nothing_is_told_before_an_outage(
    tmp_path: Path, journal: str, levels: list[str], code: int
) -> None:
    """While Kafka is there, nothing else shows it; then every delivery is answered 503."""
    top = f'[log]\nurl = "kafka://127.0.0.1:9"\n[log.journal]\n{journal}'
    found, findings = _run(Asked(_write(tmp_path, "production", top=top), offline=True))
    assert _at(findings, "log.journal.directory") == levels
    assert found == code


def test_our_overrides_are_not_taken_for_the_others(tmp_path: Path) -> None:
    """A database named by this process's environment is not the other one's, too."""
    ours = _write(tmp_path / "a", "production")
    other = _write(tmp_path / "b", "staging", secret="another-secret")
    overrides = {"SEALGATE__STORE__URL": "postgresql://u@db.internal/pay"}
    out = io.StringIO()
    asked = Asked(ours, [other], offline=True, json=True)
    assert doctor(asked, overrides, NOW_MS, out) == 0


def test_all_that_two_environments_share_is_found(tmp_path: Path) -> None:
    """A copied directory with another name in one line: secret, log, database, URL and state."""
    url = "https://hooks.example.com/shop"
    top = '[log]\nurl = "embedded:./log.db"\n[store]\nurl = "postgresql://{}@DB.internal/pay"'
    ours = _write(tmp_path, "production", top=top.format("a"), public_url=url)
    other = tmp_path / "other.toml"
    text = ours.read_text().replace('"production"', '"staging"')
    other.write_text(text.replace("a@DB", "b@db"))
    code, findings = _run(Asked(ours, [other], offline=True))
    assert code == 3
    for subject in (
        "source 'shop' key 'k1'",
        "source 'shop' public_url",
        "log.url",
        "store.url",
        "edge.state_file",
    ):
        assert "fail" in _at(findings, subject), subject


def test_one_cluster_for_two_environments_is_legal_and_one_group_is_not(tmp_path: Path) -> None:
    """Topics carry the environment; two workers in one group would take each other's partitions."""
    kafka = '[log]\nurl = "kafka://b:9092,a:9092"\n[consumer]\ngroup = "{}"'
    ours = _write(tmp_path / "a", "production", top=kafka.format("pay"))
    shared = _write(tmp_path / "b", "staging", top=kafka.format("pay"), secret="another-1")
    apart = _write(tmp_path / "c", "qa", top=kafka.format("pay-qa"), secret="another-2")
    code, findings = _run(Asked(ours, [shared], offline=True))
    assert (code, _at(findings, "log.url")) == (3, ["warn"])
    assert _at(findings, "consumer.group") == ["fail"]
    code, findings = _run(Asked(ours, [apart], offline=True))
    assert (code, _at(findings, "consumer.group")) == (0, [])


async def _log_with(path: Path, *names: str) -> None:
    log = log_connect.connect(f"embedded://{path}")
    await log.ensure_topics(dict.fromkeys(names, 6))
    publisher = log.publisher()
    await publisher.start()
    await publisher.publish(Message(names[0], b"k", b"v"))
    await publisher.stop()
    await log.close()


def test_the_log_of_another_environment_is_found(tmp_path: Path) -> None:
    """A file that was copied along holds the topics of where it came from."""
    path = _write(tmp_path, "production", top='[log]\nurl = "embedded:./log.db"')
    asyncio.run(_log_with(tmp_path / "log.db", topics.verified("staging")))
    code, findings = _run(Asked(path))
    assert code == 3
    assert "fail" in _at(findings, "log")


def test_a_clock_behind_the_logs_newest_record_is_found(tmp_path: Path) -> None:
    """Timestamps are judged by it: a clock that is wrong refuses every provider that signs one."""
    path = _write(tmp_path, "production", top='[log]\nurl = "embedded:./log.db"')
    names = (topics.verified("production"), topics.lifecycle("production"))
    asyncio.run(_log_with(tmp_path / "log.db", *names))
    code, findings = _run(Asked(path), now_ms=NOW_MS)  # long before the record was written
    assert (code, _at(findings, "clock")) == (3, ["fail"])
    assert _at(findings, names[0]) == ["ok"]


async def _store_of(path: Path, environment: str, anomaly: Anomaly | None = None) -> None:
    store = store_connect.connect(f"sqlite://{path}")
    await store.open(environment)
    if anomaly is not None:
        async with store.transaction() as transaction:
            changes = Changes()
            changes.anomalies.append(anomaly)
            await transaction.save(changes)
    await store.close()


def test_the_database_of_another_environment_is_found(tmp_path: Path) -> None:
    """A restored copy keeps its owner's name."""
    path = _write(tmp_path, "production", top='[store]\nurl = "sqlite:./store.db"')
    asyncio.run(_store_of(tmp_path / "store.db", "staging"))
    code, findings = _run(Asked(path))
    assert (code, _at(findings, "database")) == (3, ["fail"])


def test_looking_at_a_database_leaves_it_as_it_was(tmp_path: Path) -> None:
    """The doctor of the next version is run first: the workers of this one must not notice."""
    path = _write(tmp_path, "sandbox", top='[store]\nurl = "sqlite:./store.db"')
    url = f"sqlite://{tmp_path}/store.db"
    asyncio.run(make_first_version(url))
    before = asyncio.run(tables(url))
    code, findings = _run(Asked(path))
    assert (code, _at(findings, "database")) == (0, ["warn"])
    assert asyncio.run(tables(url)) == before


def test_a_database_that_is_not_made_yet_is_not_made_by_the_doctor(tmp_path: Path) -> None:
    """It is asked before the first start, maybe by root: the file would not be the worker's."""
    path = _write(tmp_path, "production", top='[store]\nurl = "sqlite:./var/store.db"')
    code, findings = _run(Asked(path))
    assert (code, _at(findings, "database")) == (0, ["ok"])
    assert not (tmp_path / "var").exists()


def test_every_source_with_open_mismatches_is_listed(tmp_path: Path) -> None:
    """The audit after a leak: which source, how often, since when."""
    path = _write(tmp_path, "production", top='[store]\nurl = "sqlite:./store.db"')
    source = "urn:sealgate:production:shop"
    item = Anomaly(Code.ENV_MISMATCH, source, 1, "evt_1 says that it is a test", None, NOW_MS)
    asyncio.run(_store_of(tmp_path / "store.db", "production", item))
    code, findings = _run(Asked(path))
    assert (code, _at(findings, source)) == (3, ["fail"])


def test_an_unreachable_database_is_told_apart_from_a_wrong_one(tmp_path: Path) -> None:
    """Exit code 69 is for a watchdog that tries again; nothing is known to be wrong."""
    top = '[store]\nurl = "postgresql://u@127.0.0.1:1/pay"'
    code, findings = _run(Asked(_write(tmp_path, "production", top=top)))
    assert (code, _at(findings, "database")) == (69, ["away"])


def test_a_port_that_a_stranger_has_is_found(tmp_path: Path) -> None:
    """Before the deployment, and not in its logs."""
    path = _write(tmp_path, "production")
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        path.write_text(path.read_text().replace("[edge]\nport = 0", f"[edge]\nport = {port}"))
        code, findings = _run(Asked(path))
    assert (code, _at(findings, "edge.port")) == (3, ["fail"])


async def test_a_source_whose_key_is_wrong_is_told(tmp_path: Path) -> None:
    """A wrong key refuses every payment of a source while all that a file can say is in order."""
    registry = CollectorRegistry()
    Info("sealgate_build", "", registry=registry).info({"environment": "production"})
    suspicions = [
        Suspicion("shop", "btcpay", True),
        Suspicion("card", "stripe", False),
        Suspicion("kiosk", "btcpay", True, is_besieged=True),
    ]
    EdgeMetrics(registry).watch_suspects(lambda: suspicions)
    admin = Admin(AdminSettings(port=0), registry, list)
    port = await admin.start()
    path = _write(tmp_path, "production")
    path.write_text(path.read_text().replace("[admin]\nport = 0", f"[admin]\nport = {port}"))
    code, findings = await asyncio.to_thread(_run, Asked(path))
    await admin.stop()
    assert code == 3
    (told,) = [one["told"] for one in findings if one["level"] == "fail"]
    assert "'shop'" in told
    assert "verification-failures" in told
    (asked,) = [one for one in findings if one["level"] == "warn"]
    assert "'kiosk'" in asked["told"]
    assert "stranger" in asked["told"], "no reason to roll back: a forger must not stop deployments"


def test_what_one_environment_writes_the_other_refuses(tmp_path: Path) -> None:
    """The list goes from staging to production; the secrets stay where they are."""
    key = bytes(range(32)).hex()
    staging = _write(tmp_path / "a", "staging", top='[fingerprints]\nkey_file = "fp"')
    (tmp_path / "a" / "fp").write_text(key)
    out = io.StringIO()
    assert list_fingerprints(staging, {}, out) == 0
    assert SECRET not in out.getvalue()
    top = '[fingerprints]\nkey_file = "fp"\nforeign_files = ["list"]'
    production = _write(tmp_path / "b", "production", top=top)
    (tmp_path / "b" / "fp").write_text(key)
    (tmp_path / "b" / "list").write_text(out.getvalue())
    code, findings = _run(Asked(production, offline=True))
    assert (code, _at(findings, "source 'shop' key 'k1'")) == (78, ["mistake"])


def test_the_lines_for_people_say_the_same(tmp_path: Path) -> None:
    """One line each, the level first, and a sum."""
    out = io.StringIO()
    assert doctor(Asked(_write(tmp_path, "production"), offline=True), {}, NOW_MS, out) == 0
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("ok ")
    assert lines[0].endswith(" is whole; 'production' is a live one")
    assert lines[-1] == "4 ok"
