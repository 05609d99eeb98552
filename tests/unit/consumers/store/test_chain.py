"""The bytes and hashes of the chain, worked out by hand, and that nothing written is left out."""

import dataclasses
import hashlib
import json

import orjson
import pytest

from consumers.store import chain, postgres_audit, sqlite_audit
from consumers.store.cases import Action, Work
from consumers.store.port import Changes, Unstorable
from tests.support.store_builders import event_key

ROOT = chain.Root("sandbox", b"r" * 32)
# What each field of a batch is called in an entry. A field that is new here needs a word there.
WORDS = {
    "verdicts": "verdicts",
    "facts": "facts",
    "restated": "restated",
    "marks": "marks",
    "payments": "transitions",
    "transitions": "transitions",
    "anomalies": "raised",
    "resolved": "resolved",
    "notices": "notices",
    "dead_letters": "buried",
    "actions": "actions",
    "works": "works",
    "readings": "readings",
    "matching": "matching",
    "reads": "reads",
    "freezes": "freezes",
}


def test_the_first_entry_is_these_bytes_and_this_hash() -> None:
    """Whoever verifies with another program needs exactly this, in every version from now on."""
    row = chain.begun("operator", 5, "sandbox", {"fact": 2})
    content = (
        b'{"v":1,"chain":"operator","seq":0,"at_ms":5,'
        b'"begun":{"environment":"sandbox","rows":{"fact":2}}}'
    )
    assert row == ("operator", 0, 5, content, hashlib.sha256(bytes(32) + content).digest())


def test_an_entry_hashes_the_one_before_it_and_itself() -> None:
    """That is all there is to a chain."""
    draft = chain.Draft()
    draft.tell("marks", [("stripe", "main", "e", "void", "forged", "ann", 7)])
    [row] = draft.entries(chain.Head(4, b"h" * 32), 9, ROOT)
    content = (
        b'{"v":1,"chain":"operator","seq":5,"at_ms":9,'
        b'"marks":[["stripe","main","e","void","forged","ann",7]]}'
    )
    assert row == ("operator", 5, 9, content, hashlib.sha256(b"h" * 32 + content).digest())


def test_a_new_chain_begins_on_the_first_entry_of_all() -> None:
    """So no chain of one environment can go on as one of another."""
    draft = chain.Draft()
    draft.moved("g", [("t", 2, 1, 0, 8), ("t", 1, 1, None, 3)])
    first, second = draft.entries(chain.Head(-1, chain.NOTHING), 9, ROOT)
    assert first[:2] == ("g/t/1", 0)
    assert json.loads(first[3])["begun"]["environment"] == "sandbox"
    assert first[4] == hashlib.sha256(ROOT.hash + first[3]).digest()
    assert second[:2] == ("g/t/1", 1)
    assert second[4] == hashlib.sha256(first[4] + second[3]).digest()
    assert json.loads(second[3])["moved"] == [["g", "t", 2, 0, 8], ["g", "t", 1, None, 3]]


def test_the_tenth_partition_does_not_go_before_the_second() -> None:
    """Numbers are compared as numbers: two workers would meet on one chain else."""
    draft = chain.Draft()
    draft.moved("g", [("t", 10, 1, 0, 1), ("t", 2, 1, 0, 1)])
    assert draft.chain == "g/t/2"


def test_only_events_that_nobody_had_claimed_are_in_it() -> None:
    """A redelivery claims nothing, and the entry says so."""
    draft = chain.Draft()
    rows = [(*event_key("a"), "x"), (*event_key("b"), "x")]
    draft.claimed(rows, frozenset({event_key("b")}))
    assert draft.told == {"events": [rows[1]]}


def test_what_a_notice_and_a_dead_letter_hold_is_a_digest() -> None:
    """Bodies are not kept twice, and moving a byte from one part to the next is another digest."""
    one = chain.named_notice(("n", "p", "a", "r", 1, b"ab", b"c", "[]"))
    other = chain.named_notice(("n", "p", "a", "r", 1, b"a", b"bc", "[]"))
    assert one[:5] == other[:5] == ("n", "p", "a", "r", 1)
    assert one[5] == hashlib.sha256(b"2 1 abc[]").hexdigest()
    assert one != other
    letter = chain.named_letter(("t", 0, 3, "poison", b"ab", b"c", "[]", 9))
    assert letter == ("t", 0, 3, "poison", hashlib.sha256(b"2 1 abc[]").hexdigest(), 9)


def test_every_field_of_a_batch_has_a_word_in_an_entry() -> None:
    """A new kind of change that no entry names would be a way round the chain."""
    assert {one.name for one in dataclasses.fields(Changes)} == WORDS.keys()


def test_both_databases_name_the_same_kinds() -> None:
    """One audit reads both."""
    assert sorted(postgres_audit.KINDS.values()) == sorted(sqlite_audit.KINDS.values())
    assert set(sqlite_audit.KINDS.values()) < set(WORDS.values())


def test_the_columns_of_an_exceptions_end_are_where_an_audit_looks() -> None:
    """An action may close an item: the audit takes its number, its end and its instant."""
    assert Work._fields[:3] == ("id", "was", "status")
    assert Action._fields[:2] == ("key", "name")


def test_what_the_chain_cannot_hold_is_refused_whole() -> None:
    """Half a letter: no database holds it either, and nothing of the batch is written."""
    draft = chain.Draft()
    draft.tell("marks", [("\ud800",)])
    with pytest.raises(Unstorable):
        draft.entries(chain.Head(0, b""), 1, ROOT)


def test_an_entry_is_plain_json() -> None:
    """An auditor reads it with any tool, years from now."""
    draft = chain.Draft()
    draft.stated(
        [("p", "a", "r", b"\x01\xff", "kind", 9, "p", "a", "e")],
        [("p", "a", "r", b"\x01\xff")],
        [],
        [],
    )
    [row] = draft.entries(chain.Head(0, b""), 1, ROOT)
    assert orjson.loads(row[3])["facts"] == [["p", "a", "r", "01ff", "p", "a", "e"]]
