"""The book of what is held and what is due: every bound on what strangers can cause."""

import math
import random
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.keysources import cache
from ingress.keysources.cache import Bucket, Cache, Found, Misses
from ingress.keysources.declaration import WHOLE_SET
from ingress.schemes.parts.keys import Key
from tests.support.key_sources import CIRCLE, FIREBLOCKS

NOW_MS = 1_767_225_600_000
SLOW = replace(CIRCLE, refresh_s=86_400.0)


def found(*kids: str, expires_ms: float = math.inf) -> list[Found]:
    """Make keys of these names; what they are made of does not matter here."""
    return [Found(Key(b"material", kid), expires_ms) for kid in kids]


def kids(of: Cache, now_ms: int = NOW_MS) -> list[str]:
    """Return the names of the keys held."""
    return [key.kid for key in of.keys(now_ms)]


def test_a_set_is_due_at_once_and_then_after_its_period() -> None:
    """A source without keys refuses everything."""
    book = Cache(FIREBLOCKS)
    assert book.next(100.0) == (100.0, WHOLE_SET)
    book.begin(100.0)
    book.succeed(WHOLE_SET, found("a"), 101.0, NOW_MS)
    assert book.next(102.0) == (101.0 + 3600, WHOLE_SET)


def test_nothing_is_due_where_keys_are_fetched_one_by_one_and_nobody_asked() -> None:
    """No id is known until a delivery names one."""
    assert Cache(CIRCLE).next(0.0).at_s == math.inf


def test_a_set_takes_the_place_of_the_one_before_it() -> None:
    """A key that the provider took away must stop verifying."""
    book = Cache(FIREBLOCKS)
    book.succeed(WHOLE_SET, found("a", "b"), 0.0, NOW_MS)
    book.succeed(WHOLE_SET, found("b", "c"), 1.0, NOW_MS)
    assert kids(book) == ["b", "c"]


def test_a_failure_takes_no_key_away() -> None:
    """A provider's bad hour is not ours."""
    book = Cache(FIREBLOCKS)
    book.succeed(WHOLE_SET, found("a"), 0.0, NOW_MS)
    for at_s in range(3600, 7200, 600):
        book.begin(at_s)
        book.fail(WHOLE_SET, at_s)
    assert kids(book) == ["a"]


def test_a_failing_set_is_tried_ever_more_rarely() -> None:
    """1, 2, 4 seconds while nothing is held; thirty and doubling to ten minutes otherwise."""
    book = Cache(FIREBLOCKS)
    waits = []
    at_s = 0.0
    for _ in range(12):
        book.begin(at_s)
        book.fail(WHOLE_SET, at_s)
        waits.append(book.next(at_s).at_s - at_s)
        at_s += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
    book.succeed(WHOLE_SET, found("a"), at_s, NOW_MS)
    at_s += 3600
    waits = []
    for _ in range(7):
        book.begin(at_s)
        book.fail(WHOLE_SET, at_s)
        waits.append(book.next(at_s).at_s - at_s)
        at_s += waits[-1]
    assert waits == [30, 60, 120, 240, 480, 600, 600]


def test_an_unknown_name_makes_a_set_due_but_not_before_its_time() -> None:
    """At most once in thirty seconds, whoever asks."""
    book = Cache(FIREBLOCKS)
    book.begin(0.0)
    book.succeed(WHOLE_SET, found("a"), 0.0, NOW_MS)
    assert book.wish("b", 5.0)
    assert book.next(5.0) == (30.0, WHOLE_SET)
    assert book.next(40.0) == (40.0, WHOLE_SET)


def test_a_name_that_a_set_did_not_have_is_left_alone_ever_longer() -> None:
    """A source with the wrong environment's set asks for the same name at every delivery."""
    book = Cache(FIREBLOCKS)
    at_s, waits = 0.0, []
    for _ in range(6):
        assert book.wish("stranger", at_s)
        book.succeed(WHOLE_SET, found("a"), at_s, NOW_MS)
        wait_s = next(s for s in range(2000) if book._misses.until_s("stranger") <= at_s + s)
        assert not book.wish("stranger", at_s + wait_s - 1)
        waits.append(wait_s)
        at_s += wait_s
    assert waits == [30, 60, 120, 240, 480, 600]


def test_a_name_that_is_held_is_not_wished_for() -> None:
    """Two deliveries may cross with the fetch."""
    book = Cache(FIREBLOCKS)
    book.succeed(WHOLE_SET, found("a"), 0.0, NOW_MS)
    assert not book.wish("a", 1.0)


