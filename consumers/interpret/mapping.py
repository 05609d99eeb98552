"""What a provider's mapping may say, and how it is read from its file. Pure.

A mapping is a dated, sourced table: the provider's words on the left, our facts on the right, and
between them the places (JSON pointers) where the amounts stand. It holds no expressions and no
code: what cannot be said in it is a reason to extend this file, in review.

The rules of one word are tried in the order of the file; the first whose `where` holds is followed.
`[timeline]` is for providers that repeat the whole history in each event: its entries add facts, so
that one event fills the gaps of those that were lost.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from consumers.exceptions import Code
from consumers.interpret import pointer
from consumers.interpret.assets import Unit

SHIPPED = Path(__file__).parent
_REGISTRY = "assets.toml"


class Say(StrEnum):
    """The facts that a rule may state."""

    EXPECTED = "expected"  # what was asked for, and until when
    TRANSFER_SEEN = "transfer_seen"  # each transfer of the event was observed
    TRANSFER_FINAL = "transfer_final"  # each transfer of the event is final
    TOTAL_SEEN = "total_seen"  # the payment as a whole was observed
    TOTAL_FINAL = "total_final"  # the payment as a whole is final
    EXPIRED = "expired"  # the window closed


class TimeUnit(StrEnum):
    """How a provider writes an instant."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    RFC3339 = "rfc3339"


def _is_pointer(text: str) -> str:
    pointer.parse(text)
    return text


Pointer = Annotated[str, AfterValidator(_is_pointer)]
# Alternatives, for places that moved between versions: the first that holds something is read.
Places = Annotated[list[Pointer], Field(min_length=1)]
Scalar = bool | int | str


class _Table(BaseModel):
    """A table of the file: unknown keys are mistakes, and nothing is converted on the quiet."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Moment(_Table):
    """An instant in the event."""

    place: Places
    unit: Annotated[TimeUnit, Field(strict=False)]


class Amount(_Table):
    """An amount and its asset.

    `asset_ends_at` cuts a longer name: ``BTC-CHAIN`` at ``-`` is the asset BTC.
    """

    amount: Places
    asset: Places
    asset_ends_at: str = Field(default="", max_length=4)
    unit: Annotated[Unit, Field(strict=False)] = Unit.MAJOR


class Transfers(Amount):
    """The transfers of an event: of each element of `each`, or one, read from the document.

    `key` holds places whose texts together identify the transfer. `seen_at` is when it was first
    observed, where the event tells: a final transfer then also states when it was seen.
    """

    each: Pointer | None = None
    key: list[Pointer] = Field(min_length=1)
    seen_at: Moment | None = None


class Rule(_Table):
    """One line of the table: for these words, where these places hold these values, these facts.

    `whole`: the provider itself calls the total the full amount. `late`: it calls the money late,
    always or where a place holds true. `raises`: an exception the word alone is reason for.
    """

    words: list[str] = Field(min_length=1)
    where: dict[Pointer, Scalar] = Field(default_factory=dict)
    say: list[Annotated[Say, Field(strict=False)]]
    whole: bool = False
    late: bool | Pointer = False
    raises: Annotated[Code, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _whole_is_about_a_total(self) -> Self:
        if self.whole and not {Say.TOTAL_SEEN, Say.TOTAL_FINAL} & set(self.say):
            raise ValueError("`whole` is about a total: say total_seen or total_final")
        return self


class Timeline(_Table):
    """The history that an event repeats. `word` and the rules' places are within one entry.

    An entry that no rule names adds nothing: the event's own word is what must be known.
    """

    each: Pointer
    word: Pointer
    at: Moment
    rule: list[Rule]

    @model_validator(mode="after")
    def _entries_hold_no_amounts(self) -> Self:
        for rule in self.rule:
            if set(rule.say) - {Say.TOTAL_SEEN, Say.TOTAL_FINAL, Say.EXPIRED}:
                raise ValueError("an entry of a timeline may say total_seen, total_final, expired")
        return self


class ProviderMapping(_Table):
    """One provider's file, whole.

    A change of meaning is a new `version`, dated by `effective_from`, with its `source` read again.
    """

    provider: str = Field(pattern="^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    effective_from: date
    source: str = Field(min_length=10)
    expected: list[Amount] = Field(default_factory=list)
    expires: Moment | None = None
    transfer: Transfers | None = None
    total: Amount | None = None
    timeline: Timeline | None = None
    rule: list[Rule] = Field(min_length=1)

    @model_validator(mode="after")
    def _transfers_have_places(self) -> Self:
        said = {say for rule in self.rule for say in rule.say}
        if self.transfer is None and {Say.TRANSFER_SEEN, Say.TRANSFER_FINAL} & said:
            raise ValueError("a rule speaks of transfers: say in [transfer] where they stand")
        return self


def load(folder: Path = SHIPPED) -> Mapping[str, ProviderMapping]:
    """Read every mapping of a folder, by provider. Raises `ValueError`, naming the file."""
    found: dict[str, ProviderMapping] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == _REGISTRY:
            continue
        try:
            mapping = ProviderMapping.model_validate(tomllib.loads(path.read_text("utf-8")))
        except ValueError as wrong:
            raise ValueError(f"{path}: {wrong}") from wrong
        if path.stem != mapping.provider:
            raise ValueError(f"{path}: a mapping's file is named after its provider")
        found[mapping.provider] = mapping
    return found
