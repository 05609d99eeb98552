"""The payments of the benchmark: unique, of the size asked for, and of known ends."""

import json
from collections import Counter
from itertools import islice, pairwise

import pytest

from tests.benchmarks.events import AGAIN_EVERY, PROVIDERS, Expected, expected, history, told

AT_S = 1_767_225_600


def ids(bodies: list[bytes]) -> list[str]:
    """Read the event ids as the providers' documents name them."""
    contents = [json.loads(body) for body in bodies]
    return [content.get("id") or content["originalDeliveryId"] for content in contents]


@pytest.mark.parametrize("size", [1024, 16384])
def test_every_event_has_an_id_of_its_own_and_the_size_asked_for(size: int) -> None:
    """A repeated id would be a duplicate, and cheaper; a smaller body would be cheaper too."""
    bodies = [event.body for event in islice(told(b"t", PROVIDERS, size, lambda: AT_S), 3000)]
    assert len(set(ids(bodies))) == 3000
    assert {len(body) for body in bodies} == {size}


def test_a_source_can_have_all_the_events_to_itself() -> None:
    """The comparison of keyrings loads one provider's sources only."""
    events = islice(told(b"t", {"stripe"}, 1024, lambda: AT_S), 1000)
    assert {event.provider for event in events} == {"stripe"}


def test_the_expected_ends_are_those_worked_out_by_hand() -> None:
    """One block is fifty times eight stories.

    stripe: paid (3 moves), paid (3), short (2), open (1); btcpay: paid (4), paid (4), expired (2),
    late (3): 22 moves for eight payments.
    """
    ends = {
        ("stripe", "Confirmed"): 100,
        ("stripe", "Underpaid"): 50,
        ("stripe", "Pending"): 50,
        ("btcpay", "Confirmed"): 100,
        ("btcpay", "Expired"): 50,
        ("btcpay", "Late"): 50,
    }
    assert expected(1) == Expected(ends, 22 * 50, {"AMOUNT_UNDER": 50, "LATE_FUNDS": 50})


def test_a_history_holds_every_event_and_delivers_some_again() -> None:
    """A consumer that is never shown a duplicate is measured without half of its work."""
    delivered = Counter(ids([event.body for event in history(b"t", 2, 1024, AT_S)]))
    assert len(delivered) == expected(2).transitions
    assert set(delivered.values()) == {1, 2}
    again = sum(times == 2 for times in delivered.values())
    assert again == (2200 - 800) // AGAIN_EVERY


def test_a_payments_events_come_in_order_and_apart_from_each_other() -> None:
    """In one batch they would be one row; in the world they are minutes apart."""
    bodies = [event.body for event in history(b"t", 1, 1024, AT_S)]
    first = {body: place for place, body in reversed(list(enumerate(bodies)))}
    own = sorted(place for body, place in first.items() if b'"pi_t0"' in body)
    words = [json.loads(bodies[place])["type"].partition(".")[2] for place in own]
    assert words == ["created", "processing", "succeeded"]
    assert min(after - before for before, after in pairwise(own)) > 100
