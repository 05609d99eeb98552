"""JSON written as a text inside of another's envelope: read as a body is read, or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from consumers.exceptions import Code
from consumers.interpret import bodies, interpreter, pointer
from consumers.interpret.drift import Drift
from consumers.interpret.interpreter import Interpretation
from consumers.lifecycle import Verdict
from tests.support.builders import envelope

MAPPING = """
provider = "kobbopay"
version = 7
effective_from = 2020-01-01
source = "made for these tests: a notification inside of an envelope"
texts = ["/Message", "/also/0/text"]
where = { "/Message/kind" = "coin" }

[transfer]
key = ["/Message/hash"]
amount = ["/Message/amount"]
asset = ["/Message/coin"]

[[rule]]
words = ["payment.paid"]
say = ["transfer_seen"]
"""
INSIDE = '{"kind": "coin", "hash": "aa", "amount": 0.00000001, "coin": "BTC"}'


def told(folder: Path, body: dict[str, Any]) -> Interpretation:
    """Interpret an envelope."""
    (folder / "kobbopay.toml").write_text(MAPPING)
    return interpreter.load(folder).interpret(envelope(body))


def test_a_place_goes_on_into_a_text_that_is_json(tmp_path: Path) -> None:
    """And numbers in it keep every digit: a satoshi is not a binary fraction."""
    found = told(tmp_path, {"Message": INSIDE, "also": [{"text": "{}"}]})
    assert found.verdict is None
    [fact] = found.facts
    assert (fact.key, fact.asset, fact.amount) == ("tx:aa", "BTC", 1)


@pytest.mark.parametrize(
    "text",
    ["paid 10.50", "", '{"a": 1', '{"kind": "coin", "kind": "coin"}', '{"amount": NaN}', "[" * 99],
)
def test_a_text_that_could_be_read_in_two_ways_is_refused(tmp_path: Path, text: str) -> None:
    """A signature proves who wrote the text, and not that two parsers see the same in it."""
    found = told(tmp_path, {"Message": text})
    assert (found.verdict, found.facts) == (Verdict.UNPARSEABLE, frozenset())
    [finding] = found.findings
    assert finding.code is Code.SCHEMA_DRIFT
    assert finding.evidence.startswith("/Message, read as a body: ")


@pytest.mark.parametrize("body", [{}, {"Message": None}, {"Message": {"kind": "coin"}}])
def test_what_is_no_text_stays_as_it_is(tmp_path: Path, body: dict[str, Any]) -> None:
    """The place may be absent, or hold the notification itself: then nothing is unfolded."""
    found = told(tmp_path, body)
    assert found.verdict is Verdict.UNPARSEABLE
    assert "read as a body" not in found.findings[0].evidence


def test_unfolding_changes_nothing_of_what_was_read() -> None:
    """The next mapping that is asked must see the event as it came."""
    body = {"Message": INSIDE, "also": [{"text": "[1]", "b": 2}, 3]}
    before = json.dumps(body)
    places = [pointer.parse("/Message"), pointer.parse("/also/0/text")]
    found = bodies.unfold(body, places)
    assert found["Message"]["hash"] == "aa"
    assert found["also"] == [{"text": [1], "b": 2}, 3]
    assert json.dumps(body) == before


def test_a_text_inside_of_a_text_is_read_after_the_one_around_it() -> None:
    """The places are taken in the order of the mapping, so one may lead into another."""
    outer = {"a": json.dumps({"b": json.dumps({"c": 1})})}
    assert bodies.unfold(outer, [("a",), ("a", "b")]) == {"a": {"b": {"c": 1}}}
    with pytest.raises(Drift, match="/a/b, read as a body"):
        bodies.unfold({"a": '{"b": "no"}'}, [("a",), ("a", "b")])


def test_a_value_is_put_in_the_place_of_another() -> None:
    """Also at the end of a list, and in the place of the whole."""
    assert pointer.replaced({"a": [1, 2]}, ("a", "-1"), 3) == {"a": [1, 3]}
    assert pointer.replaced({"a": 1}, (), 3) == 3
