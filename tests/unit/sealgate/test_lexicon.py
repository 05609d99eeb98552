"""`sealgate glossary`: every word of the code is found, however it is typed, in all senses."""

import json
from collections.abc import Iterable

import pytest

from consumers import glossary
from consumers.actions import RULES, Act, Reason, Role
from consumers.exceptions import Code
from consumers.fetching.comparing import Comparison
from consumers.lifecycle import State, Verdict
from consumers.store.deposits import DepositState
from sealgate.lexicon import entries, find, run


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("state", State),
        ("verdict", Verdict),
        ("flag", glossary.FLAGS),
        ("exception", Code),
        ("action", Act),
        ("role", Role),
        ("reason", Reason),
        ("provider's answer", Comparison),
        ("deposit's state", DepositState),
    ],
)
def test_every_word_of_the_code_is_in_the_glossary(kind: str, words: Iterable[str]) -> None:
    """A word that somebody meets and cannot look up is guessed at."""
    told = {one.word for one in entries() if one.kind == kind}
    assert told == set(words)
    assert all(one.meaning for one in entries())


@pytest.mark.parametrize(
    ("typed", "kinds"),
    [
        ("Confirmed", ["state", "amount"]),
        ("we_behind", ["provider's answer"]),
        ("freeze", ["word"]),
        ("Parked", ["word"]),
        ("heldasliability", ["deposit's state"]),
        ("AMOUNT-UNDER", ["exception"]),
        ("accept-underpaid", ["action"]),
        (" duplicate fact ", ["verdict"]),
        ("compliance", ["flag", "hold", "role"]),
        ("version_conflict", ["refusal"]),
    ],
)
def test_a_word_is_found_however_it_is_typed(typed: str, kinds: list[str]) -> None:
    """Commands write a dash, reports an underscore, people capitals; and one word has senses."""
    assert [one.kind for one in find(typed)] == kinds


def test_a_state_says_what_it_means_for_goods_and_books(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """These are the two questions that are asked about every state."""
    assert run("underpaid", as_json=False) == 0
    shown = capsys.readouterr().out
    meaning = glossary.STATES[State.UNDERPAID]
    for text in (meaning.sentence, meaning.goods, meaning.books):
        assert text in shown


def test_an_action_says_who_may_do_it_and_a_role_what_it_may_do() -> None:
    """Whoever was refused by role_not_allowed asks for exactly this."""
    [action] = [one for one in find("accept_late") if one.kind == "action"]
    may = dict(action.more)["roles"].split(", ")
    assert set(may) == set(RULES[Act.ACCEPT_LATE].roles)
    for role in Role:
        [known] = [one for one in find(role) if one.kind == "role"]
        assert ("accept_late" in dict(known.more)["may"].split(", ")) == (role in may)


@pytest.mark.parametrize(
    ("typed", "near"), [("underpayd", "Underpaid"), ("confirm", "Confirmed"), ("stuck", "STUCK_")]
)
def test_a_wrong_word_is_answered_with_near_ones(
    typed: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody writes down what they heard."""
    assert run(typed, as_json=False) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert near in told.err


def test_a_word_like_nothing_is_answered_with_the_list(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And nothing that was typed moves the cursor."""
    assert run("\x1b[2Jqqqq", as_json=False) == 1
    told = capsys.readouterr().err
    assert "`sealgate glossary` lists all words" in told
    assert "\x1b" not in told


def test_machines_get_every_word_with_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """A portal shows the same words as the command line."""
    assert run("", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == "sealgate.glossary/1"
    assert {"word", "kind", "meaning"} <= set(told["words"][0])
    assert len(told["words"]) == len(set(entries()))


def test_without_a_word_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One page to print out and to sign."""
    assert run("", as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(any(line.split()[:1] == [state] for line in lines) for state in State)
