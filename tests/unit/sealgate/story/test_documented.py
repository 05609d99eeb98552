"""The example of docs/tracing.md is what the commands print: it is run here, word for word."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from consumers.apply import Applier
from consumers.store.port import Store
from ingress.contract.envelope import Envelope
from sealgate.config import Configuration
from sealgate.story.command import Asked, trace, why
from tests.support.builders import record
from tests.support.exposed import ENVIRONMENT, GROUP, PARTITION, Shop, told, transfer

DOCUMENT = Path(__file__).parents[4] / "docs" / "tracing.md"
RUN: dict[str, Callable[[Configuration, Asked], int]] = {"trace": trace, "why": why}
_BLOCK = re.compile(r"```sh\nsealgate (\w+) (\S+)\n```\n\n```text\n(.*?)```", re.DOTALL)
_MAPPING = re.compile(r"btcpay/[0-9]+(?=[,;\n])")


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop whose customer pays an invoice four minutes after its end."""
    shop = Shop(tmp_path)
    paid = {**transfer("0x5c1d3f7a9be2", "25.00"), "afterExpiration": True}
    events = [
        told("d-1", "INV-4711", "InvoiceCreated", at_s=61),
        told("d-2", "INV-4711", "InvoiceExpired", at_s=961),
        told("d-3", "INV-4711", "InvoiceReceivedPayment", at_s=1201, **paid),
        told("d-4", "INV-4711", "InvoicePaidAfterExpiration", at_s=1202),
    ]
    shop.use(partial(_apply, events))
    shop.deliver_notices()
    return shop


async def _apply(events: Sequence[Envelope], store: Store) -> None:
    """Apply events one by one, each a second after the provider's clock and at once when here."""
    claims = await store.claim_partitions(GROUP, [PARTITION], "me")
    for offset, sealed in enumerate(events):
        told_of = replace(sealed, occurred_ms=sealed.received_ms - 1000)
        clock = partial(int, sealed.received_ms + 40)
        applier = Applier(store, ENVIRONMENT, GROUP, clock=clock)
        await applier.apply([record(told_of, offset, PARTITION)], claims)
        claims = await store.claim_partitions(GROUP, [PARTITION], "me")


def _examples() -> dict[tuple[str, str], str]:
    """Read the examples: what is typed, and what the page says that it prints."""
    return {(word, asked): shown for word, asked, shown in _BLOCK.findall(DOCUMENT.read_text())}


def _versionless(text: str) -> str:
    """Leave out the version of the mapping: a new one is no reason to write the page anew."""
    return _MAPPING.sub("btcpay/N", text)


@pytest.mark.parametrize("word", RUN)
def test_the_page_shows_what_is_printed(
    shop: Shop, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    """Somebody learns the command from the page: an example that is not true teaches nothing."""
    [(asked, shown)] = [(key[1], text) for key, text in _examples().items() if key[0] == word]
    assert RUN[word](shop.configuration(), Asked(asked)) == 0
    printed = capsys.readouterr().out
    assert _versionless(printed) == _versionless(shown), "copy what is printed into the page"
