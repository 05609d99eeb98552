"""Two people are two: however one of them writes the name."""

import pytest

from consumers.actions import Act
from consumers.colleagues import is_same
from consumers.operating import ApprovalRequired, check
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


@pytest.mark.parametrize("name", ["kin", "jim", "kim2", "kimi", "\u5c71\u7530", "lee"])
def test_other_names_are_other_people(name: str) -> None:
    """A refusal of two who are two would be learned to be gone around."""
    assert not is_same("kim", name)
    check(order(Act.ACCEPT_LATE, approved_by=name))
