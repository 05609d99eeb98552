"""What a table can say, one thing at a time: small mappings of a shop that nobody runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from consumers.exceptions import Code
from consumers.facts import Fact, FactKind, Note
from consumers.interpret import assets, interpreter, mapping
from consumers.interpret.interpreter import Interpretation
from consumers.interpret.table import Table, Told
from consumers.lifecycle import State, Verdict, reduce
from tests.support.builders import NOW_MS, envelope

HEAD = """
provider = "shop"
version = 1
effective_from = 2026-01-01
source = "the shop's own contract"
"""


def read(folder: Path, table: str, body: Mapping[str, Any]) -> Interpretation:
    """Interpret an event of the word PAID by a table."""
    (folder / "shop.toml").write_text(HEAD + table)
    sealed = envelope(body, provider="shop", event_type="PAID")
    return interpreter.load(folder).interpret(sealed)


def tell(folder: Path, table: str, body: Mapping[str, Any]) -> Told:
    """Return what a table itself tells of an event of the word PAID."""
    (folder / "shop.toml").write_text(HEAD + table)
    [told] = mapping.load(folder)["shop"]
    return Table.compile(told, assets.load()).tell("PAID", body, "agg:shop:1", NOW_MS)


def kinds(found: Interpretation) -> set[FactKind]:
    """Return what kinds of facts there are."""
    return {fact.kind for fact in found.facts}


HAS = """
[[rule]]
words = ["PAID"]
has = ["/parent"]
say = ["expired"]
[[rule]]
words = ["PAID"]
say = ["cancelled"]
"""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"parent": 7}, FactKind.EXPIRED),
        ({"parent": 0}, FactKind.EXPIRED),
        ({"parent": False}, FactKind.EXPIRED),
        ({"parent": {}}, FactKind.EXPIRED),
        ({"parent": None}, FactKind.CANCELLED),
        ({"parent": ""}, FactKind.CANCELLED),
        ({}, FactKind.CANCELLED),
    ],
)
def test_a_rule_can_ask_that_a_place_holds_something(
    tmp_path: Path, body: Mapping[str, Any], kind: FactKind
) -> None:
    """A second deposit names its parent, whoever that is; null and an empty text name nobody."""
    assert kinds(read(tmp_path, HAS, body)) == {kind}


def test_a_rule_can_say_two_notes(tmp_path: Path) -> None:
    """An invoice can be marked by hand and be overpaid: one flag must not hide the other."""
    table = '[[rule]]\nwords = ["PAID"]\nsay = ["note"]\nnote = ["overpaid", "manually_marked"]'
    found = read(tmp_path, table, {})
    assert {fact.detail for fact in found.facts} == {"overpaid", "manually_marked"}


TOTAL = """
[[expected]]
amount = ["/price"]
asset_is = "BTC"
unit = "minor"
[total]
amount = ["/price"]
asset_is = "BTC"
unit = "minor"
minus = ["/missing"]
plus = ["/over"]
[[rule]]
words = ["PAID"]
say = ["expected", "total_final"]
whole = true
"""
CAME = [
    ({"price": 100}, 100, State.CONFIRMED),
    ({"price": 100, "missing": 0, "over": 0}, 100, State.CONFIRMED),
    ({"price": 100, "missing": "", "over": None}, 100, State.CONFIRMED),
    ({"price": 100, "missing": 1}, 99, State.UNDERPAID),
    ({"price": 100, "over": 1}, 101, State.CONFIRMED),
    ({"price": str(10**30), "missing": 1}, 10**30 - 1, State.UNDERPAID),
    ({"price": ""}, None, State.CONFIRMED),
    ({}, None, State.CONFIRMED),
]


@pytest.mark.parametrize(("body", "came", "state"), CAME)
def test_what_came_is_the_price_less_what_is_missing(
    tmp_path: Path, body: Mapping[str, Any], came: int | None, state: State
) -> None:
    """Some providers never name what came, and call a payment paid that is not."""
    found = read(tmp_path, TOTAL, body)
    assert [fact.amount for fact in found.facts if fact.kind is FactKind.FINAL] == [came]
    assert reduce(found.facts) is state


@pytest.mark.parametrize("missing", [101, "x", -1])
def test_what_is_missing_cannot_be_more_than_was_asked_for(tmp_path: Path, missing: object) -> None:
    """A negative sum would be no amount; the event is kept, and a human told."""
    found = read(tmp_path, TOTAL, {"price": 100, "missing": missing})
    assert (found.verdict, found.facts) == (Verdict.UNPARSEABLE, frozenset())


ONE_ASSET = """
[total]
amount = ["/paid"]
{asset}
[[rule]]
words = ["PAID"]
say = ["total_final"]
"""


@pytest.mark.parametrize("asset", ["", 'asset_is = "BTC"\nasset = ["/coin"]'])
def test_an_amount_names_its_asset_once(tmp_path: Path, asset: str) -> None:
    """Two answers to what an amount is in would be one too many, and none one too few."""
    with pytest.raises(ValueError, match="one of the two"):
        read(tmp_path, ONE_ASSET.format(asset=asset), {})


SETTLED = """
[[settled]]
part = "gross"
amount = ["/gross"]
asset = ["/coin"]
[[settled]]
part = "fee"
amount = ["/fee"]
asset = ["/coin"]
[[rule]]
words = ["PAID"]
say = ["total_final", "settled"]
whole = true
"""


def test_a_settlement_states_each_figure_that_is_told(tmp_path: Path) -> None:
    """Gross and fee apart: netted, the books could not be closed."""
    found = read(tmp_path, SETTLED, {"gross": "10", "fee": "0.10", "coin": "USDC"})
    told = {(f.detail, f.amount) for f in found.facts if f.kind is FactKind.SETTLED}
    assert told == {("gross", 10_000_000), ("fee", 100_000)}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"gross": "10", "fee": "0.09853637216235617", "coin": "USDC"}, Code.SCHEMA_DRIFT),
        ({"fee": "1", "coin": "WIF"}, Code.UNKNOWN_ASSET),
    ],
)
def test_a_figure_of_a_settlement_that_cannot_be_read_holds_no_payment_up(
    tmp_path: Path, body: Mapping[str, Any], code: Code
) -> None:
    """It is compared with nothing, so that nothing can be hidden behind it; a human is told."""
    found = read(tmp_path, SETTLED, body)
    assert reduce(found.facts) is State.CONFIRMED
    assert FactKind.SETTLED in kinds(found)
    assert [finding.code for finding in found.findings] == [code]


REFUND = """
[[expected]]
amount = ["/price"]
asset_is = "BTC"
[total]
amount = ["/came"]
asset_is = "BTC"
[[rule]]
words = ["PAID"]
say = ["expected", "total_seen", "refund"]
refund = "succeeded"
whole = true
"""


def test_beside_a_refund_the_refund_is_what_is_whole(tmp_path: Path) -> None:
    """Everything went back, which was half of the price: that is no word on what came."""
    found = read(tmp_path, REFUND, {"price": "1", "came": "0.5"})
    told = {fact.kind: fact.whole for fact in found.facts}
    assert told[FactKind.SEEN] is False
    assert told[FactKind.REFUND] is True
    assert (reduce(found.facts), found.findings) == (State.REFUNDED, ())


INCLUSION = """
[[rule]]
words = ["PAID"]
where = { "/is" = "won" }
say = ["total_final"]
whole = true
inclusion = "reinstated"
[[rule]]
words = ["PAID"]
where = { "/is" = "lost" }
say = ["total_removed"]
[[rule]]
words = ["PAID"]
say = ["total_final"]
whole = true
"""


def test_money_that_came_back_stands_whatever_came_first(tmp_path: Path) -> None:
    """A dispute that was won must not be undone by its beginning, when that arrives last."""
    paid, lost, won = (
        read(tmp_path, INCLUSION, {"is": word}).facts for word in ("paid", "lost", "won")
    )
    assert reduce(paid | lost) is State.REVERSED
    assert reduce(paid | lost | won) is State.CONFIRMED


def test_an_inclusion_is_of_a_total(tmp_path: Path) -> None:
    """Beside any other fact it would say nothing, and be a mistake nobody sees."""
    table = '[[rule]]\nwords = ["PAID"]\nsay = ["expired"]\ninclusion = "again"'
    with pytest.raises(ValueError, match="inclusion"):
        read(tmp_path, table, {})


CHAIN = """
[transfer]
each = "/items"
key = ["/hash"]
index = ["/log/index", "/trace"]
amount = ["/raw"]
asset_is = "BTC"
unit = "minor"
removed = "/removed"
confirmations = ["/depth"]
[[rule]]
words = ["PAID"]
say = ["transfer_seen"]
[[rule]]
words = ["OTHER"]
say = ["expired"]
"""


def item(**changes: Any) -> dict[str, Any]:
    """Write one transfer."""
    return {"hash": "aa", "raw": "5", **changes}


@pytest.mark.parametrize(
    ("one", "key"),
    [
        (item(), "tx:aa"),
        (item(log={"index": 0}), "tx:aa:0"),
        (item(log={"index": "0x1"}, trace="2"), "tx:aa:0x1"),
        (item(trace="2"), "tx:aa:2"),
    ],
)
def test_where_a_transfer_is_in_its_transaction_is_part_of_its_key(
    tmp_path: Path, one: Mapping[str, Any], key: str
) -> None:
    """One transaction can move a token twice; a chain's own coin has no place in a log."""
    told = tell(tmp_path, CHAIN, {"items": [one]})
    assert {fact.key for fact in told.facts} == {key}


