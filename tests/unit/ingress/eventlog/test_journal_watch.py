"""What a journal says of itself: little, and in time."""

from ingress.eventlog.journal_watch import State, Teller


class Lines:
    """A log that remembers the names of its lines."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, event: str, **_: object) -> None:
        self.said.append(event)

    warning = error = info


def test_a_journal_says_its_story_in_few_lines():
    """Begun and drained once each, an error a minute while it is old, and nothing in between."""
    lines = Lines()
    teller = Teller(lines, alarm_age_s=60.0)
    for now_s in range(0, 200, 5):
        teller.look(State(5, 100, 0, is_full=False), now_s * 1000)
    teller.look(State(5, 100, 0, is_full=True), 200_000)
    teller.look(State(0, 100, None, is_full=False), 201_000)
    teller.look(State(0, 100, None, is_full=False), 202_000)
    assert lines.said == [
        "journal_begun", "journal_old", "journal_old", "journal_old", "journal_full",
        "journal_drained", "journal_has_room",
    ]  # fmt: skip


def test_what_passes_through_is_not_worth_a_line():
    """With ``always`` every event is in the journal for a moment."""
    lines = Lines()
    teller = Teller(lines, alarm_age_s=60.0)
    for now_ms in range(0, 100_000, 100):
        teller.look(State(1, 100, now_ms - 10, is_full=False), now_ms)
    assert lines.said == []