def test_wishes_that_wait_are_few() -> None:
    """Each is memory that a stranger takes."""
    book = Cache(CIRCLE)
    for n in range(10_000):
        book.wish(str(n), 0.0)
    assert len(book._wishes) == cache.WISHES_MAX == 512


def test_single_keys_are_fetched_in_the_order_of_the_wishes() -> None:
    """And each is done when it is done."""
    book = Cache(SLOW)
    book.wish("a", 0.0)
    book.wish("b", 0.0)
    assert book.next(0.0) == (0.0, "a")
    book.succeed("a", found("a"), 0.0, NOW_MS)
    assert book.next(0.0) == (0.0, "b")
    book.fail("b", 0.0)
    assert book.next(0.0).at_s == 86_400
    assert kids(book) == ["a"]
    assert not book.wish("b", 29.9)
    assert book.wish("b", 30.0)


def test_ten_fetches_at_once_and_then_ten_a_minute() -> None:
    """Whoever floods us with ids must not make us flood the provider, whose credential we spend."""
    book = Cache(SLOW)
    began: list[float] = []
    at_s = 0.0
    while at_s < 600:
        book.wish(str(uuid.uuid4()), at_s)
        due = book.next(at_s)
        if due.at_s > at_s:
            at_s = min(due.at_s, at_s + 1)
            continue
        began.append(at_s)
        book.begin(at_s)
        book.fail(due.name, at_s)
    assert began[:10] == [0.0] * 10
    assert len(began) == pytest.approx(10 + 100, abs=1)
    assert all(sum(start <= one < start + 60 for one in began) <= 20 for start in range(0, 600, 10))


def test_a_flood_of_names_is_remembered_in_part_only() -> None:
    """The memory of misses is bounded too, and forgets the one longest unused."""
    misses = Misses()
    for n in range(10_000):
        misses.add(str(n), 0.0, 30.0)
        misses.until_s("0")
    assert len(misses) == cache.MISSES_MAX == 128
    assert misses.until_s("0") == 30.0
    assert misses.until_s("1") == -math.inf
    assert misses.until_s("9999") == 30.0


def test_a_miss_pushes_out_no_key_but_the_sixty_fifth_key_does() -> None:
    """What a provider vouched for may take a place; what it did not know may not."""
    book = Cache(SLOW)
    for n in range(cache.ENTRIES_MAX):
        book.succeed(f"k{n}", found(f"k{n}"), float(n), NOW_MS)
    for n in range(1000):
        book.fail(f"miss{n}", 100.0)
    assert len(kids(book)) == 64
    book.succeed("new", found("new"), 200.0, NOW_MS)
    assert len(kids(book)) == 64
    assert "k0" not in kids(book)
    assert {"k1", "new"} <= set(kids(book))


def test_a_refresh_that_is_due_goes_before_what_strangers_wish() -> None:
    """Or a week of flood would starve the keys held until they are dropped as stale."""
    book = Cache(CIRCLE)
    book.succeed("a", found("a"), 0.0, NOW_MS)
    book.wish("stranger", 10.0)
    assert book.next(10.0) == (10.0, "stranger")
    assert book.next(3600.0) == (3600.0, "a")
    book.fail("a", 3600.0)
    assert book.next(3600.0) == (3600.0, "stranger")


def test_a_key_whose_page_is_gone_is_asked_for_six_times_a_period() -> None:
    """Keys that a provider retired must not eat up the fetches that new ones need."""
    book = Cache(SLOW)
    book.succeed("old", found("old"), 0.0, NOW_MS)
    at_s, fetches = 86_400.0, 0
    while at_s < 7 * 86_400:
        book.fail("old", at_s)
        fetches += 1
        at_s = book.next(at_s).at_s
    assert 36 <= fetches <= 50


def test_what_cannot_be_refreshed_for_a_week_is_dropped() -> None:
    """Who keeps us from the provider must not keep a stolen key alive for ever."""
    book = Cache(FIREBLOCKS)
    book.succeed(WHOLE_SET, found("a"), 0.0, NOW_MS)
    week_s = 7 * 86_400
    assert book.drop_stale(week_s - 1, NOW_MS) == 0
    assert kids(book) == ["a"]
    assert book.drop_stale(week_s, NOW_MS) == 1
    assert kids(book) == []


def test_a_key_ends_when_it_says_so_to_the_millisecond() -> None:
    """A certificate's last moment is part of what was checked; no task needs to wake for it."""
    book = Cache(CIRCLE)
    book.succeed("a", found("a", expires_ms=NOW_MS + 1000), 0.0, NOW_MS)
    book.succeed("b", found("b", expires_ms=NOW_MS + 5000), 0.0, NOW_MS)
    assert kids(book, NOW_MS + 999) == ["a", "b"]
    assert kids(book, NOW_MS + 1000) == ["b"]
    assert kids(book, NOW_MS + 5000) == []
    assert book.wish("a", 1.0)


