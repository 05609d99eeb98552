"""What comes to a source: whether it verifies, whether anything comes, how long it is refused."""

from dashboards.prometheus import thresholds as t
from dashboards.prometheus.alert import (
    SOURCE,
    Alert,
    Group,
    Recording,
    Severity,
    most,
    total,
)

# What verified and belongs elsewhere is counted as a failure, and is none of a key.
_FAILED = 'sealgate_verification_failures_total{reason!="environment_mismatch"}'
# Those that a wrong key, or a body that somebody changes, brings about: those of `ingress.trust`. A
# stranger who signs nothing, or comes from a wrong address, is none, and must wake nobody.
_KEYS_FAILED = (
    'sealgate_verification_failures_total{reason=~"no_matching_signature|unknown_key_id'
    '|no_usable_key|digest_mismatch|cert_untrusted"}'
)
_ACCEPTED = 'sealgate_requests_total{outcome="accepted"}'
# What verified and could not be published is no failure of a key.
_PROVEN = (
    'sealgate_requests_total{outcome=~"accepted|publish_failed|publish_refused'
    '|environment_mismatch"}'
)
# Each edge judges by what came to it; one that does not know the stranger still calls people.
_BESIEGED = "(sealgate_source_besieged > 0)"
_FAILING = "sealgate_source_failing_since_timestamp_seconds"
_LAST = most(SOURCE, "max_over_time(sealgate_last_accepted_timestamp_seconds[1d])")
_FAILING_SINCE = (
    f"min by ({SOURCE}) (\n    ({_FAILING} > 0) > on ({SOURCE}) group_left ()\n    {_LAST}\n  )"
)
_NOW = "source:sealgate_accepted:increase1h"
_USUAL = "source:sealgate_accepted_usual:increase1h"
# The same hour of yesterday, the day before, and so on: one bad day or one holiday is outvoted.
# A subquery would not do: its steps begin at midnight, whatever the hour is.
_EARLIER = "\n  or ".join(
    f'label_replace({_NOW} offset {day}, "day", "{day}", "", "")'
    for day in ("1d", "2d", "3d", "7d")
)
# Nothing at this hour of this day a week ago: a shop that is closed on Sundays.
_CLOSED = f"{_NOW} offset 7d == 0"
# Known on when every edge was started anew, which knows of no delivery before; forgotten when no
# edge has the source any more.
_KNOWN_LAST = "source:sealgate_last_accepted:timestamp"
_REMEMBERED = (
    f"max by ({SOURCE}) (\n"
    f"  sealgate_last_accepted_timestamp_seconds > 0\n"
    f"  or last_over_time({_KNOWN_LAST}[1d])\n)\n"
    f"and group by ({SOURCE}) (sealgate_last_accepted_timestamp_seconds)"
)
# What it is at its beginning it is until something is accepted: at night, too, when nothing is
# usual, and after weeks. What verifies and is not accepted is no silence: the log may be away.
_SILENT = "source:sealgate_silent_since:timestamp"
_FELL_SILENT = (
    f"(\n  {_KNOWN_LAST}\n"
    f"  and (time() - {_KNOWN_LAST}) > {t.SILENCE_GAPS} * 3600 / {_USUAL}\n"
    f"  and (time() - {_KNOWN_LAST}) > {t.SILENCE_MIN_S}\n"
    f"  unless {total(SOURCE, _PROVEN, '15m')} > 0\n)\n"
    f"or {_KNOWN_LAST} == last_over_time({_SILENT}[1d])"
)


def _skew(below: str) -> str:
    return f'sealgate_clock_skew_seconds_bucket{{le="{below}"}}'


