"""librdkafka's mock cluster, for errors that a real broker gives only when it is in trouble.

It speaks Kafka's protocol from memory, and says what it is told to say. It stands for no broker: it
keeps nothing, checks no sequence numbers, and no claim about durability rests on it. It is inside
the wheel of confluent-kafka and is reached by ctypes, because that library has no door to it.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.support.services import missing

PRODUCE = 0
NOBODY = -1
_PRODUCER = 0
_REASON_BYTES = 512


class MockCluster:
    """A cluster of one broker, whose id is 1."""

    def __init__(self, library: ctypes.CDLL, cluster: ctypes.c_void_p) -> None:
        self._library = library
        self._cluster = cluster
        self.bootstrap = str(library.rd_kafka_mock_cluster_bootstraps(cluster).decode())

    def make_topic(self, topic: str, partitions: int) -> None:
        """Create a topic."""
        failed = self._library.rd_kafka_mock_topic_create(
            self._cluster, topic.encode(), partitions, 1
        )
        assert not failed

    def fail_produce(self, *codes: int) -> None:
        """Answer the next produce requests with these error codes, one each, for all they carry."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(PRODUCE), ctypes.c_size_t(len(codes)), array
        )

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Let another broker lead a partition, or `NOBODY`."""
        failed = self._library.rd_kafka_mock_partition_set_leader(
            self._cluster, topic.encode(), partition, broker
        )
        assert not failed

    def watch(self) -> None:
        """Count requests from now on."""
        self._library.rd_kafka_mock_clear_requests(self._cluster)
        self._library.rd_kafka_mock_start_request_tracking(self._cluster)

    def seen(self, api: int) -> int:
        """Return how many requests of a kind came since `watch`."""
        count = ctypes.c_size_t()
        requests = self._library.rd_kafka_mock_get_requests(self._cluster, ctypes.byref(count))
        array = ctypes.cast(requests, ctypes.POINTER(ctypes.c_void_p))
        kinds = [
            self._library.rd_kafka_mock_request_api_key(ctypes.c_void_p(array[n]))
            for n in range(count.value)
        ]
        self._library.rd_kafka_mock_request_destroy_array(ctypes.c_void_p(requests), count)
        return kinds.count(api)


@contextmanager
def mock_cluster() -> Iterator[MockCluster]:
    """Run a mock cluster for as long as the context lasts."""
    library = _load()
    reason = ctypes.create_string_buffer(_REASON_BYTES)
    client = library.rd_kafka_new(
        _PRODUCER, library.rd_kafka_conf_new(), reason, ctypes.c_size_t(_REASON_BYTES)
    )
    assert client, reason.value
    client = ctypes.c_void_p(client)
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(client, 1))
    try:
        yield MockCluster(library, cluster)
    finally:
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(client)


def _load() -> ctypes.CDLL:
    spec = find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        missing("no mock cluster: confluent-kafka is not installed")
    beside = Path(spec.origin).parent.parent / "confluent_kafka.libs"
    found = sorted(beside.glob("librdkafka*"))
    if not found:
        missing("no mock cluster: this wheel of confluent-kafka carries no librdkafka")
    library = ctypes.CDLL(str(found[0]))
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    library.rd_kafka_conf_new.argtypes = []
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = [
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
    ]
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_get_requests.restype = ctypes.c_void_p
    library.rd_kafka_mock_request_api_key.restype = ctypes.c_int16
    return library
