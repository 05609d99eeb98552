"""Sample events, in each provider's own words and shapes: an `Occasion` in, a body out. Pure.

`samples/<provider>.toml` holds the bodies as templates, with the ids the provider makes and the way
it retries. Steps that all providers know have one name here (``created``, ``seen``, ``confirmed``,
``expired``, ``underpaid``, ``late``); the word inside the body is the provider's own. Nothing is
read from a clock and no id is invented: the same occasion gives the same bytes, so whoever runs a
scenario twice signs the same thing twice.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from string import Template
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ingress.contract import cloudevents

_FOLDER = files("sealgate.simulator.samples")
_SUFFIX = ".toml"
_SECOND_MS = 1000
_ALPHABETS = {
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "base62": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "upper": "ABCDEFGHJKLMNPQRSTUVWXYZ23456789",
}


class _Table(BaseModel):
    """A table of a samples file: an unknown name is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Form(_Table):
    """How a provider writes an id."""

    prefix: str = ""
    alphabet: Literal["base58", "base62", "upper", "uuid"]
    length: Annotated[int, Field(ge=4, le=64)]

    def make(self, seed: bytes) -> str:
        """Return the id that belongs to `seed`: another seed, another id."""
        raw = hashlib.shake_256(seed).digest(64)
        if self.alphabet == "uuid":
            return self.prefix + str(UUID(bytes=raw[:16], version=4))
        letters = _ALPHABETS[self.alphabet]
        return self.prefix + "".join(letters[byte % len(letters)] for byte in raw[: self.length])


class Retry(_Table):
    """How a provider retries: the waits before each further attempt, and after what answers.

    `on` holds statuses (``408``) and classes (``5xx``); no answer at all is always retried.
    """

    waits_s: tuple[float, ...]
    on: frozenset[str]

    def again(self, status: int | None) -> bool:
        """Say whether an attempt that was answered with `status` (None: not at all) is repeated."""
        return status is None or str(status) in self.on or f"{status // 100}xx" in self.on


@dataclass(frozen=True, slots=True)
class Occasion:
    """Everything that differs between two sendings of one sample. Times are milliseconds.

    The payment was opened, seen and closed at these instants; `at_ms` is the event's own.
    `attempt` counts deliveries of the event: some providers write it into the body.
    """

    reference: str
    event_id: str
    opened_ms: int
    seen_ms: int
    at_ms: int
    closes_ms: int
    attempt: int = 1

    def again(self, attempt: int) -> "Occasion":
        """Return the same event, delivered for the `attempt`-th time."""
        return replace(self, attempt=attempt)


class Sample(_Table):
    """One event: `word` is the provider's; `closes` says that it happens after the window."""

    name: str
    word: str
    closes: bool = False
    template: Annotated[str, Field(alias="body", min_length=2)]


class _File(_Table):
    provider: str
    reference: Form
    event_id: Form
    retry: Retry
    parts: dict[str, str] = {}
    event: list[Sample]


@dataclass(frozen=True, slots=True)
class Samples:
    """One provider's events by name, in the order of a payment's life, and its habits."""

    provider: str
    reference: Form
    event_id: Form
    retry: Retry
    events: Mapping[str, Sample]
    parts: Mapping[str, str] = field(repr=False)

    def body(self, name: str, occasion: Occasion) -> bytes:
        """Write the event's body. Raises `ValueError` listing the events there are."""
        values = _values(occasion)
        for part, text in self.parts.items():
            values[part] = Template(text.strip()).substitute(values)
        return Template(self.find(name).template).substitute(values).encode()

    def find(self, name: str) -> Sample:
        """Return an event by its name or by the provider's word. Raises `ValueError`."""
        if name in self.events:
            return self.events[name]
        for sample in self.events.values():
            if sample.word == name:
                return sample
        known = ", ".join(f"{one.name} ({one.word})" for one in self.events.values())
        raise ValueError(f"{self.provider} has no sample event {name!r}; there are {known}")


def names() -> tuple[str, ...]:
    """Return the providers that have samples, in order."""
    found = (file.name for file in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def load(provider: str) -> Samples:
    """Read one provider's samples. Raises `ValueError` listing the providers there are."""
    if provider not in names():
        raise ValueError(f"there are no sample events of {provider!r}; of {', '.join(names())}")
    text = _FOLDER.joinpath(provider + _SUFFIX).read_text(encoding="utf-8")
    file = _File.model_validate(tomllib.loads(text))
    return Samples(
        provider=file.provider,
        reference=file.reference,
        event_id=file.event_id,
        retry=file.retry,
        events={sample.name: sample for sample in file.event},
        parts=file.parts,
    )


def _values(occasion: Occasion) -> dict[str, str]:
    """Write what a template may ask for, fit to stand inside a JSON text."""
    payment = hashlib.shake_256(occasion.reference.encode()).hexdigest(64)
    # The first delivery of an event carries the event's own id.
    attempt = "" if occasion.attempt == 1 else f"-{occasion.attempt}"
    values = {
        "reference": _inside(occasion.reference),
        "event_id": _inside(occasion.event_id),
        "delivery_id": _inside(occasion.event_id + attempt),
        "attempt": str(occasion.attempt),
        "is_retry": "true" if occasion.attempt > 1 else "false",
        "tx": payment[:64],
        "address": payment[64:102],
        "order": f"order-{payment[102:108]}",
        "token": payment[108:126],
        "uuid": str(UUID(hex=payment[:32], version=4)),
        "webhook": "Wh4sKxT9o2Zq7mVbR1cN5e",
        "store": "Fpuu3mDXtH8c6wYqLkRz1a",
    }
    moments = {
        "at": occasion.at_ms,
        "opened": occasion.opened_ms,
        "seen": occasion.seen_ms,
        "closes": occasion.closes_ms,
    }
    for moment, ms in moments.items():
        values[f"{moment}_s"] = str(ms // _SECOND_MS)
        values[f"{moment}_iso"] = cloudevents.timestamp(ms)
    return values


def _inside(text: str) -> str:
    """Write a text so that it may stand between quotation marks."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
