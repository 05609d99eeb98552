"""What the doctor looks at beyond keys and places: each thing amiss is found, with what to do."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from consumers.store.port import KeyUse
from ingress.contract import topics
from ingress.contract.declaration import RETENTION_MS
from ingress.eventlog import connect
from ingress.eventlog.port import Message, Weakness
from sealgate.audit import command as audit
from sealgate.config import Configuration, read
from sealgate.doctor import behind, disks, live, watched
from sealgate.doctor.command import Asked, doctor
from sealgate.doctor.findings import Finding, Level
from sealgate.role import Role
from tests.support.exposed import BEGIN_MS, ENVIRONMENT, URI, Shop, told
from tests.support.tls import write_pair

DAY_MS = 24 * 3600 * 1000
MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/x /srv nfs4 rw 0 0
/dev/sdb1 /srv/local\\040disk xfs rw 0 0
tmpfs /run tmpfs rw 0 0
gw /mnt/gw fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/sealgate", ""),
        ("/srv/journal", "nfs4"),
        ("/srv/local disk/journal", ""),
        ("/run/journal", "tmpfs"),
        ("/mnt/gw/journal", "fuse.sshfs"),
        ("/srvother", ""),
    ],
)
def test_a_journal_on_no_disk_of_this_machine_is_told(tmp_path: Path, path: str, kind: str) -> None:
    """An fsync to another machine, or to memory, promises nothing that a 2xx may rest on."""
    (tmp_path / "mounts").write_text(MOUNTS)
    wrong = disks.trouble(Path(path), tmp_path / "mounts")
    assert (kind in wrong) if kind else (wrong == "")
    assert disks.trouble(Path(path), tmp_path / "nowhere") == ""


def look(config: Path, now_ms: int, *rules: Path) -> list[Finding]:
    """Ask the doctor, without a network."""
    out = io.StringIO()
    doctor(Asked(config, offline=True, json=True, rules=rules), {}, now_ms, out)
    found = json.loads(out.getvalue())["findings"]
    return [Finding(Level(one["level"]), one["subject"], one["told"]) for one in found]


def about(findings: list[Finding], subject: str) -> list[tuple[Level, str]]:
    """Return what is said of one thing."""
    return [(one.level, one.told) for one in findings if one.subject == subject]


def configured(directory: Path, more: str) -> Path:
    """Write a configuration with one source, and more."""
    (directory / "k1").write_text("5f1c8e0a7b94")
    path = directory / "sealgate.toml"
    path.write_text(
        'environment = "production"\n[admin]\nport = 0\n[[source]]\nslug = "shop"\n'
        f'provider = "btcpay"\n[[source.key]]\nid = "k1"\nfile = "k1"\n{more}\n'
    )
    return path


@pytest.mark.parametrize("accepts", [True, False])
def test_what_is_meant_is_said_once_and_warns_nobody(*, accepts: bool) -> None:
    """Eight warnings of one broker hide the ninth, which is of something else."""
    words = ("verified", "lifecycle", "alarms", "quarantine")
    losing = [
        Weakness(f"payments.dev.{one}", "may lose", loses=True) for one in words for _ in "ab"
    ]
    other = Weakness("payments.dev.verified", "keeps records for 1 day", loses=False)
    found = list(live.weak([*losing, other], accepts=accepts))
    told = [(one.level, one.subject) for one in found]
    if not accepts:
        assert told.count((Level.FAIL, "payments.dev.verified")) == 2
        assert len(told) == 9
        return
    assert told == [(Level.OK, "log.accepts_unsafe_topics"), (Level.WARN, "payments.dev.verified")]
    assert "4 of our topics" in found[0].told
    assert list(live.weak([other], accepts=True)) == found[1:], "where nothing is lost, no line"


@pytest.mark.parametrize(("days", "level"), [(10, Level.WARN), (60, Level.OK)])
def test_a_certificate_that_ends_soon_is_told(tmp_path: Path, days: int, level: Level) -> None:
    """On the day after, every provider fails to connect, and there is no request to count."""
    now = datetime.now(UTC)
    write_pair(tmp_path, not_after=now + timedelta(days=days))
    tls = '[edge.tls]\ncertificate_file = "tls.crt"\nkey_file = "tls.key"'
    found = look(configured(tmp_path, tls), int(now.timestamp() * 1000))
    ((said, words),) = about(found, "edge.tls")
    assert said is level
    assert f"{now + timedelta(days=days):%Y-%m-%d}" in words


TOKEN = """
[[source]]
slug = "lab"
provider = "gitlab_token"
[[source.key]]
id = "k1"
file = "k2"
"""


@pytest.mark.parametrize(
    ("more", "level", "says"),
    [
        ("", Level.OK, "256 MiB a day of a source, 2048 MiB of all, for 7 days"),
        ("[quarantine]\nenabled = false", Level.WARN, "is lost"),
        (
            TOKEN,
            Level.WARN,
            "nothing of lab",
        ),
    ],
)
def test_what_could_not_be_kept_is_told_before_it_is_refused(
    tmp_path: Path, more: str, level: Level, says: str
) -> None:
    """Whoever rotates a key wrongly wants back what was refused meanwhile."""
    (tmp_path / "k2").write_text("0123456789abcdef0123")
    ((said, words),) = about(look(configured(tmp_path, more), BEGIN_MS), "quarantine")
    assert (said, says in words) == (level, True)


@pytest.mark.parametrize(
    ("ahead_ms", "level", "says"),
    [
        (-1999, Level.OK, "1999 ms"),
        (2000, Level.OK, "2000 ms"),
        (60_000, Level.FAIL, "60 s behind the database's"),
        (-60_000, Level.FAIL, "60 s ahead of the database's"),
    ],
)
def test_two_clocks_that_disagree_are_told(ahead_ms: int, level: Level, says: str) -> None:
    """Windows close by one clock and money is dated by another."""
    found = behind.clock(ahead_ms)
    assert (found.level, says in found.told) == (level, True)


@pytest.mark.parametrize(
    ("age_ms", "level"),
    [
        (0, Level.OK),
        (RETENTION_MS // 4, Level.OK),
        (RETENTION_MS // 4 + 1, Level.WARN),
        (RETENTION_MS // 2 + 1, Level.FAIL),
    ],
)
def test_a_consumer_that_retention_will_overtake_is_told(age_ms: int, level: Level) -> None:
    """After the last day there is nothing left to read, and no lag either."""
    found = behind.aged("t", age_ms)
    assert found.level is level
    assert ("start workers" in found.told) == (level is not Level.OK)


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop with three records in its log, one of which is applied."""
    shop = Shop(tmp_path)
    lines = shop.config.read_text()
    more = '[consumer]\ngroup = "payments"\n[audit]\nkey_file = "audit.key"\n'
    shop.config.write_text(f'{lines}{more}[log]\nurl = "embedded:./log.db"\npartitions = 1\n')
    sealed = [told(f"e{number}", "inv-1", "InvoiceCreated", at_s=number) for number in range(3)]

    async def write() -> None:
        log = connect.connect(f"embedded://{tmp_path / 'log.db'}")
        await log.ensure_topics({topics.verified(ENVIRONMENT): 1})
        publisher = log.publisher()
        await publisher.start()
        for one in sealed:
            key, headers, value = one.encode()
            await publisher.publish(Message(topics.verified(ENVIRONMENT), key, value, headers))
        await publisher.stop()
        await log.close()

    asyncio.run(write())
    shop.apply(sealed[0])
    return shop