def test_a_key_that_its_provider_withdraws_goes_at_once() -> None:
    """That is news, not a failure."""
    book = Cache(CIRCLE)
    book.succeed("a", found("a"), 0.0, NOW_MS)
    book.withdraw("a", 10.0, NOW_MS)
    assert kids(book) == []
    assert not book.wish("a", 39.0)
    assert book.wish("a", 40.0)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_whatever_happens_everything_stays_within_its_bounds(seed: int, whole: bool) -> None:
    """Any order of wishes, successes and failures, at any times."""
    book = Cache(FIREBLOCKS if whole else CIRCLE)
    dice = random.Random(seed)
    at_s = 0.0
    began: list[float] = []
    for _ in range(300):
        at_s += dice.choice([0, 0, 0.5, 7, 31, 400])
        for _ in range(dice.randrange(20)):
            book.wish(f"{dice.randrange(300)}", at_s)
        due = book.next(at_s)
        if due.at_s > at_s:
            continue
        began.append(at_s)
        book.begin(at_s)
        if dice.random() < 0.5:
            names = [str(dice.randrange(300)) for _ in range(3)] if whole else [due.name]
            book.succeed(due.name, found(*names), at_s, NOW_MS)
            assert set(names) <= set(kids(book))
        else:
            before = kids(book)
            book.fail(due.name, at_s)
            assert kids(book) == before
        assert len(book._wishes) <= cache.WISHES_MAX
        assert len(book._misses) <= cache.MISSES_MAX
        assert len(book._entries) <= (1 if whole else cache.ENTRIES_MAX)
    for start in began:
        assert sum(start <= one < start + 60 for one in began) <= 20


def test_a_bucket_never_holds_more_than_ten() -> None:
    """A quiet night must not save up a flood for the morning."""
    bucket = Bucket()
    at_s = 1e9
    for _ in range(10):
        assert bucket.ready_s(at_s) == at_s
        bucket.take(at_s)
    assert bucket.ready_s(at_s) == pytest.approx(at_s + 6)


def minutes_until_fetched(ask: Callable[[Cache, float], None]) -> float:
    """Play half an hour in which a real key is named once a minute; say when it was fetched."""
    book = Cache(CIRCLE)
    for half_s in range(2 * 30 * 60):
        at_s = half_s / 2
        ask(book, at_s)
        # Halfway through a minute, when a flood is under way.
        if half_s % 120 == 61:
            book.wish("real", at_s)
        while (due := book.next(at_s)).at_s <= at_s:
            book.begin(at_s)
            if due.name == "real":
                return at_s / 60
            book.fail(due.name, at_s)
    return math.inf


def test_a_flood_of_names_does_not_keep_a_real_key_from_being_fetched() -> None:
    """Two requests a second that nobody signed must not shut a provider out."""

    def ask(book: Cache, at_s: float) -> None:
        book.wish(str(uuid.uuid4()), at_s)

    assert minutes_until_fetched(ask) <= 4


@pytest.mark.parametrize("times", [2, 3, 8])
def test_names_made_up_and_repeated_keep_a_real_key_waiting_for_minutes_only(times: int) -> None:
    """Each is fetched once and then left alone, so that to stay ahead costs ever more."""

    def ask(book: Cache, at_s: float) -> None:
        book.wish(f"made-up-{int(2 * at_s) // times}", at_s)

    assert minutes_until_fetched(ask) <= 12


def test_names_that_were_asked_for_twice_do_not_hold_every_place() -> None:
    """Else whoever filled them all once could push every newcomer out again at once."""
    book = Cache(SLOW)
    for n in range(cache.WISHES_MAX):
        book.wish(f"made-up-{n}", 0.0)
        book.wish(f"made-up-{n}", 0.0)
    book.wish("real", 1.0)
    for n in range(100):
        book.wish(f"later-{n}", 1.0)
    assert book.next(1.0) == (1.0, "real")


def test_the_name_asked_for_most_is_fetched_first() -> None:
    """A provider tries again; of what is made up at random, nothing comes twice."""
    book = Cache(SLOW)
    for name in ("a", "b", "c", "b"):
        book.wish(name, 0.0)
    assert book.next(0.0) == (0.0, "b")
    book.fail("b", 0.0)
    assert book.next(0.0) == (0.0, "a")
