"""Read what transfers say beside their amount, where no event names a payment. Pure.

Each transfer of such an event is a deposit of its own. What it says of addresses and memos decides
nothing about its amount; it is for matching, and kept as the event tells it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from consumers.interpret import mapping, pointer
from consumers.interpret.reading import Places, Transfers, elements, first, identify
from ingress.contract import cloudevents

_HEX_MARK = "0x"


class TransferTold(NamedTuple):
    """What one transfer says, by the key of its facts; empty is not told.

    Addresses of hex digits are in small letters: providers write the same one in both.
    """

    key: str
    network: str
    tx: str
    address_to: str
    address_from: str
    memo: str
    named: str


@dataclass(frozen=True, slots=True)
class Deposits:
    """Reads the transfers of an event that names no payment."""

    transfers: Transfers
    tx: Places
    network: Places
    address_to: Places
    address_from: Places
    memo: Places
    named: Places

    @classmethod
    def compile(cls, told: mapping.Deposits, transfers: Transfers) -> Self:
        """Prepare the reader."""
        places = [tuple(map(pointer.parse, getattr(told, name))) for name in _PLACES]
        return cls(transfers, *places)

    def read(self, document: Any) -> Iterator[TransferTold]:
        """Read each transfer. Raises `Drift` for one without a key, as for its facts."""
        networks = self.transfers.amount.names.networks
        for element in elements(document, self.transfers.each):
            key = identify(element, self.transfers.key, document, self.transfers.index)
            network = self._text(element, document, self.network)
            yield TransferTold(
                key,
                networks.get(network, network),
                self._text(element, document, self.tx),
                plain(self._text(element, document, self.address_to)),
                plain(self._text(element, document, self.address_from)),
                self._text(element, document, self.memo),
                self._text(element, document, self.named),
            )

    def _text(self, element: Any, document: Any, places: Places) -> str:
        """Return a text or a whole number, fit to be stored; nothing for anything else."""
        told = first(element, places)
        told = first(document, places) if told is None else told
        if isinstance(told, bool) or not isinstance(told, str | int) or told == "":
            return ""
        return cloudevents.attribute(str(told))


_PLACES = ("tx", "network", "address_to", "address_from", "memo", "named")


def plain(address: str) -> str:
    """Write an address so that two spellings of one are the same: hex has no capitals."""
    return address.lower() if address[:2].lower() == _HEX_MARK else address
