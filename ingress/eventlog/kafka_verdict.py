"""What a failed batch means for its messages: an error of aiokafka in, one of four verdicts out.

A batch fails as a unit, and one bad message is enough. So where the fault may lie in the content,
nobody is blamed before being sent alone; and where the fault is the producer's, as its sequence
numbers are, the messages go again with another one, because the broker has appended none of them.
"""

from enum import Enum, auto

from aiokafka import errors as kafka


class Verdict(Enum):
    """What to do with the messages of a failed batch."""

    FORBIDDEN = auto()
    """We may not write there: each is refused."""
    APART = auto()
    """One of them may be guilty: send each alone. One that fails alone is refused."""
    DOUBTFUL = auto()
    """As `APART`, but what fails alone is not proven guilty: its outcome is unknown."""
    AGAIN = auto()
    """They are innocent: send them once more, with another producer."""
    UNKNOWN = auto()
    """Nobody knows whether the broker has them."""


_VERDICTS: dict[type[BaseException], Verdict] = {
    kafka.InvalidTopicError: Verdict.FORBIDDEN,
    kafka.TopicAuthorizationFailedError: Verdict.FORBIDDEN,
    kafka.ClusterAuthorizationFailedError: Verdict.FORBIDDEN,
    kafka.MessageSizeTooLargeError: Verdict.APART,
    kafka.RecordListTooLargeError: Verdict.APART,
    kafka.InvalidTimestampError: Verdict.APART,
    kafka.UnsupportedForMessageFormatError: Verdict.APART,
    kafka.PolicyViolationError: Verdict.APART,
    # Codes that aiokafka has no name for, INVALID_RECORD (87) among them.
    kafka.UnknownError: Verdict.DOUBTFUL,
    kafka.CorruptRecordException: Verdict.DOUBTFUL,
    kafka.OutOfOrderSequenceNumber: Verdict.AGAIN,
    kafka.UnknownProducerId: Verdict.AGAIN,
    kafka.InvalidProducerEpoch: Verdict.AGAIN,
    kafka.ProducerFenced: Verdict.AGAIN,
    kafka.InvalidProducerIdMapping: Verdict.AGAIN,
}


def judge(error: BaseException) -> Verdict:
    """Say what the error of a batch means for its messages."""
    return _VERDICTS.get(type(error), Verdict.UNKNOWN)