def ask(configuration: Configuration, now_ms: int = BEGIN_MS) -> list[Finding]:
    """Ask the log and the database together."""
    return asyncio.run(behind.look(configuration, now_ms, (Role.EDGE, Role.MONITOR)))


def test_what_waits_is_held_against_what_the_log_keeps(shop: Shop) -> None:
    """The age is that of the oldest record that nobody has read, not of the newest."""
    topic = topics.verified(ENVIRONMENT)
    (fine,) = [one for one in ask(shop.configuration()) if one.subject == topic]
    assert fine.level is Level.OK
    later_ms = int(datetime.now(UTC).timestamp() * 1000) + 30 * DAY_MS
    (late,) = [one for one in ask(shop.configuration(), later_ms) if one.subject == topic]
    assert (late.level, "is 30 days old" in late.told) == (Level.FAIL, True)


def test_a_lag_of_minutes_is_told_in_minutes() -> None:
    """Somebody who was woken by it must not read that it is 0.0 days."""
    assert "is 5 minutes 10 seconds old" in behind.aged("t", 310_000).told


def test_records_that_are_gone_unread_are_told(shop: Shop) -> None:
    """Retention went by: what was acknowledged will never be applied, and somebody must know."""
    with apsw.Connection(str(shop.directory / "log.db")) as file:
        file.execute("DELETE FROM record WHERE offset < 2")
        file.execute("UPDATE partition SET begin_offset = 2")
    file.close()
    found = ask(shop.configuration())
    gone = [one for one in found if one.level is Level.FAIL]
    assert [one.subject for one in gone] == [topics.verified(ENVIRONMENT)]
    assert "begins at 2, and the workers had read up to 1" in gone[0].told


