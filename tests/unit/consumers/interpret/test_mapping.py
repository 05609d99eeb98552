"""What a mapping may say: a mistake in one stops the start and names the file."""

from pathlib import Path

import pytest

from consumers.interpret import interpreter, mapping
from consumers.interpret.mapping import Say
from tests.support.builders import envelope

HEAD = """
provider = "shop"
version = 1
effective_from = 2026-01-01
source = "the shop's own contract"
"""
RULE = """
[[rule]]
words = ["PAID"]
say = ["total_final"]
"""
MISTAKES = {
    "a key that is not in the schema": HEAD + RULE + "fee = 1\n",
    "no rule": HEAD,
    "no source": HEAD.replace('"the shop\'s own contract"', '""') + RULE,
    "an unknown fact": HEAD + RULE.replace("total_final", "settled"),
    "a pointer that is none": HEAD + 'expires = { place = ["x"], unit = "s" }' + RULE,
    "no place": HEAD + 'expires = { place = [], unit = "s" }' + RULE,
    "an unknown time unit": HEAD + 'expires = { place = ["/x"], unit = "days" }' + RULE,
    "whole, of no total": HEAD + RULE.replace("total_final", "expected") + "whole = true",
    "transfers without a place": HEAD + RULE.replace("total_final", "transfer_seen"),
    "an unknown exception": HEAD + RULE + 'raises = "OTHER"\n',
    "a version that is a text": HEAD.replace("version = 1", 'version = "1"') + RULE,
    "amounts in a timeline": HEAD
    + RULE
    + """
[timeline]
each = "/t"
word = "/w"
at = { place = ["/a"], unit = "s" }
[[timeline.rule]]
words = ["PAID"]
say = ["transfer_seen"]
""",
    "no toml": "provider = shop",
    "another provider's name": HEAD.replace('"shop"', '"stripe"') + RULE,
}


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_mapping_stops_the_start_and_names_the_file(
    tmp_path: Path, text: str
) -> None:
    """A mapping with a typing error would take no fact from any event, and say nothing."""
    (tmp_path / "shop.toml").write_text(text)
    with pytest.raises(ValueError, match=r"shop\.toml"):
        mapping.load(tmp_path)


def test_the_mistakes_are_mistakes_of_one_line_each(tmp_path: Path) -> None:
    """The file that they are made from is right, or the test above proves nothing."""
    (tmp_path / "shop.toml").write_text(HEAD + RULE)
    assert mapping.load(tmp_path)["shop"].rule[0].say == [Say.TOTAL_FINAL]


def test_an_installations_own_mapping_replaces_the_shipped_one(tmp_path: Path) -> None:
    """Kobbopay's contract is private to each merchant: its words are the operator's to write."""
    (tmp_path / "kobbopay.toml").write_text(HEAD.replace("shop", "kobbopay") + RULE)
    own = interpreter.load(tmp_path)
    assert own.interpret(envelope({}, event_type="PAID")).facts
    assert not own.interpret(envelope({}, event_type="payment.paid")).facts
    assert own.tables.keys() == interpreter.load().tables.keys()


def test_every_shipped_mapping_is_dated_and_sourced() -> None:
    """Words change their meaning over time: a table without a date cannot be checked."""
    told = mapping.load()
    assert told.keys() >= {"btcpay", "coinbase_commerce", "stripe", "standard_webhooks", "kobbopay"}
    assert all(one.version >= 1 and one.effective_from and one.source for one in told.values())
