"""Samples of providers' events, and by hand what each states: ``tests/vectors/events/*.toml``.

A file holds the words that a provider documents, and samples of its events with the facts and the
state that the provider's document gives them. Nothing in a file was produced by running the code:
it is what the tables are held to.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from consumers.exceptions import Code
from consumers.facts import TOTAL_PREFIX, Fact, FactKind
from consumers.lifecycle import State
from ingress.contract.envelope import Envelope
from tests.support.builders import envelope

FOLDER = Path(__file__).parents[1] / "vectors" / "events"
_TOTAL = "total"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Stated(_Table):
    """One fact. `key` may be ``total``; `at` is that of the sample where it is left out."""

    kind: Annotated[FactKind, Field(strict=False)]
    key: str = ""
    asset: str = ""
    amount: str | None = None
    whole: bool = False
    late: bool = False
    at: datetime | None = None
    expires: datetime | None = None
    detail: str = ""


class Sample(_Table):
    """One event, and what it states alone. `fetched`: what the provider's API answers."""

    word: str
    payment: str
    source: str = Field(min_length=3)
    date: date
    constructed: bool = False
    fetched: bool = False
    at: datetime | None = None
    headers: Mapping[str, str] = Field(default_factory=dict)
    content_type: str = "application/json"
    body: str
    state: Annotated[State, Field(strict=False)]
    facts: list[Stated]
    raises: list[Annotated[Code, Field(strict=False)]] = Field(default_factory=list)


class Samples(_Table):
    """One provider's file. `timeline` holds the words of the history that its events repeat.

    `parameters` are those of the profile that the samples are read by at the edge.
    """

    provider: str
    source: str = Field(min_length=10)
    read_on: date
    catalogue: list[str] = Field(min_length=1)
    timeline: list[str] = Field(default_factory=list)
    parameters: Mapping[str, str] = Field(default_factory=dict)
    sample: list[Sample] = Field(min_length=1)

    @property
    def received_ms(self) -> int:
        """Return when all of the samples count as received: the day the file was last read."""
        return _ms(datetime.combine(self.read_on, time(), UTC))

    def at_ms(self, sample: Sample) -> int:
        """Return when the event occurred; when it was received, where the provider does not say."""
        return self.received_ms if sample.at is None else _ms(sample.at)

    def sealed(self, sample: Sample) -> Envelope:
        """Return the sample as a verified event, of a class that may move a payment."""
        return envelope(
            sample.body.encode(),
            provider=self.provider,
            event_type=sample.word,
            payment_ref=sample.payment,
            occurred_ms=self.at_ms(sample),
            received_ms=self.received_ms,
            untold=sample.at is None,
            content_type=sample.content_type,
        )

    def facts(self, sample: Sample) -> frozenset[Fact]:
        """Return the facts that the sample must state."""
        at_ms = self.at_ms(sample)
        total = f"{TOTAL_PREFIX}{self.provider}:{sample.payment}"
        untold = sample.at is None
        return frozenset(_fact(told, total, at_ms, is_untold=untold) for told in sample.facts)


def _fact(told: Stated, total: str, at_ms: int, *, is_untold: bool) -> Fact:
    # An expectation has no instant.
    is_dated = told.kind is FactKind.EXPECTED or told.at is not None
    default_ms = 0 if told.kind is FactKind.EXPECTED else at_ms
    return Fact(
        kind=told.kind,
        key=total if told.key == _TOTAL else told.key,
        asset=told.asset,
        amount=None if told.amount is None else int(told.amount),
        whole=told.whole,
        late=told.late,
        at_ms=default_ms if told.at is None else _ms(told.at),
        expires_ms=None if told.expires is None else _ms(told.expires),
        detail=told.detail,
        untold=is_untold and not is_dated,
    )


def _ms(moment: datetime) -> int:
    seconds = int(moment.replace(microsecond=0).timestamp())
    return seconds * 1000 + moment.microsecond // 1000


@cache
def load() -> Mapping[str, Samples]:
    """Read every file, by the provider it is named after."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.toml"))}


def _read(path: Path) -> Samples:
    try:
        return Samples.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValueError as wrong:
        raise ValueError(f"{path.name}: {wrong}") from wrong


def each() -> Iterator[tuple[str, Samples, Sample]]:
    """Yield every sample of every file, with a name for it."""
    for provider, samples in load().items():
        for number, sample in enumerate(samples.sample, start=1):
            yield f"{provider}-{number}-{sample.word}", samples, sample
