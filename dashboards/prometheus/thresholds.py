"""Every number of the alerts, once, with its reason: to be changed here and nowhere else.

Durations are written as Prometheus writes them where it takes a window, and as seconds (`_S`) where
it compares. Ratios are parts of one.
"""

from typing import NamedTuple


class Threshold(NamedTuple):
    """A number as it stands in an expression, and why it is this one."""

    said: str
    why: str

    def __str__(self) -> str:
        return self.said


REQUESTS_MIN = Threshold("50", "of fewer, chance alone makes a share that looks like trouble")
ALL_FAIL_MIN = Threshold("4", "five in a row are no single broken delivery")
FAIL_RATIO = Threshold("0.2", "scanners and stray tests stay far below one in five")
FAIL_MIN = Threshold("10", "a share of fewer says nothing")
VERIFIED_WITHIN_S = Threshold("86400", "a source that verified within a day has keys that worked")
SILENCE_GAPS = Threshold(
    "10", "ten times the usual gap: chance makes one of that in 22,000 (e^-10)"
)
SILENCE_MIN_S = Threshold("900", "a busy source, too, may pause for a quarter of an hour")
HORIZON_PART = Threshold(
    "0.5", "what is left is as long as what is gone; later tries lie far apart"
)
OLD_KEY_DAY_S = Threshold("86400", "a day is enough to switch a provider over, and to see it")
KEY_ENDS_S = Threshold("604800", "a week: providers' portals need people who are on holiday")
CERTIFICATE_TICKET_S = Threshold("1209600", "two weeks: automatic renewal has failed by then")
CERTIFICATE_PAGE_S = Threshold("172800", "two days: when it ends, no provider can connect")
SKEW_PART = Threshold("0.5", "more than half of a quarter of an hour's is no slow delivery")
SKEW_S = Threshold("60.0", "a fifth of the five minutes that most signatures are good for")
SKEW_MIN = Threshold("5", "a share of fewer says nothing")
PUBLISH_FAIL_RATIO = Threshold("0.5", "where every second message fails, it is the log, no message")
PUBLISH_FAIL_MIN = Threshold("2", "a share of fewer says nothing: one message may be late")
JOURNAL_AGE_S = Threshold("300", "a log that is back drains a journal in seconds")
JOURNAL_PART = Threshold("0.5", "what is left lasts as long as what is gone did")
QUARANTINE_PART = Threshold("0.8", "above it the next flood is refused without being kept")
OVERLOAD_RATIO = Threshold("0.05", "one in twenty turned away is no peak any more")
LOOP_LATE_S = Threshold("0.25", "the whole of what an answer may take, before anything is done")
LOOP_LATE_RATIO = Threshold("0.01", "so many are the answers that the promise of 250 ms allows")
LAG_S = Threshold("300", "thirty times the promise of ten seconds: it is no peak")
POLL_S = Threshold("120", "a worker asks every few seconds, also when nothing comes")
NOTICES_S = Threshold("300", "downstream hears within seconds, or money that moved stands still")
DUPLICATE_RATIO = Threshold("0.2", "retries are a few in a hundred; one in five is a storm")
SWEEP_S = Threshold("900", "sweeps come every few seconds; limits are minutes")
PASS_S = Threshold("900", "passes come every few seconds")
TROUBLES_MIN = Threshold("3", "so many answers missing and none there is no hiccup")
DIVERGENCE_RATIO = Threshold(
    "0.02", "at this share the gateway stops believing: see docs/fetching.md"
)
FROZEN_S = Threshold("14400", "half a shift: while it lasts nothing is posted")
SEVERITY_1_S = Threshold("3600", "severity 1 is for now")
SEVERITY_2_S = Threshold("28800", "severity 2 is for this shift")
SEVERITY_3_S = Threshold("259200", "severity 3 is for this business day; a weekend lies between")
SEVERITY_4_S = Threshold("691200", "severity 4 is for this week, and a day")
DEPOSITS_S = Threshold("86400", "matching is a day's work; month-end waits for it")
DEPOSITS_MIN = Threshold("20", "so many at once are one cause, not many customers")
PARKED_S = Threshold("7200", "it is weighed again for 1 h 12 min; then it is nobody's")
PART_MISSED = Threshold("14d", "two weeks: longer than anybody's holidays from the pager")
CHECKPOINT_S = Threshold("10800", "one is written every hour; three are missing")

TABLE = {name: one for name, one in globals().items() if isinstance(one, Threshold)}
"""All of them by name, in the order above."""
