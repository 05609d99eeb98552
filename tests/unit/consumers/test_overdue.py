"""Who is stuck, since when and how badly: hand-worked tables, without a store or a clock."""

import re
from pathlib import Path

import pytest

from consumers.exceptions import HANDLING
from consumers.facts import Fact, FactKind, simple
from consumers.lifecycle import State
from consumers.overdue import Overstay, Tally, overstay, window_over_ms
from consumers.patience import CODES, DEFAULTS, LIMITED, Limit, all_limits
from consumers.store.port import Payment, PaymentKey
from consumers.weighing import STRICT, Terms

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
BEGUN_MS = 1_800_000_000_000


def seen(asset: str = "USDT", amount: int = 5, key: str = "tx") -> Fact:
    """Make an observation."""
    return simple(FactKind.SEEN, BEGUN_MS, key=key, asset=asset, amount=amount)


def window(ends_ms: int) -> Fact:
    """Make an expectation that ends."""
    return simple(FactKind.EXPECTED, 0, asset="USDT", amount=10)._replace(expires_ms=ends_ms)


def payment(state: State, *facts: Fact, provider: str = "btcpay") -> Payment:
    """Make a payment that entered its state at the beginning."""
    return Payment(PaymentKey(provider, "shop", "p"), state, 1, frozenset(facts), BEGUN_MS)


def after(
    one: Payment, age_ms: int, limits: tuple[Limit, ...] = tuple(DEFAULTS)
) -> Overstay | None:
    """Judge a payment at an age."""
    return overstay(one, limits, STRICT, BEGUN_MS + age_ms)


@pytest.mark.parametrize(
    ("asset", "warn_ms", "critical_ms"),
    [
        ("BTC@lightning", MINUTE_MS, 5 * MINUTE_MS),
        ("USDC@solana", 5 * MINUTE_MS, 30 * MINUTE_MS),
        ("USDT@tron", 10 * MINUTE_MS, HOUR_MS),
        ("ETH@ethereum", 30 * MINUTE_MS, 2 * HOUR_MS),
        ("USDC@base", 30 * MINUTE_MS, 2 * HOUR_MS),
        ("BTC@bitcoin", 2 * HOUR_MS, DAY_MS),
        ("USDT", 2 * HOUR_MS, DAY_MS),
    ],
)
def test_paid_waits_as_long_as_its_network_takes(
    asset: str, warn_ms: int, critical_ms: int
) -> None:
    """The figures finance has agreed to: five minutes are much on Lightning, nothing on Bitcoin."""
    one = payment(State.PAID, seen(asset))
    assert after(one, warn_ms - 1) is None
    ages = (warn_ms, critical_ms - 1, critical_ms, 2 * critical_ms - 1, 2 * critical_ms)
    found = [after(one, age_ms) for age_ms in ages]
    assert [told and told.severity for told in found] == [3, 3, 2, 2, 1]


@pytest.mark.parametrize(
    ("state", "warn_ms"),
    [
        (State.UNDERPAID, DAY_MS),
        (State.LATE, DAY_MS),
        (State.FAILED, DAY_MS),
        (State.REVERSED, HOUR_MS),
    ],
)
def test_money_that_somebody_has_to_decide_about_is_not_left(state: State, warn_ms: int) -> None:
    """A working day for what is the customer's, an hour for what was ours and is gone."""
    one = payment(state, seen())
    assert after(one, warn_ms - 1) is None
    found = after(one, warn_ms)
    assert found is not None
    assert (found.code, found.since_ms) == (CODES[state], BEGUN_MS)
    assert found.severity == HANDLING[CODES[state]].severity
    assert found.at_risk == {"USDT": 5}


@pytest.mark.parametrize("state", [State.CONFIRMED, State.EXPIRED, State.CANCELLED, State.REFUNDED])
def test_what_waits_for_nobody_is_never_stuck(state: State) -> None:
    """Soft ends have no timer: an old end is no fault."""
    assert after(payment(state, seen()), 1000 * DAY_MS) is None


def test_a_failed_payment_without_money_is_never_stuck() -> None:
    """A refused card is daily life, and nobody's money is anywhere."""
    assert after(payment(State.FAILED, window(BEGUN_MS)), 1000 * DAY_MS) is None
    assert after(payment(State.FAILED, seen(amount=0)), 1000 * DAY_MS) is None


def test_pending_counts_from_the_end_of_its_window() -> None:
    """A window of a day is no fault on the first evening; without one nobody waits."""
    one = payment(State.PENDING, window(BEGUN_MS + DAY_MS))
    assert after(one, DAY_MS + 30 * MINUTE_MS - 1) is None
    found = after(one, DAY_MS + 30 * MINUTE_MS)
    assert found is not None
    assert found.since_ms == BEGUN_MS + DAY_MS
    assert after(payment(State.PENDING, simple(FactKind.EXPECTED, 0)), 1000 * DAY_MS) is None


def test_underpaid_counts_from_the_end_of_its_window_or_its_own_beginning() -> None:
    """Until the window ends the rest may come; a payment that fell short later has its day."""
    early = payment(State.UNDERPAID, seen(), window(BEGUN_MS + HOUR_MS))
    assert after(early, DAY_MS) is None
    assert after(early, DAY_MS + HOUR_MS) is not None
    fell = payment(State.UNDERPAID, seen(), window(BEGUN_MS - 9 * DAY_MS))
    assert after(fell, DAY_MS - 1) is None
    assert after(fell, DAY_MS) is not None


