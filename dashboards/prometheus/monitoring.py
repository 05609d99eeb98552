"""What watches the watching: a series that is missing must not be read as a series that is well."""

from dashboards.prometheus import thresholds as t
from dashboards.prometheus.alert import (
    HOST,
    PLACE,
    PROCESS,
    Alert,
    Group,
    Recording,
    Severity,
    most,
)

JOBS = 'job=~"(.+/)?sealgate.*"'
"""How the scrape jobs of Sealgate are called; in Kubernetes a namespace stands before it."""
PARTS = {
    "edge": "sealgate_requests_in_flight",
    "workers": "sealgate_consumer_halted",
    "relay": "sealgate_notices_delivered_total",
    "timers": "sealgate_timers_sweep_duration_seconds",
    "monitor": "sealgate_collector_success",
}
"""A series that each part of the gateway has from its first second."""
PART = "environment, part"
_HAS = "instance:sealgate_part:present"
_GONE = "part:sealgate_gone:present"
_HAD = "instance:sealgate_part:known"
_DOWN = f"up{{{JOBS}}} == 0"
_SEVERAL = f"(count by ({PROCESS}) ({_HAD}) > 1)"
# One trouble is told once. The last of a part is told as the part: that stays when nobody looks for
# the process any more. A process that is all of several parts is told as itself.
_DOWN_ALONE = (
    f"label_replace({_DOWN}, {HOST})\n"
    f"unless on ({PROCESS}) (\n"
    f"  ({_HAD} unless on ({PROCESS}) {_SEVERAL})\n"
    f"  and on ({PART}) {_GONE}\n)"
)
_GONE_ALONE = (
    f"({_GONE}\n"
    f"unless on ({PART}) (\n"
    f"  {_HAD}\n"
    f"  and on ({PROCESS}) ({_DOWN} and on ({PROCESS}) {_SEVERAL})\n))"
)


def _has(part: str, series: str) -> str:
    return f'label_replace(group by ({PROCESS}) ({series}), "part", "{part}", "", "")'


GROUPS = (
    Group(
        "sealgate-monitoring",
        [
            Alert(
                "SealgateTargetDown",
                Severity.PAGE,
                "monitoring.md",
                "a process is not there to be scraped, or none of a part is left",
                "Find out whether {{ with $labels.part }}every process of the part {{ . }}"
                "{{ else }}{{ or $labels.instance `every process` }}{{ end }} is dead,"
                " or cannot be reached: what it would tell is not known",
                "{{ with $labels.part }}Nothing of the part {{ . }}{{ else }}A target{{ end }}"
                "{{ with $labels.environment }} of {{ . }}{{ end }} does not answer, or is"
                " gone; alerts about it are silent.",
                f"{_DOWN_ALONE}\nor\nabsent(up{{{JOBS}}})\nor\n{_GONE_ALONE}",
                held="2m",
            ),
            Alert(
                "SealgateCollectorFailed",
                Severity.TICKET,
                "monitoring.md",
                "the monitor cannot measure something, or there is no monitor",
                "{{ with $labels.collector }}Read the monitor's log: why can {{ . }} not be"
                " measured?{{ else }}Start the monitor: there is none{{ end }}",
                "Its series are gone meanwhile: no alert about it can fire.",
                f"{most(f'{PLACE}, collector', 'sealgate_collector_success')} == 0\nor\n(\n"
                f"  group by ({PLACE}) (up{{{JOBS}}})\n"
                f"  unless group by ({PLACE}) (sealgate_collector_success)\n)",
                held="5m",
            ),
            Alert(
                "SealgateWatchdog",
                Severity.INFO,
                "monitoring.md",
                "always: it shows that alerts arrive",
                "Nothing to do while this fires; when it stops, nobody is called any more",
                "It goes to a dead man's switch, which calls when it does not come.",
                "vector(1)",
            ),
        ],
        [
            Recording(_HAS, "\nor\n".join(_has(*one) for one in PARTS.items())),
            Recording(_HAD, f"present_over_time({_HAS}[{t.PART_MISSED}])"),
            Recording(_GONE, f"group by ({PART}) ({_HAD})\nunless\ngroup by ({PART}) ({_HAS})"),
        ],
    ),
)
