"""Providers' own events, signed as they sign them, through a running gateway to a state."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from consumers.exceptions import Code
from consumers.lifecycle import State
from consumers.store.port import PaymentKey
from sealgate.simulator.send import EXIT_TAKEN, Shipment, send
from tests.support import event_samples, processes
from tests.support.event_samples import Sample
from tests.support.processes import WAIT_S, Stack

# Per provider the samples to send: the first with this word and this state.
STORIES: Mapping[str, Sequence[tuple[str, State]]] = {
    "nowpayments": [
        ("waiting", State.PENDING),
        ("confirming", State.PAID),
        ("finished", State.CONFIRMED),
        ("refunded", State.REFUNDED),
    ],
    "coinbase_commerce": [
        ("charge:created", State.PENDING),
        ("charge:pending", State.PAID),
        ("charge:confirmed", State.CONFIRMED),
    ],
    "btcpay": [
        ("InvoiceCreated", State.PENDING),
        ("InvoiceInvalid", State.FAILED),
        ("InvoiceSettled", State.CONFIRMED),
    ],
}
# Money of a customer's address, which names no payment: a deposit, and no state.
DEPOSIT = ("cryptopay", "ChannelPayment:created", State.UNDERPAID)
HINT = ("bitpay", "invoice_confirmed", State.CONFIRMED)


def _sample(provider: str, word: str, state: State) -> Sample:
    samples = event_samples.load()[provider].sample
    return next(one for one in samples if (one.word, one.state) == (word, state))


def _configured(stack: Stack) -> Path:
    """Write a configuration with a source for each provider; one of them signs nothing."""
    path = stack.write()
    lines = []
    for provider in (*STORIES, DEPOSIT[0], HINT[0]):
        lines += ["[[source]]", f'slug = "{_slug(provider)}"', f'provider = "{provider}"']
        lines += ['account = "shop"']
        if provider == HINT[0]:
            lines += ["accepts_hints = true"]
        else:
            (stack.directory / provider).write_bytes(f"a secret of {provider}, for tests".encode())
            lines += ["[[source.key]]", 'id = "k1"', f'file = "{provider}"']
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    return path


def _send(stack: Stack, edge_url: str, provider: str, sample: Sample) -> None:
    body = stack.directory / "body"
    # The sample is of the provider's live host, and this is a test.
    body.write_text(sample.body.replace("//bitpay.com", "//test.bitpay.com"))
    key_file = None if provider == HINT[0] else stack.directory / provider
    shipment = Shipment(f"{edge_url}/hooks/{_slug(provider)}", provider, key_file, body=body)
    assert send(shipment) == EXIT_TAKEN


def _slug(provider: str) -> str:
    return provider.replace("_", "-")


async def _states(stack: Stack, key: PaymentKey, wanted: Sequence[State]) -> list[State]:
    """Return the payment's states, once they are `wanted` or time is up."""
    store = stack.store()
    await store.open(stack.environment)
    try:
        deadline = time.monotonic() + WAIT_S
        while True:
            found = [one.after for one in await store.transitions(key)]
            if found == wanted or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.05)
    finally:
        await store.close()


async def _open_codes(stack: Stack) -> set[str]:
    store = stack.store()
    await store.open(stack.environment)
    try:
        return {str(item.anomaly.code) for item in await store.list_anomalies(100)}
    finally:
        await store.close()


@pytest.mark.slow
def test_providers_own_events_move_their_payments_from_end_to_end(tmp_path: Path) -> None:
    """The profile reads, the edge proves, the table states, the reducer decides: all of them."""
    log_url, store_url = f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}"
    stack = Stack(tmp_path, log_url, store_url)
    running = processes.start(_configured(stack), "up").wait_started().wait_ready()
    # What makes no state goes first: once the others have arrived, it has had its time.
    hint, deposit = _sample(*HINT), _sample(*DEPOSIT)
    _send(stack, running.edge_url, HINT[0], hint)
    _send(stack, running.edge_url, DEPOSIT[0], deposit)
    for provider, story in STORIES.items():
        samples = [_sample(provider, word, state) for word, state in story]
        for sample in samples:
            _send(stack, running.edge_url, provider, sample)
        wanted = [state for _, state in story]
        key = PaymentKey(provider, "shop", samples[0].payment)
        assert asyncio.run(_states(stack, key, wanted)) == wanted
    assert asyncio.run(_states(stack, PaymentKey(HINT[0], "shop", hint.payment), [])) == []
    # The last is of the invoice that was settled by hand with too much.
    wanted_codes = {Code.NEEDS_FETCH, Code.AMOUNT_OVER, Code.UNMATCHED_DEPOSIT}
    assert asyncio.run(_open_codes(stack)) == wanted_codes
    assert running.terminate() == 0
