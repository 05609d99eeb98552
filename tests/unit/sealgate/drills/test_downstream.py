"""The drill's subscriber: if it forgave a repetition or a gap, the drill would see neither."""

from consumers.lifecycle import State
from consumers.notices import Occasion, build, build_held
from consumers.store.port import EventKey, PaymentKey, Transition
from ingress.eventlog.port import Partition, Position, Record
from sealgate.drills.downstream import Subscriber

PAYMENT = PaymentKey("btcpay", "shop", "inv-1")
NAME = "btcpay/shop/inv-1"
OCCASION = Occasion("test", "word", 1_000, "00-0-0-00")
HELD = ("hold: compliance",)


def moved(version: int, state: State) -> Transition:
    """Make a move of one payment."""
    key = EventKey("btcpay", "shop", f"evt-{version}")
    return Transition(PAYMENT, version, None, state, key, "correlation", 1_000)


def told(*moves: tuple[int, State] | tuple[int, State, int]) -> list[Record]:
    """Write notices of one payment, each of a generation, as they stand in the topic."""
    found = []
    for place, (version, state, *more) in enumerate(moves):
        notice = build(moved(version, state), OCCASION, (), more[0] if more else 1)
        position = Position(Partition("told", 0), place)
        found.append(Record(position, notice.key, notice.value, notice.headers, 1_000))
    return found


def heard(*moves: tuple[int, State] | tuple[int, State, int]) -> Subscriber:
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


def test_a_payment_that_is_confirmed_again_ships_nothing_more() -> None:
    """Late by older evidence, and accepted then: two notices with two ids, and the same goods."""
    one = heard((1, State.CONFIRMED), (2, State.LATE), (3, State.CONFIRMED))
    assert one.shipped == {NAME: 1}
    assert one.repeated == {}


def test_goods_that_were_called_back_ship_anew() -> None:
    """Whoever pays again after the money was gone waits for goods."""
    one = heard((1, State.CONFIRMED), (2, State.REVERSED), (3, State.CONFIRMED, 2))
    assert one.shipped == {NAME: 2}


def test_goods_wait_for_the_last_hold() -> None:
    """Confirmed and held ships nothing; what lets the hold go does, and does it once."""
    held = build(moved(1, State.CONFIRMED), OCCASION, HELD, 1)
    released = build_held(moved(1, State.CONFIRMED), OCCASION, (), 1, is_placed=False)
    one = Subscriber()
    for at, notice in enumerate((held, released, released)):
        assert one.shipped == ({NAME: 1} if at > 1 else {})
        position = Position(Partition("told", 0), at)
        one.hear([Record(position, notice.key, notice.value, notice.headers, 1_000)])
    assert one.shipped == {NAME: 1}


def test_a_second_key_for_the_same_goods_ships_again() -> None:
    """A gateway that counts generations wrongly would have goods leave twice: it must be seen."""
    assert heard((1, State.CONFIRMED), (2, State.CONFIRMED, 2)).shipped == {NAME: 2}


def test_a_missing_version_is_a_gap() -> None:
    """What was marked and never published is missed by nobody but by who counts."""
    assert heard((1, State.PENDING), (3, State.CONFIRMED)).gaps() == [NAME]
    assert heard((2, State.PAID), (3, State.CONFIRMED)).gaps() == [NAME]


def test_versions_out_of_order_are_a_gap() -> None:
    """A payment's notices go out one after the other."""
    assert heard((2, State.CONFIRMED), (1, State.PENDING)).gaps() == [NAME]
