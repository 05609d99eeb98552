"""The line above payments while everything is frozen: whoever decides has to know."""

from consumers.store.poll_store import Polls
from consumers.store.port import Store
from ingress.contract import cloudevents


async def banner(store: Store) -> str:
    """Return the line; nothing where nothing is frozen. Raises `StoreUnavailable`."""
    last = await Polls.of(store).freeze()
    if last is None or not last.is_on:
        return ""
    since = cloudevents.timestamp(last.at_ms)
    return f"FROZEN since {since} by {last.by}: {last.reason}"
