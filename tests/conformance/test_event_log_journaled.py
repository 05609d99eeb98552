"""The suite of every publisher, asked of the one behind a journal, for each policy that takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typing_extensions import override

from ingress.eventlog.journal import Terms
from ingress.eventlog.journal_room import Limits
from ingress.eventlog.journaled import JournaledPublisher, Journaling, Policy
from ingress.eventlog.port import EventLog
from tests.conformance.test_event_log import (
    test_a_message_for_no_topic_is_refused,
    test_a_message_that_is_too_large_is_refused_and_harms_nobody,
    test_a_value_comes_back_byte_for_byte,
    test_headers_come_back_in_order_with_repeats_and_any_bytes,
    test_offsets_have_no_gaps_when_many_publish_at_once,
    test_records_of_one_key_share_a_partition_and_keep_their_order,
)
from tests.support.eventlogs import PARTITIONS, Ground
from tests.support.journals import MIB, Counts

__all__ = [
    "test_a_message_for_no_topic_is_refused",
    "test_a_message_that_is_too_large_is_refused_and_harms_nobody",
    "test_a_value_comes_back_byte_for_byte",
    "test_headers_come_back_in_order_with_repeats_and_any_bytes",
    "test_offsets_have_no_gaps_when_many_publish_at_once",
    "test_records_of_one_key_share_a_partition_and_keep_their_order",
]


@dataclass(frozen=True)
class JournaledGround(Ground):
    """A log whose publishers stand behind a journal."""

    directory: Path = field(default_factory=Path)

    @override
    @asynccontextmanager
    async def publishing(
        self, log: EventLog, deadline_s: float = 5.0
    ) -> AsyncIterator[JournaledPublisher]:
        terms = Terms(self.directory, "0", Limits(256 * MIB, 0))
        journaling = Journaling(Policy.JOURNAL, 300.0, terms)
        publisher = journaling.before(log.publisher(deadline_s=deadline_s), Counts())
        await publisher.open({self.topic: PARTITIONS})
        await publisher.start()
        try:
            yield publisher
        finally:
            await publisher.stop()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def ground(request: pytest.FixtureRequest, tmp_path) -> Ground:
    """Return a log of each kind in turn, behind a journal."""
    url = f"embedded://{tmp_path}/log.db"
    if request.param == "kafka":
        url = f"kafka://{request.getfixturevalue('kafka_bootstrap')}?replication_factor=1"
    return JournaledGround(url, Ground.at(url).topic, tmp_path / "journal")
