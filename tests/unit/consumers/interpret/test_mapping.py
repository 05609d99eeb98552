"""What a mapping may say: a mistake in one stops the start and names the file."""

from pathlib import Path

import pytest

from consumers.interpret import interpreter, mapping
from consumers.interpret.mapping import Say
from consumers.lifecycle import Verdict
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
    "an unknown fact": HEAD + RULE.replace("total_final", "paid"),
    "a pointer that is none": HEAD + 'expires = { place = ["x"], unit = "s" }' + RULE,
    "no place": HEAD + 'expires = { place = [], unit = "s" }' + RULE,
    "an unknown time unit": HEAD + 'expires = { place = ["/x"], unit = "days" }' + RULE,
    "whole, of no total": HEAD + RULE.replace("total_final", "expected") + "whole = true",
    "a failure without its reason": HEAD + RULE.replace("total_final", "failed"),
    "a reason without a failure": HEAD + RULE + 'reason = "aml"\n',
    "a refund that says not how far": HEAD + RULE.replace("total_final", "refund"),
    "a hold of nobody": HEAD + RULE.replace("total_final", "hold"),
    "an unknown hold": HEAD + RULE.replace("total_final", "hold") + 'hold = "me"\n',
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
    assert mapping.load(tmp_path)["shop"][0].rule[0].say == [Say.TOTAL_FINAL]


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
    for one in (one for same in told.values() for one in same):
        assert one.version >= 1
        assert one.effective_from
        assert one.source


def test_of_two_versions_the_one_in_force_at_the_receipt_reads_an_event(tmp_path: Path) -> None:
    """A word that changes its meaning keeps its old one for what was received before."""
    (tmp_path / "shop.toml").write_text(HEAD + RULE)
    newer = HEAD.replace("version = 1", "version = 2").replace("2026-01-01", "2026-06-01")
    (tmp_path / "shop.2.toml").write_text(newer + RULE.replace("total_final", "total_seen"))
    own = interpreter.load(tmp_path)
    june_ms = 1_780_272_000_000  # 2026-06-01T00:00:00Z
    for received_ms, version in ((june_ms - 1, "shop/1"), (june_ms, "shop/2")):
        sealed = envelope({}, provider="shop", event_type="PAID", received_ms=received_ms)
        assert own.interpret(sealed).mapping == version


def test_what_one_version_cannot_read_names_that_version_alone(tmp_path: Path) -> None:
    """Before any is chosen all were asked; from then on the others have nothing to do with it."""
    (tmp_path / "shop.toml").write_text(HEAD + RULE)
    newer = HEAD.replace("version = 1", "version = 2")
    expires = 'expires = { place = ["/x"], unit = "s" }\n'
    (tmp_path / "shop.2.toml").write_text(newer + expires + RULE.replace("total_final", "expected"))
    own = interpreter.load(tmp_path)
    for body, names in ({"x": "soon"}, "shop/2"), (b"no json", "shop/2, shop/1"):
        found = own.interpret(envelope(body, provider="shop", event_type="PAID"))
        assert (found.verdict, found.mapping) == (Verdict.UNPARSEABLE, names)


def test_a_mapping_of_one_api_version_leaves_the_others_alone(tmp_path: Path) -> None:
    """Stripe gave a word a second meaning in one version of its API, and both are sent."""
    (tmp_path / "shop.toml").write_text(HEAD + RULE)
    api = 'api = { place = ["/api_version"], since = "2025-09-30" }\n'
    newer = HEAD.replace("version = 1", "version = 2") + api
    (tmp_path / "shop.2.toml").write_text(newer + RULE.replace("total_final", "total_seen"))
    own = interpreter.load(tmp_path)
    for told, version in (
        ("2025-09-29", "shop/1"),
        ("2025-09-30.clover", "shop/2"),
        (None, "shop/1"),
    ):
        body = {} if told is None else {"api_version": told}
        sealed = envelope(body, provider="shop", event_type="PAID")
        assert own.interpret(sealed).mapping == version
