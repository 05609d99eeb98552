"""The glossary: every word of the code has its sentence, and no other word is explained."""

from consumers.actions import Role
from consumers.exceptions import HANDLING
from consumers.facts import FactKind, Failure, HoldKind
from consumers.glossary import (
    AMOUNTS,
    DEPOSITS,
    FACTS,
    FAILURES,
    FLAGS,
    HOLDS,
    POSTINGS,
    ROLES,
    SEVERITIES,
    STATES,
    VERDICTS,
)
from consumers.lifecycle import State, Verdict
from consumers.standing import Amounts, Posting
from consumers.store.deposits import DepositState

# In the order in which they are shown, from the document of the domain.
SHOWN = (
    "overpaid partially_refunded accepted_late accepted_underpaid window_closed recovered"
    " multiple_transfers manually_marked inferred disputed"
)
HELD = ("compliance", "finance", "security", "outage", "operator")


def test_every_word_has_a_meaning_and_every_meaning_a_word() -> None:
    """A word that nobody explained is read in two ways by two departments."""
    for told, words in (
        (STATES, State),
        (VERDICTS, Verdict),
        (POSTINGS, Posting),
        (FACTS, FactKind),
        (FAILURES, Failure),
        (HOLDS, HoldKind),
        (AMOUNTS, Amounts._fields),
        (ROLES, Role),
        (DEPOSITS, DepositState),
    ):
        assert list(told) == list(words)
        assert all(told.values())
    assert set(SEVERITIES) == {handling.severity for handling in HANDLING.values()}


def test_the_flags_are_explained_in_the_order_they_are_shown() -> None:
    """One fixed order, so that two screens that show the same payment show the same text."""
    assert tuple(FLAGS) == (*SHOWN.split(), *(f"hold: {kind}" for kind in HELD))
    assert all(FLAGS.values())
