"""What an error of a batch means for its messages, read off Kafka's own table of errors."""

import pytest
from aiokafka.errors import KafkaTimeoutError, for_code

from ingress.eventlog.kafka_verdict import Verdict, judge

# Codes and meanings: https://kafka.apache.org/protocol#protocol_error_codes
TABLE = {
    2: Verdict.DOUBTFUL,  # CORRUPT_MESSAGE
    7: Verdict.UNKNOWN,  # REQUEST_TIMED_OUT
    10: Verdict.APART,  # MESSAGE_TOO_LARGE
    17: Verdict.FORBIDDEN,  # INVALID_TOPIC_EXCEPTION
    18: Verdict.APART,  # RECORD_LIST_TOO_LARGE
    29: Verdict.FORBIDDEN,  # TOPIC_AUTHORIZATION_FAILED
    31: Verdict.FORBIDDEN,  # CLUSTER_AUTHORIZATION_FAILED
    32: Verdict.APART,  # INVALID_TIMESTAMP
    43: Verdict.APART,  # UNSUPPORTED_FOR_MESSAGE_FORMAT
    44: Verdict.APART,  # POLICY_VIOLATION
    45: Verdict.AGAIN,  # OUT_OF_ORDER_SEQUENCE_NUMBER
    47: Verdict.AGAIN,  # INVALID_PRODUCER_EPOCH
    49: Verdict.AGAIN,  # INVALID_PRODUCER_ID_MAPPING
    56: Verdict.UNKNOWN,  # KAFKA_STORAGE_ERROR
    59: Verdict.AGAIN,  # UNKNOWN_PRODUCER_ID
    87: Verdict.DOUBTFUL,  # INVALID_RECORD, which aiokafka does not name
}


@pytest.mark.parametrize(("code", "verdict"), TABLE.items())
def test_each_code_means_what_kafka_says(code, verdict):
    """A refusal for good and a wish to come again must not be mistaken for each other."""
    assert judge(for_code(code)()) is verdict


def test_what_nobody_foresaw_is_unknown():
    """Only `UNKNOWN` is safe to say of an error that is not understood."""
    assert judge(KafkaTimeoutError()) is Verdict.UNKNOWN
    assert judge(ValueError()) is Verdict.UNKNOWN