def test_a_key_that_is_in_use_for_long_is_told(shop: Shop) -> None:
    """A key is as old as its first event: a file's date changes with every deployment."""
    uses = [KeyUse(URI, "k1", BEGIN_MS, BEGIN_MS), KeyUse("other", "k2", 0, 0)]
    configuration = shop.configuration()
    (fine,) = behind.key_ages(configuration, uses, BEGIN_MS + 90 * DAY_MS)
    assert fine.level is Level.OK
    (old,) = behind.key_ages(configuration, uses, BEGIN_MS + 91 * DAY_MS)
    assert (old.level, old.subject) == (Level.WARN, "source 'shop'")
    assert "key k1 has been proving events for 91 days" in old.told


def test_a_monitor_that_writes_no_checkpoints_is_told(shop: Shop) -> None:
    """Without them nobody outside of the database can tell that history is what it was."""
    configuration = read(shop.config, {})
    assert audit.init(configuration) == 0
    (none,) = behind.checkpoints(configuration, BEGIN_MS)
    assert (none.level, "no checkpoint yet" in none.told) == (Level.WARN, True)
    assert audit.checkpoint(configuration, BEGIN_MS) == 0
    (fresh,) = behind.checkpoints(configuration, BEGIN_MS + 3 * 3_600_000)
    assert fresh.level is Level.OK
    (stale,) = behind.checkpoints(configuration, BEGIN_MS + 3 * 3_600_000 + 1)
    assert (stale.level, "180 min ago" in stale.told) == (Level.FAIL, True)
    (shop.directory / "audit.key.pub").write_text("no key")
    (foreign,) = behind.checkpoints(configuration, BEGIN_MS)
    assert foreign.level is Level.FAIL


COLLECTING = 'sealgate_collector_success{collector="lag"} 1.0\n'


def test_a_collector_that_fails_is_told() -> None:
    """Its series are gone, and a panel without data looks like a quiet day."""
    assert list(live.collectors("")) == []
    (fine,) = live.collectors(COLLECTING)
    assert (fine.level, fine.subject) == (Level.OK, "monitor")
    failed = f'{COLLECTING}sealgate_collector_success{{collector="exceptions"}} 0.0\n'
    (bad,) = live.collectors(failed)
    assert (bad.level, "exceptions" in bad.told) == (Level.FAIL, True)


NAMES = {"sealgate_requests_total", "sealgate_payments"}


def known(name: str) -> object:
    """Tell two metrics."""
    return name if name in NAMES else None


@pytest.mark.parametrize(
    ("text", "level", "says"),
    [
        ("expr: rate(sealgate_requests_total[5m]) > 0", Level.OK, "asks for 1 metrics"),
        # A recording rule's own name has a colon, and is told by Prometheus.
        ("expr: sealgate_payments + sealgate_requests:rate5m", Level.OK, "asks for 1"),
        ("expr: sealgate_requests_count > 0", Level.FAIL, "asks for sealgate_requests_count,"),
        ("expr: up == 0", Level.FAIL, "no metric of ours"),
    ],
)
def test_rules_of_another_version_are_told(
    tmp_path: Path, text: str, level: Level, says: str
) -> None:
    """A rule that asks for what nobody tells never fires, and nothing shows that."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "edge.yml").write_text(text)
    (folder / "notes.txt").write_text("sealgate_nonsense")
    (found,) = watched.compare([folder], known)
    assert (found.level, says in found.told) == (level, True)
    (away,) = watched.compare([tmp_path / "nowhere.yml"], known)
    assert away.level is Level.AWAY