@pytest.mark.parametrize("index", [True, [], 1.5])
def test_an_index_that_is_none_is_drift(tmp_path: Path, index: object) -> None:
    """Left out, two transfers would share a key, and one of them would be lost."""
    found = read(tmp_path, CHAIN, {"items": [item(trace=index)]})
    assert found.verdict is Verdict.UNPARSEABLE


def test_confirmations_are_told_by_transfer(tmp_path: Path) -> None:
    """The policy counts them; what was removed has none, and of two words the lower one counts."""
    items = [
        item(depth=3),
        item(depth="2"),
        item(hash="bb", depth=0),
        item(hash="cc"),
        item(hash="dd", depth=9, removed=True),
    ]
    assert tell(tmp_path, CHAIN, {"items": items}).confirmations == {"tx:aa": 2, "tx:bb": 0}


@pytest.mark.parametrize("depth", [-1, "1.5", True, "²", 10**9, [1]])
def test_confirmations_that_are_no_number_are_drift(tmp_path: Path, depth: object) -> None:
    """A depth that nobody can read must not make money final."""
    found = read(tmp_path, CHAIN, {"items": [item(depth=depth)]})
    assert found.verdict is Verdict.UNPARSEABLE


SPELLED = """
[networks]
base = "base"
bsc = "bsc"
[[expected]]
amount = ["/price"]
asset_is = "USDC"
[total]
amount = ["/came"]
asset_is = "USDC"
network = ["/network"]
[[rule]]
words = ["PAID"]
say = ["expected", "total_final"]
whole = true
"""


def test_a_word_is_compared_with_figures_in_another_spelling_of_the_asset(tmp_path: Path) -> None:
    """USDC on Base is USDC: a cent less than the price is not the whole of it."""
    found = read(tmp_path, SPELLED, {"price": "10", "came": "9.99", "network": "base"})
    assert Note.UNDERPAID in {fact.detail for fact in found.facts}
    assert not any(fact.whole for fact in found.facts)


def test_an_amount_beyond_64_bits_keeps_every_digit(tmp_path: Path) -> None:
    """Twelve units with 18 decimals are more than a database's integer: none may be rounded."""
    found = read(tmp_path, TOTAL, {"price": 12_000_000_000_000_000_001})
    assert {fact.amount for fact in found.facts} == {12_000_000_000_000_000_001}
    assert Fact(
        FactKind.FINAL,
        "agg:shop:pay_1",
        "BTC",
        12_000_000_000_000_000_001,
        whole=True,
        late=False,
        at_ms=NOW_MS,
    ) in (found.facts)
