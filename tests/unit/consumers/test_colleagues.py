"""Two people are two: however one of them writes the name."""

import pytest

from consumers.actions import Act
from consumers.colleagues import is_same
from consumers.operating import ApprovalRequired, WrongWords, check, need_second
from tests.support.ordered import order

# Every way of writing kim that reads as kim.
ALIKE = {
    "capitals": "KIM",
    "blanks": "  k i m ",
    "a dotless i": "k\u0131m",
    "full width": "\uff2b\uff49\uff4d",
    "an accent": "k\u00edm",
    "a combining accent": "ki\u0301m",
    "Cyrillic": "\u043a\u0456\u043c",
    "Greek capitals": "\u039a\u0399\u039c",
    "mathematical letters": "\U0001d424\U0001d422\U0001d426",
    "points": "k.i-m",
    "a dotted capital": "K\u0130M",
}


@pytest.mark.parametrize("name", ALIKE.values(), ids=ALIKE)
def test_a_name_written_in_another_way_is_no_second_person(name: str) -> None:
    """Dual control that a shift key defeats is none."""
    assert is_same("kim", name)
    with pytest.raises(ApprovalRequired, match="another person"):
        check(order(Act.ACCEPT_LATE, approved_by=name))


@pytest.mark.parametrize("name", ["...", " ", "\u3000", "\u3164", "\uffa0", "\u2800", "\U0001f600"])
def test_a_name_without_letters_is_nobodys(name: str) -> None:
    """Three points differ from every name, and nobody can be asked what they agreed to."""
    with pytest.raises(WrongWords, match="approved_by"):
        check(order(Act.ACCEPT_LATE, approved_by=name))
    with pytest.raises(WrongWords, match="by"):
        check(order(Act.ACCEPT_LATE, by=name, approved_by="lee"))
    with pytest.raises(ApprovalRequired, match="second person"):
        need_second(order(Act.ACCEPT_LATE, approved_by=name), "it is about money")
    assert is_same("kim", "kim" + name)


@pytest.mark.parametrize("name", ["7", "kin", "jim", "kim2", "kimi", "\u5c71\u7530", "lee"])
def test_other_names_are_other_people(name: str) -> None:
    """A refusal of two who are two would be learned to be gone around."""
    assert not is_same("kim", name)
    check(order(Act.ACCEPT_LATE, approved_by=name))