VERIFYING = Group(
    "sealgate-verifying",
    [
        Alert(
            "SealgateEverythingFailsVerification",
            Severity.PAGE,
            "verification-failures.md",
            "nothing of a source verifies any more, and something did within the last day",
            "Compare the key of {{ $labels.source }} with the provider's portal, and put back the"
            " one"
            " that worked",
            "{{ $value | printf `%.0f` }} deliveries of {{ $labels.provider }} failed and none"
            " verified: a key was changed on one side only, or a proxy changes bodies.",
            f"(\n  {total(SOURCE, _KEYS_FAILED, '5m')} > {t.ALL_FAIL_MIN}\n"
            f"  unless {total(SOURCE, _PROVEN, '5m')} > 0\n"
            f"  and {_LAST} > time() - {t.VERIFIED_WITHIN_S}\n"
            f"  unless {most(SOURCE, 'sealgate_source_besieged')} > 0\n)\n"
            f"or\n(\n  {total(SOURCE, _KEYS_FAILED, '1h')} > 0\n"
            f"  and {most(SOURCE, f'sealgate_source_suspect unless {_BESIEGED}')} > 0\n)",
            held="1m",
        ),
        Alert(
            "SealgateEverythingFailsVerification",
            Severity.TICKET,
            "verification-failures.md",
            "the same, while the failures are taken for a stranger's: a key of the source was"
            " proven right in their midst within a week",
            "Keep whoever forges deliveries of {{ $labels.source }} away: by the addresses that"
            " {{ $labels.provider }} delivers from, or in front of the edge",
            "{{ $value | printf `%.0f` }} deliveries of {{ $labels.provider }} failed in an hour,"
            " from elsewhere than those that verified; should the provider deliver from there now,"
            " its key is wrong here.",
            f"{total(SOURCE, _KEYS_FAILED, '1h')} > 0\n"
            f"and {most(SOURCE, f'sealgate_source_suspect and {_BESIEGED}')} > 0",
            held="1m",
        ),
        Alert(
            "SealgateVerificationFailuresHigh",
            Severity.TICKET,
            "verification-failures.md",
            "more than a fifth of what comes to a source does not verify",
            "Look at the reasons of {{ $labels.source }}: one old key, one broken sender, or"
            " somebody who tries",
            "{{ $value | humanizePercentage }} of the deliveries of {{ $labels.provider }} did not"
            " verify in 5 minutes.",
            f"(\n  {total(SOURCE, _FAILED, '5m')}\n  /\n"
            f"  ({total(SOURCE, _FAILED, '5m')} + {total(SOURCE, _PROVEN, '5m')})\n"
            f") > {t.FAIL_RATIO}\nand {total(SOURCE, _FAILED, '5m')} > {t.FAIL_MIN}",
            held="5m",
        ),
        Alert(
            "SealgateClockSkew",
            Severity.TICKET,
            "clock-skew.md",
            "more than half of the signed times of a source are over a minute from our clock",
            "Compare the clock of the edge with a time server; if all other sources agree with it,"
            " ask {{ $labels.provider }}",
            "{{ $value | humanizePercentage }} of the deliveries of {{ $labels.source }} were"
            " signed"
            " for more than a minute before or after our clock; at five minutes most are refused.",
            f"(\n  1 - (\n    {total(SOURCE, _skew(t.SKEW_S.said), '15m')}\n"
            f"    - {total(SOURCE, _skew('-' + t.SKEW_S.said), '15m')}\n"
            f"  ) / {total(SOURCE, _skew('+Inf'), '15m')}\n"
            f") > {t.SKEW_PART}\n"
            f"and {total(SOURCE, _skew('+Inf'), '15m')} > {t.SKEW_MIN}",
            held="5m",
        ),
    ],
)

COMING = Group(
    "sealgate-coming",
    [
        Alert(
            "SealgateProviderSilent",
            Severity.TICKET,
            "provider-silent.md",
            "nothing was accepted for ten times the gap that is usual at this hour, and 15"
            " minutes; until something is",
            "Ask {{ $labels.provider }}'s status page and portal whether the endpoint of"
            " {{ $labels.source }} is still enabled",
            "The last delivery was accepted {{ $value | humanizeDuration }} ago; when this was"
            " noticed, that was more than ten times the gap that is usual at the hour.",
            f"time() - {_SILENT}",
        ),
        Alert(
            "SealgateRetryHorizonRunningOut",
            Severity.PAGE,
            "retry-horizon.md",
            "deliveries of a source fail through our fault for half the time that its provider"
            " goes on trying",
            "Mend what refuses {{ $labels.source }} now: when {{ $labels.provider }} stops trying,"
            " its events have to be asked for one by one",
            "{{ $value | humanizePercentage }} of the time is gone for which"
            " {{ $labels.provider }} tries again.",
            # Of several edges the first that fails counts; one that failed before another accepted
            # tells of nothing that is still lost, also when the other was started anew since.
            f"(\n  (time() - {_FAILING_SINCE})\n"
            f"  / {most(SOURCE, 'sealgate_source_retry_horizon_seconds')}\n) > {t.HORIZON_PART}",
        ),
    ],
    [
        Recording(_NOW, total(SOURCE, _ACCEPTED, "1h")),
        Recording(_USUAL, f"quantile by ({SOURCE}) (0.5,\n  {_EARLIER}\n)\nunless {_CLOSED}"),
        Recording(_KNOWN_LAST, _REMEMBERED),
        Recording(_SILENT, _FELL_SILENT),
    ],
)

GROUPS = (VERIFYING, COMING)
