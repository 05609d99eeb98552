"""What is known of the use of keys, and up to when: silence is judged by it."""

import pytest

from consumers.store.port import KeyUse
from sealgate.keys.edges import Asked, Shown
from sealgate.keys.uses import told_until_ms

NOW_MS = 1_000
EDGE = Shown(generation=1, loaded_ms=0)
USES = [KeyUse("urn:a", "old", 100, 200), KeyUse("urn:a", "new", 300, 900)]


@pytest.mark.parametrize(
    ("asked", "until_ms"),
    [
        (Asked({"http://a:1": EDGE}, {}), NOW_MS),
        # The one that is silent may verify with the old key this minute, the workers being behind.
        (Asked({"http://a:1": EDGE}, {"http://b:1": "nobody answers there"}), 900),
        (Asked({}, {"http://b:1": "nobody answers there"}), 900),
        (Asked({}, {}), 900),
    ],
)
def test_news_have_come_up_to_now_only_where_every_edge_answered(
    asked: Asked, until_ms: int
) -> None:
    """Retired on half the news, a key takes with it what the other half was proven with."""
    assert told_until_ms(asked, USES, NOW_MS) == until_ms


def test_where_nothing_is_stored_and_nobody_answers_nothing_is_known() -> None:
    """A fresh database has not heard of any use: no silence is counted from it."""
    assert told_until_ms(Asked({}, {}), [], NOW_MS) == 0
