"""What watches the watching: a series that is missing must not be read as a series that is well."""

from dashboards.prometheus.alert import PLACE, Alert, Group, Severity, most

JOBS = 'job=~"(.+/)?sealgate.*"'
"""How the scrape jobs of Sealgate are called; in Kubernetes a namespace stands before it."""
PARTS = {
    "edge": "sealgate_requests_in_flight",
    "workers": "sealgate_consumer_halted",
    "relay": "sealgate_notices_delivered_total",
    "timers": "sealgate_timers_sweep_duration_seconds",
}
"""A series that each part of the gateway has from its first second."""


def _gone(part: str, series: str) -> str:
    return (
        f"label_replace(\n  group by ({PLACE}) (present_over_time({series}[6h]))\n"
        f'  unless group by ({PLACE}) ({series}),\n  "part", "{part}", "", ""\n)'
    )


GROUPS = (
    Group(
        "sealgate-monitoring",
        [
            Alert(
                "SealgateTargetDown",
                Severity.PAGE,
                "monitoring.md",
                "a process is not there to be scraped, or none of a part is left",
                "Find out whether {{ or $labels.instance $labels.part }} is dead, or cannot be"
                " reached: what it would tell is not known",
                "A target of {{ $labels.environment }} does not answer, or is gone; alerts about it"
                " are silent.",
                f"up{{{JOBS}}} == 0\nor\nabsent(up{{{JOBS}}})\nor\n"
                + "\nor\n".join(_gone(*one) for one in PARTS.items()),
                held="2m",
            ),
            Alert(
                "SealgateCollectorFailed",
                Severity.TICKET,
                "monitoring.md",
                "the monitor cannot measure something, or there is no monitor",
                "Read the monitor's log: why can {{ $labels.collector }} not be measured?",
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
    ),
)
