"""What is changed in a cluster, what is left, and what is refused: by literal topics."""

import pytest

from ingress.eventlog.kafka_admin import Grant, Kind, Operation
from ingress.eventlog.kafka_weakness import Found
from sealgate.topics.command import as_json, as_text
from sealgate.topics.plan import Plan, Wish, plan
from sealgate.topics.rights import missing

DAY_MS = 86_400_000
WISH = Wish("prod", partitions=6, replication_factor=3, quarantine_ms=7 * DAY_MS)
GOOD = {
    "cleanup.policy": "delete",
    "retention.ms": str(45 * DAY_MS),
    "max.message.bytes": "1114112",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
    "message.timestamp.type": "LogAppendTime",
}
NAMES = [f"payments.prod.{word}" for word in ("verified", "lifecycle", "alarms", "quarantine")]


def cluster(**changed: str) -> dict[str, Found]:
    """Return a cluster where all is well, but for these settings of the first topic."""
    found = {name: Found(6, 3, GOOD, {}) for name in NAMES}
    found[NAMES[3]] = Found(6, 3, GOOD | {"retention.ms": str(7 * DAY_MS)}, {})
    settings = GOOD | {name.replace("_", "."): value for name, value in changed.items()}
    return found | {NAMES[0]: Found(6, 3, settings, {})}


def test_a_cluster_that_keeps_the_promises_is_left_alone():
    """Apply is run from pipelines: it must be quiet when nothing is to be done."""
    assert plan(WISH, cluster(), ()).is_empty


def test_an_empty_cluster_gets_every_topic():
    """The first run makes all there is."""
    assert plan(WISH, {}, ()).make == dict.fromkeys(NAMES, 6)


@pytest.mark.parametrize(
    ("setting", "found", "wanted"),
    [
        ("cleanup.policy", "compact", "delete"),
        ("cleanup.policy", "compact,delete", "delete"),
        ("retention.ms", str(44 * DAY_MS), str(45 * DAY_MS)),
        ("max.message.bytes", "1048588", "1114112"),
        ("min.insync.replicas", "1", "2"),
        ("min.insync.replicas", "3", "2"),
        ("unclean.leader.election.enable", "true", "false"),
        ("message.timestamp.type", "CreateTime", "LogAppendTime"),
    ],
)
def test_a_weaker_setting_is_raised_and_no_other_touched(setting, found, wanted):
    """What the cluster's owner set beside is theirs."""
    planned = plan(WISH, cluster(**{setting.replace(".", "_"): found}), ())
    assert planned.set == {NAMES[0]: {setting: wanted}}


@pytest.mark.parametrize(
    ("setting", "found"),
    [("retention.ms", "-1"), ("retention.ms", str(90 * DAY_MS)), ("max.message.bytes", "9999999")],
)
def test_a_stronger_setting_is_left(setting, found):
    """To lower it could lose what somebody keeps on purpose."""
    assert plan(WISH, cluster(**{setting.replace(".", "_"): found}), ()).is_empty


def test_the_quarantine_forgets_in_time():
    """It holds what nobody has verified: longer is not better."""
    found = cluster() | {NAMES[3]: Found(6, 3, GOOD, {})}
    assert plan(WISH, found, ()).set == {NAMES[3]: {"retention.ms": str(7 * DAY_MS)}}


def test_partitions_are_never_added():
    """A payment's events would be spread over two partitions, and their order lost."""
    found = cluster() | {NAMES[1]: Found(3, 3, GOOD, {})}
    planned = plan(WISH, found, ())
    assert not planned.make
    assert not planned.set
    assert "has 3 partitions, and log.partitions says 6: say 3" in planned.refused[0]


def test_too_few_replicas_are_told_and_left_to_a_person():
    """To copy a topic between brokers is hours of work for a cluster."""
    found = cluster() | {NAMES[1]: Found(6, 1, GOOD | {"min.insync.replicas": "1"}, {})}
    (told,) = plan(WISH, found, ()).refused
    assert "has 1 replicas of 3" in told


def test_settings_that_cannot_be_seen_are_not_set():
    """To set what one cannot see is to guess."""
    planned = plan(WISH, cluster() | {NAMES[1]: Found(6, 3, None, {})}, ())
    assert not planned.set
    assert "cannot be seen" in planned.refused[0]


def test_a_rule_for_everything_on_a_topic_is_enough():
    """Whoever granted ALL meant it."""
    one = Grant("User:edge", Kind.TOPIC, NAMES[0], Operation.WRITE)
    assert missing([one], []) == [one]
    assert missing([one], [one]) == []
    assert missing([one], [one._replace(operation=Operation.ALL)]) == []
    assert missing([one], [one._replace(principal="User:other")]) == [one]


def test_what_is_printed_says_what_was_done_and_what_is_left():
    """The last line is what a person reads first."""
    one = Grant("User:edge", Kind.TOPIC, NAMES[0], Operation.WRITE)
    planned = Plan({"a": 6}, {"b": {"retention.ms": "1"}}, (one,), ("c has 3",))
    assert as_text(planned, is_done=True).splitlines() == [
        "made     a  6 partitions",
        "set      b  retention.ms=1",
        f"granted  User:edge WRITE topic {NAMES[0]}",
        "refused  c has 3",
        "",
        "3 done, 1 left to you",
    ]
    assert "sealgate topics apply" in as_text(planned, is_done=False)
    assert '"refused": [\n    "c has 3"' in as_json(planned)
