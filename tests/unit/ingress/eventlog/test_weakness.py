"""Which topics can lose what was acknowledged: a table by hand."""

import pytest

from ingress.eventlog.kafka_weakness import Found, weaknesses_of

TOPIC = "payments.prod.verified"
DAY_MS = 86_400_000
GOOD = {
    "cleanup.policy": "delete",
    "retention.ms": str(45 * DAY_MS),
    "max.message.bytes": "1114112",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
    "message.timestamp.type": "LogAppendTime",
    "flush.messages": "9223372036854775807",
}


def judged(replicas: int = 3, **changed: str) -> list[tuple[bool, str]]:
    """Judge a good topic with these settings changed."""
    settings = GOOD | {name.replace("_", "."): value for name, value in changed.items()}
    found = weaknesses_of(TOPIC, Found(6, replicas, settings, {}))
    return [(one.loses, one.told) for one in found]


def test_three_replicas_with_two_in_sync_lose_nothing():
    """The setting that the documentation asks for is not complained of."""
    assert judged() == []
    assert judged(replicas=5, min_insync_replicas="3") == []
    assert judged(retention_ms="-1") == []


@pytest.mark.parametrize(
    ("replicas", "changed", "words"),
    [
        (1, {"min_insync_replicas": "1"}, "has 1 of 3 replicas"),
        (2, {}, "has 2 of 3 replicas"),
        (3, {"min_insync_replicas": "1"}, "one broker's memory"),
        (3, {"unclean_leader_election_enable": "true"}, "left behind take over"),
    ],
)
def test_what_can_lose_an_acknowledged_record_is_told_as_such(replicas, changed, words):
    """Kafka acknowledges from memory: one copy is none."""
    loses, told = judged(replicas, **changed)[0]
    assert loses
    assert words in told


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"min_insync_replicas": "3"}, "one broker away stops all writes"),
        ({"cleanup_policy": "compact"}, "only the last event"),
        ({"retention_ms": str(44 * DAY_MS)}, "44.0 days"),
        ({"max_message_bytes": "1048588"}, "largest deliveries"),
        ({"message_timestamp_type": "CreateTime"}, "writers' clocks"),
    ],
)
def test_what_is_unwise_is_told_and_loses_nothing_acknowledged(changed, words):
    """A warning must not keep an edge from starting."""
    ((loses, told),) = judged(**changed)
    assert not loses
    assert words in told


def test_one_broker_that_writes_each_record_through_to_its_disk_is_enough():
    """With flush.messages=1 an acknowledgement means the disk, however few the brokers."""
    assert not any(loses for loses, _ in judged(1, min_insync_replicas="1", flush_messages="1"))


def test_settings_that_may_not_be_seen_are_a_warning_and_replicas_still_count():
    """A user without DescribeConfigs learns what it can."""
    found = list(weaknesses_of(TOPIC, Found(6, 3, None, {})))
    assert [one.loses for one in found] == [False]
    assert "cannot be checked" in found[0].told
    assert any(one.loses for one in weaknesses_of(TOPIC, Found(6, 1, None, {})))


def test_the_quarantine_may_forget_early():
    """Its days are configured, and fewer."""
    settings = GOOD | {"retention.ms": str(7 * DAY_MS)}
    assert not list(weaknesses_of("payments.prod.quarantine", Found(6, 3, settings, {})))
