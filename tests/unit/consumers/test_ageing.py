"""Ages, sums and ends of exceptions: worked out by hand."""

from consumers.ageing import Aged, Ageing, Closed, Kind, Worth, bucket

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_800_000_000_000
BIG = 10**30


def aged(code: str = "LATE_FUNDS", age_ms: int = 0, asset: str = "USDT", **more: object) -> Aged:
    """Make an item of an age, of ten units."""
    one = Aged(code, "p", NOW_MS - age_ms, asset, 10 if asset else None)
    return one._replace(**more)


def ageing(*items: Aged, begins_ms: int = NOW_MS) -> Ageing:
    """Count items."""
    told = Ageing(NOW_MS, begins_ms)
    for one in items:
        told.add(one)
    return told


def test_every_age_is_in_one_bucket() -> None:
    """The edges belong to the older one; the future is new."""
    edges = {
        -5: "<1h",
        HOUR_MS - 1: "<1h",
        HOUR_MS: "1-4h",
        4 * HOUR_MS: "4-24h",
        DAY_MS: "1-3d",
        3 * DAY_MS: "3-7d",
        7 * DAY_MS: "7-30d",
        30 * DAY_MS: ">30d",
    }
    assert {age_ms: bucket(age_ms).name for age_ms in edges} == edges


def test_items_are_counted_by_code_age_and_asset() -> None:
    """Amounts of two assets are never added, whatever their size."""
    told = ageing(
        aged(),
        aged(amount=BIG),
        aged(asset="BTC"),
        aged(age_ms=2 * DAY_MS),
        aged("AMOUNT_UNDER", asset=""),
    )
    groups = told.by(("code", "bucket", "asset"))
    assert [(*kind, one.items, one.amount) for kind, one in groups.items()] == [
        ("AMOUNT_UNDER", "<1h", "", 1, 0),
        ("LATE_FUNDS", "<1h", "BTC", 1, 10),
        ("LATE_FUNDS", "<1h", "USDT", 2, BIG + 10),
        ("LATE_FUNDS", "1-3d", "USDT", 1, 10),
    ]
    assert groups[Kind("AMOUNT_UNDER", "<1h", "")].unknown == 1


def test_what_is_not_named_is_put_together() -> None:
    """A report by age alone is one line for each age, the youngest first."""
    told = ageing(aged(age_ms=40 * DAY_MS), aged("AMOUNT_UNDER"), aged(asset="BTC"))
    found = {kind.bucket: group.items for kind, group in told.by(("bucket",)).items()}
    assert list(found.items()) == [("<1h", 2), (">30d", 1)]


def test_only_what_was_open_at_the_instant_counts() -> None:
    """A report of the first of the month is the same on the fifth, whatever was closed since."""
    told = ageing(
        aged(age_ms=-1),
        aged(age_ms=5, closed_ms=NOW_MS),
        aged(age_ms=5, closed_ms=NOW_MS + 1),
    )
    assert [group.items for group in told.by(()).values()] == [1]


def test_what_is_of_before_the_period_has_crossed_its_end() -> None:
    """At the close finance asks for these: they were open over the end of a month."""
    begins_ms = NOW_MS - DAY_MS
    told = ageing(aged(age_ms=DAY_MS), aged(age_ms=DAY_MS + 1), begins_ms=begins_ms)
    [group] = told.by(()).values()
    assert (group.items, group.crossing, group.oldest_ms) == (2, 1, begins_ms - 1)


def test_ends_are_counted_by_who_brought_them_about() -> None:
    """What share needed nobody: the window is open at its beginning and closed at its end."""
    told = Closed(NOW_MS - 10, NOW_MS)
    for closed_ms in (NOW_MS - 10, NOW_MS - 9, NOW_MS, NOW_MS + 1, None):
        told.add(aged(closed_ms=closed_ms))
        told.add(aged(closed_ms=closed_ms, by_people=True))
        told.add(aged("AMOUNT_UNDER", closed_ms=closed_ms, by_people=True))
    assert (told.by_itself["LATE_FUNDS"], told.by_people["LATE_FUNDS"]) == (2, 2)
    assert told.codes == ["AMOUNT_UNDER", "LATE_FUNDS"]


def test_the_money_of_one_subject_counts_once() -> None:
    """Late, stuck and over: three exceptions, and one payment's money."""
    worth = Worth()
    for one in (aged(), aged("STUCK_LATE", amount=12), aged(subject="q"), aged(asset="")):
        worth.add(one)
    assert worth.sums() == {"USDT": 22}
