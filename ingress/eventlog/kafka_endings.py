"""How a message ends, and what it took while it was here: the only place where futures are told.

Whoever awaits a message may have gone; then its future is done already, and nothing is said or
counted. What a message takes is counted from `take` until it is released: at its end if it was not
sent, with its batch if it was, because until then the producer holds its bytes whoever awaits them.
"""

from collections.abc import Iterable

from ingress.eventlog.kafka_lanes import Batch, Waiting
from ingress.eventlog.observer import Observer, Outcome
from ingress.eventlog.port import UNPLACED, LogUnavailable, MessageRefused, Position, TopicRefused


class Endings:
    """Ends messages; `count` and `size_bytes` are what the publisher holds now."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.count = 0
        self.size_bytes = 0

    def take(self, waiting: Waiting) -> None:
        """Count a message in."""
        self.count += 1
        self.size_bytes += waiting.size_bytes

    def release(self, ended: Iterable[Waiting]) -> None:
        """Count messages out."""
        for waiting in ended:
            self.count -= 1
            self.size_bytes -= waiting.size_bytes

    def tell(self) -> None:
        """Say how much is held now."""
        self._observer.waiting(self.count, self.size_bytes)

    def confirm(self, batch: Batch, base: int) -> None:
        """End the messages of a batch that begins at the offset `base`."""
        partition = batch.lane.partition
        count = 0
        for offset, waiting in enumerate(batch.sent, base):
            if not waiting.future.done():
                # A batch that the broker had already may come back without its place.
                place = offset if base >= 0 else UNPLACED
                waiting.future.set_result(Position(partition, place))
                count += 1
        self._observer.published(Outcome.ACKED, count)
        self.release(batch.sent)

    def refuse(self, ended: Iterable[Waiting], reason: str) -> None:
        """End messages that Kafka will never take."""
        for waiting in ended:
            self._fail(waiting, MessageRefused(reason), Outcome.REFUSED)
            self.release((waiting,))

    def bar(self, ended: Iterable[Waiting], reason: str) -> None:
        """End messages of a topic that is not there, or not for us: an operator can mend that."""
        for waiting in ended:
            self._fail(waiting, TopicRefused(reason), Outcome.REFUSED)
            self.release((waiting,))

    def reject(self, ended: Iterable[Waiting], reason: str) -> None:
        """End messages that were not sent."""
        for waiting in ended:
            self._fail(waiting, LogUnavailable(f"{reason}: not sent"), Outcome.REJECTED)
            self.release((waiting,))

    def doubt(self, ended: Iterable[Waiting], reason: str) -> None:
        """End messages that were sent and may have arrived; they are released with their batch."""
        for waiting in ended:
            error = LogUnavailable(f"{reason}: outcome unknown", is_unknown=True)
            self._fail(waiting, error, Outcome.UNKNOWN)

    def _fail(self, waiting: Waiting, error: Exception, outcome: Outcome) -> None:
        if not waiting.future.done():
            waiting.future.set_exception(error)
            self._observer.published(outcome, 1)
