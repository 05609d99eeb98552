"""Count the dead letters that wait for somebody: those that nobody has replayed since.

The letters flow in from the store as they are buried, each once; how many of a topic are open flows
out. A letter is over when its event is claimed after all: an operator replayed it, or its provider
sent it again. What is no envelope stays open for ever, for no replay can read it. Reading is
bounded: so many letters, and so many questions about events, in one look; what is left over keeps
its last answer, and that was that it is open.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from consumers.store.keys import EventKey
from consumers.store.port import DeadLetter, Store
from consumers.store.rereads import Rereads
from ingress.contract.envelope import Envelope, EnvelopeMalformed

PAGE = 200
LOOKED_AT_MAX = 2_000
ASKED_MAX = 200


class _Open(NamedTuple):
    """A letter that is open: its topic, and its event, if it holds one."""

    topic: str
    event: EventKey | None


@dataclass(slots=True)
class Buried:
    """The open dead letters of a store, by their numbers."""

    store: Store
    _read_to: int = field(default=0, init=False)
    _open: dict[int, _Open] = field(default_factory=dict, init=False)

    async def count(self) -> Mapping[str, int]:
        """Return how many letters of each topic are open. Raises `StoreUnavailable`."""
        await self._read_on()
        await self._ask()
        return Counter(one.topic for one in self._open.values())

    async def _read_on(self) -> None:
        """Take note of the letters that are new."""
        reads = Rereads.of(self.store)
        for _ in range(LOOKED_AT_MAX // PAGE):
            page = await reads.letters(self._read_to, PAGE)
            for number, letter in page:
                topic = letter.position.partition.topic
                self._open[number] = _Open(topic, _event(letter))
                self._read_to = number
            if len(page) < PAGE:
                break

    async def _ask(self) -> None:
        """Find out which are over; whoever was asked about goes to the end of the queue."""
        asked = list(islice(self._open.items(), ASKED_MAX))
        for number, one in asked:
            del self._open[number]
            if one.event is None or await self.store.event(one.event) is None:
                self._open[number] = one


def _event(letter: DeadLetter) -> EventKey | None:
    try:
        envelope = Envelope.decode(letter.headers, letter.value)
    except EnvelopeMalformed:
        return None
    return EventKey(envelope.provider, envelope.account, envelope.event_key)