def test_the_money_at_risk_is_what_stands_or_what_there_was() -> None:
    """What was dropped is not at risk any more, unless its loss is what is looked at."""
    gone = simple(FactKind.DROPPED, BEGUN_MS, key="tx")
    facts = (seen(), seen(amount=7, key="other"), gone)
    paid, reversed_ = (
        after(payment(State.PAID, *facts), DAY_MS),
        after(payment(State.REVERSED, *facts), DAY_MS),
    )
    assert paid is not None
    assert reversed_ is not None
    assert (paid.at_risk, reversed_.at_risk) == ({"USDT": 7}, {"USDT": 12})


def test_the_row_that_names_the_most_counts_and_of_two_the_later() -> None:
    """An installation writes its own rows and must be able to say which of them will win."""
    rows = (
        Limit(State.PAID, 1, 1),
        Limit(State.PAID, 2, 2, network="tron"),
        Limit(State.PAID, 3, 3, provider="btcpay"),
        Limit(State.PAID, 4, 4, provider="btcpay", network="tron"),
        Limit(State.PAID, 5, 5, provider="btcpay", asset="USDT", network="solana"),
        Limit(State.LATE, 6, 6, provider="btcpay", asset="USDT", network="tron"),
    )

    def chosen(asset: str, provider: str) -> str:
        found = after(payment(State.PAID, seen(asset), provider=provider), DAY_MS, rows)
        assert found is not None
        return found.evidence.partition("; ")[2].partition(";")[0]

    assert chosen("BTC@bitcoin", "stripe") == "the limit is 1 s"
    assert chosen("USDT@tron", "stripe") == "the limit of tron is 2 s"
    assert chosen("BTC", "btcpay") == "the limit of btcpay is 3 s"
    assert chosen("USDT@tron", "btcpay") == "the limit of btcpay tron is 4 s"
    assert chosen("USDT@solana", "btcpay") == "the limit of btcpay USDT solana is 5 s"
    tied = (Limit(State.PAID, 1, 1, network="tron"), Limit(State.PAID, 9, 9, asset="USDT"))
    found = after(payment(State.PAID, seen("USDT@tron")), DAY_MS, tied)
    assert found is not None
    assert "USDT is 9 s" in found.evidence


def test_the_money_is_told_in_the_units_of_people() -> None:
    """Whoever is called at night reads what the provider's dashboard shows."""
    one = payment(State.PAID, seen("USDT@tron"))
    found = overstay(one, DEFAULTS, Terms(decimals={"USDT@tron": 6}), BEGUN_MS + 9 * DAY_MS)
    assert found is not None
    assert found.evidence.endswith("; 0.000005 USDT@tron")


def test_a_payment_in_two_assets_waits_for_the_slower() -> None:
    """The money is whole only when both are there."""
    one = payment(State.PAID, seen("BTC@lightning"), seen("BTC@bitcoin", key="other"))
    assert after(one, HOUR_MS) is None
    assert after(one, 2 * HOUR_MS) is not None


def test_a_general_limit_takes_the_place_of_ours_for_its_state_alone() -> None:
    """Who says `Paid = 60` means every network; who says nothing of Late keeps a day."""
    limits = tuple(all_limits([Limit(State.PAID, 5, 5, network="tron")], {State.PAID: 60.0}))
    ethereum = payment(State.PAID, seen("ETH@ethereum"))
    assert after(ethereum, 59_000, limits) is None
    found = [after(ethereum, age_s * 1000, limits) for age_s in (60, 180, 360)]
    assert [told and told.severity for told in found] == [3, 2, 1]
    assert after(payment(State.PAID, seen("USDT@tron")), 5_000, limits) is not None
    assert after(payment(State.LATE, seen()), DAY_MS, limits) is not None


def test_a_window_is_over_only_where_somebody_said_so_and_nobody_paid() -> None:
    """An EXPIRED that we would state ourselves must not rest on a guess."""
    terms = Terms(grace_ms=5)
    assert window_over_ms(payment(State.PENDING, window(9), window(7)), terms) == 12
    assert window_over_ms(payment(State.PENDING, simple(FactKind.EXPECTED, 0)), terms) is None
    assert window_over_ms(payment(State.PAID, window(7), seen()), terms) is None


def test_the_tally_adds_amounts_of_any_size() -> None:
    """Eighteen decimals pass 64 bits with the nineteenth coin."""
    tally = Tally(["btcpay"])
    for number in range(3):
        one = after(payment(State.PAID, seen("ETH", 10**19 + number)), DAY_MS)
        assert one is not None
        tally.add(one._replace(since_ms=BEGUN_MS + number))
    place = ("btcpay", State.PAID)
    assert (tally.payments[place], tally.oldest_ms[place]) == (3, BEGUN_MS)
    assert tally.at_risk[(*place, "ETH")] == 3 * 10**19 + 3


def test_the_page_for_operators_says_the_limits_that_hold() -> None:
    """An operator argues with a provider over the figures on the page."""
    said = set()
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and (places := _places(cells[0])):
            said |= {(*place, _seconds(cells[2]), _seconds(cells[3])) for place in places}
    built_in = {(one.state, one.network, one.warn_s, one.critical_s) for one in DEFAULTS}
    assert said == built_in


PAGE = Path(__file__).parents[3] / "docs" / "timers.md"
UNITS = {"minute": 60, "hour": 3600, "day": 86_400}


def _places(told: str) -> list[tuple[State, str]]:
    """Read which state a row is about, and which networks."""
    name, _, where = told.partition(", ")
    if name not in set(LIMITED):
        return []
    networks = re.split(", | or ", where.removeprefix("on ")) if where.startswith("on ") else ["*"]
    return [(State(name), network.lower()) for network in networks]


def _seconds(told: str) -> float:
    number, unit = told.split()
    return float(number) * UNITS[unit.removesuffix("s")]
