"""What a person sees: progress while the gallery plays, then tables, then what to do next.

Results go to standard output and progress to standard error. Where neither is a terminal, or colour
is not wanted, the same words come out plain: no animation, no escape sequences.
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consumers.store.port import PaymentKey
from ingress.contract import topics
from sealgate.demo.ground import Ground
from sealgate.demo.observe import Heard, Observed
from sealgate.demo.play import Played
from sealgate.demo.scenario import SOURCES, Expected
from sealgate.exposure import addresses
from sealgate.simulator.provider import Attempt
from sealgate.simulator.twist import Twist

# Without a terminal nobody has a width; this one holds every row in one line.
PLAIN_WIDTH = 170
_SHOWN_METRICS = (
    "sealgate_verification_failures_total",
    "sealgate_verified_total",
    "sealgate_consumer_records_total",
    "sealgate_payments",
    "sealgate_payments_stuck",
    "sealgate_exceptions_open",
    "sealgate_notices_delivered_total",
)
_COLOURS = {"Confirmed": "green", "Paid": "cyan", "Underpaid": "yellow", "Late": "yellow"}


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


@dataclass(slots=True)
class Screen:
    """Standard output and standard error, for people."""

    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    def line(self, text: str = "") -> None:
        """Print one line as it is: nothing in it is markup, and it is never wrapped."""
        self.out.print(text, markup=False, soft_wrap=True)

    def trouble(self, text: str) -> None:
        """Say what stands in the way."""
        self.err.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        """Say what is being done; on a terminal with a sign of life until it is."""
        if self.err.is_terminal and not self.err.no_color:
            with self.err.status(Text(what)):
                yield
        else:
            self.trouble(f"{what} ...")
            yield

    def deliveries(self, played: Sequence[Played]) -> None:
        """Print every attempt that was made."""
        table = _table("Deliveries", "provider", "scenario", "sent", "done to it", "status", "why")
        for one in played:
            for step, attempts in zip(one.scenario.steps, one.attempts, strict=True):
                for number, attempt in enumerate(attempts):
                    expected = step.expect[number] if number < len(step.expect) else None
                    table.add_row(
                        one.scenario.provider,
                        one.scenario.title,
                        step.event,
                        _done(attempt),
                        _status(attempt, expected),
                        step.why,
                    )
        self.out.print(table)

    def payments(self, played: Sequence[Played], observed: Observed) -> None:
        """Print every payment: its state, how it came about, and who was told."""
        table = _table("Payments", "payment", "provider", "state", "how it came about", "heard", "")
        for one in played:
            payment = observed.payments.get(one.payment)
            if payment is None:
                continue
            moves = observed.moves[one.payment]
            heard = observed.heard.get(one.payment, ())
            table.add_row(
                one.payment.reference,
                one.payment.provider,
                Text(payment.state.value, style=_COLOURS.get(payment.state.value, "")),
                " -> ".join(f"{move.after} ({move.word})" for move in moves),
                f"{len(heard)} of {len(moves)}",
                _flags(one, observed),
            )
        self.out.print(table)

    def notices(self, observed: Observed, environment: str) -> None:
        """Print what a subscriber heard."""
        count = sum(len(heard) for heard in observed.heard.values())
        topic = topics.lifecycle(environment)
        self.line(
            f"A subscriber of {topic} heard {count} notices of {len(observed.heard)} payments,"
            f" and dropped {observed.repeats} repetitions."
        )

    def metrics(self, observed: Observed, admin_url: str) -> None:
        """Print the lines of /metrics that the gallery moved."""
        self.line(f"\nFrom {admin_url}/metrics:")
        for name in _SHOWN_METRICS:
            samples = observed.metrics.get(name, {})
            for labels, value in sorted(samples.items(), key=lambda item: sorted(item[0])):
                if value:
                    inside = ",".join(f'{key}="{text}"' for key, text in sorted(labels))
                    self.line(
                        f"  {name}{{{inside}}} {value:g}" if inside else f"  {name} {value:g}"
                    )

    def verdict(self, played: Sequence[Played], mismatches: Sequence[str]) -> None:
        """Say whether everything came as expected, and what did not."""
        attempts = sum(len(made) for one in played for made in one.attempts)
        if not mismatches:
            self.line(
                f"\nAll as expected: {len(played)} scenarios, {attempts} deliveries, every status,"
                " state, transition, notice, exception and counter."
            )
            return
        self.line(f"\nNOT as expected, {len(mismatches)} times:")
        for mismatch in mismatches:
            self.line(f"  {mismatch}")

    def invitation(self, edge_url: str, admin_url: str, ground: Ground, command: str) -> None:
        """Print where everything is, and one command for each source to paste elsewhere."""
        self.line(f"\nThe gateway keeps running.  edge {edge_url}  admin {admin_url}")
        self.line(f"metrics        {admin_url}/metrics")
        self.line(f"configuration  {ground.configuration}")
        self.line(f"log lines      {ground.log}")
        self.line("\nIn a second shell; every move of a payment appears below:\n")
        for source in SOURCES:
            key = ground.key_file(source.slug, source.key_ids[-1])
            self.line(
                f"  {command} send {edge_url}/hooks/{source.slug} --provider {source.provider}"
                f" --key-file {key} --event seen"
            )
        self.line("\nThe key file of another source shows a refusal. Ctrl-C ends.\n")

    def questions(self, payment: PaymentKey, ground: Ground, command: str) -> None:
        """Print what a person asks next: what is open, and of one payment why and what happened."""
        name = shlex.quote(addresses.write(payment))
        config = f"--config {shlex.quote(str(ground.configuration))}"
        self.line(
            "\nIn a second shell: what waits for people; of one payment why, and what happened:\n"
        )
        self.line(f"  {command} exceptions list {config}")
        self.line(f"  {command} why {name} {config}")
        self.line(f"  {command} trace {name} {config}")

    def move(self, heard: Heard) -> None:
        """Print one payment's move, as a subscriber hears it."""
        before = heard.before or "(new)"
        self.line(
            f"{heard.payment.provider:<18} {heard.payment.reference:<26} {before:>9} ->"
            f" {heard.after:<9} {heard.word}  correlation {heard.correlation_id}"
        )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _done(attempt: Attempt) -> str:
    again = f", delivery {attempt.number}" if attempt.number > 1 else ""
    what = "" if attempt.twist is Twist.GENUINE else attempt.twist.value
    return (what + again).removeprefix(", ")


def _status(attempt: Attempt, expected: Expected | None) -> Text:
    """Write the status; where it is not the expected one, both."""
    got = "none" if attempt.status is None else str(attempt.status)
    if expected is not None and attempt.status == expected.status:
        return Text(got, style="green" if attempt.taken else "yellow")
    wanted = "nothing" if expected is None else str(expected.status)
    return Text(f"{got}, not {wanted}", style="bold red")


def _flags(played: Played, observed: Observed) -> str:
    """Name the open exceptions of a payment, and whether it is stuck."""
    subject = "/".join(played.payment)
    codes = [i.anomaly.code for i in observed.exceptions if i.anomaly.subject == subject]
    return ", ".join([*codes, *(["stuck"] if played.scenario.stuck else [])])
