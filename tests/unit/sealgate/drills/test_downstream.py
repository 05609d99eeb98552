"""The drill's subscriber: if it forgave a repetition or a gap, the drill would see neither."""

from consumers.lifecycle import State
from consumers.notices import Occasion, build
from consumers.store.port import EventKey, PaymentKey, Transition
from ingress.eventlog.port import Partition, Position, Record
from sealgate.drills.downstream import Subscriber

PAYMENT = PaymentKey("btcpay", "shop", "inv-1")
NAME = "btcpay/shop/inv-1"


def told(*moves: tuple[int, State]) -> list[Record]:
    """Write notices of one payment as they stand in the topic."""
    found = []
    for place, (version, state) in enumerate(moves):
        key = EventKey("btcpay", "shop", f"evt-{version}")
        moved = Transition(PAYMENT, version, None, state, key, "correlation", 1_000)
        notice = build(moved, Occasion("test", "word", 1_000, "00-0-0-00"))
        position = Position(Partition("told", 0), place)
        found.append(Record(position, notice.key, notice.value, notice.headers, 1_000))
    return found


def heard(*moves: tuple[int, State]) -> Subscriber:
    """Return a subscriber who has heard them."""
    subscriber = Subscriber()
    subscriber.hear(told(*moves))
    return subscriber


def test_a_notice_that_is_published_again_ships_nothing_more() -> None:
    """A relay that dies publishes again: that is what the id is for."""
    one = heard((1, State.PENDING), (2, State.CONFIRMED), (2, State.CONFIRMED))
    assert one.shipped == {NAME: 1}
    assert one.repeated == {NAME: 1}
    assert one.gaps() == []


def test_a_second_move_to_confirmed_ships_again() -> None:
    """A gateway that enters a state twice would have goods leave twice: the drill must see it."""
    assert heard((1, State.CONFIRMED), (2, State.CONFIRMED)).shipped == {NAME: 2}


def test_a_missing_version_is_a_gap() -> None:
    """What was marked and never published is missed by nobody but by who counts."""
    assert heard((1, State.PENDING), (3, State.CONFIRMED)).gaps() == [NAME]
    assert heard((2, State.PAID), (3, State.CONFIRMED)).gaps() == [NAME]


def test_versions_out_of_order_are_a_gap() -> None:
    """A payment's notices go out one after the other."""
    assert heard((2, State.CONFIRMED), (1, State.PENDING)).gaps() == [NAME]
