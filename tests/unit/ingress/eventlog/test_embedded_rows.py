"""How records lie in the file: every size of group, and what a second writer leaves behind."""

import pytest

from ingress.eventlog import embedded_rows as rows
from ingress.eventlog.embedded_file import open_writer
from ingress.eventlog.port import Message, MessageRefused, Partition, Position

NOW_MS = 1_700_000_000_000


@pytest.fixture
def connection(tmp_path):
    """Return a log's file with two topics."""
    made = open_writer(tmp_path / "log.db")
    with made:
        rows.make_topics(made, {"one": 1, "two": 2})
    yield made
    made.close()


def ready(count: int, topic: str = "one") -> list[rows.Row]:
    """Make so many messages ready."""
    return [rows.row(Message(topic, b"k", b"%d" % n, (("h", b"\xff"),))) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 300])
def test_a_group_of_any_size_is_written_whole(connection, count):
    """Rows are inserted many at a time: the seams between statements must not show."""
    with connection:
        positions = rows.append(connection, rows.Topics(), ready(count), NOW_MS)
    found = rows.read(connection, {Partition("one", 0): 0}, rows.Most(1000))
    assert positions == [Position(Partition("one", 0), n) for n in range(count)]
    assert [record.value for record in found] == [b"%d" % n for n in range(count)]
    assert {record.headers for record in found} <= {(("h", b"\xff"),)}
    assert {record.timestamp_ms for record in found} <= {NOW_MS}


def test_a_group_may_hold_several_topics_and_a_wrong_one(connection):
    """One message for a topic that does not exist must not spoil its group."""
    group = [*ready(1), *ready(1, "none"), *ready(2, "two"), *ready(1)]
    with connection:
        answers = rows.append(connection, rows.Topics(), group, NOW_MS)
    assert answers[0] == Position(Partition("one", 0), 0)
    assert isinstance(answers[1], MessageRefused)
    assert [answers[2].offset, answers[3].offset] == [0, 1]
    assert answers[2].partition == answers[3].partition
    assert answers[4] == Position(Partition("one", 0), 1)


def test_offsets_go_on_from_what_another_writer_left(connection, tmp_path):
    """Two processes may write to one file; what one of them remembers must not be trusted."""
    topics = rows.Topics()
    with connection:
        rows.append(connection, topics, ready(2), NOW_MS)
    other = open_writer(tmp_path / "log.db")
    with other:
        rows.append(other, rows.Topics(), ready(3), NOW_MS)
    other.close()
    with connection:
        [position] = rows.append(connection, topics, ready(1), NOW_MS)
    assert position.offset == 5


def test_a_header_that_is_no_text_is_refused_before_it_is_queued():
    """A lone surrogate can come from a request's bytes; it must not fail a whole group."""
    with pytest.raises(MessageRefused, match="not text"):
        rows.row(Message("one", b"k", b"v", (("\udc80", b"v"),)))


def test_a_read_ends_after_some_mebibytes(connection):
    """A thousand records of 1 MiB must not become one answer of 1 GiB."""
    large = [rows.row(Message("one", b"k", bytes(1_048_576))) for _ in range(12)]
    with connection:
        rows.append(connection, rows.Topics(), large, NOW_MS)
    assert len(rows.read(connection, {Partition("one", 0): 0}, rows.Most(1000))) == 8
