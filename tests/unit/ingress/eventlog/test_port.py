"""The size of a message is judged before it is sent, so it must never be judged too small."""

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from ingress.eventlog.port import Message, size_bytes

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
headers = st.lists(st.tuples(names, st.binary(max_size=300)), max_size=20)


@given(key=st.binary(max_size=300), value=st.binary(max_size=3000), headers=headers)
def test_a_size_is_never_less_than_what_kafka_counts(key, value, headers):
    """A record that passes here and is refused by the broker takes its whole batch with it."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 10_000_000)
    builder.append(0, 1, key=key, value=value, headers=headers)
    assert size_bytes(Message("t", key, value, tuple(headers))) >= len(builder.build())
