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
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from consumers.exceptions import Code
from consumers.facts import Failure, HoldKind, Note, RefundStatus
from consumers.interpret import pointer
from consumers.interpret.assets import Unit

SHIPPED = Path(__file__).parent
_REGISTRY = "assets.toml"


class Say(StrEnum):
    """The facts that a rule may state."""

    EXPECTED = "expected"  # what was asked for, and until when
    OPEN = "open"  # any amount will do
    TRANSFER_SEEN = "transfer_seen"  # each transfer of the event was observed
    TRANSFER_FINAL = "transfer_final"  # each transfer of the event is final
    TRANSFER_REMOVED = "transfer_removed"  # the block of each transfer does not stand any more
    TRANSFER_DROPPED = "transfer_dropped"  # each transfer is gone before it was in any block
    TOTAL_SEEN = "total_seen"  # the payment as a whole was observed
    TOTAL_FINAL = "total_final"  # the payment as a whole is final
    TOTAL_REMOVED = "total_removed"  # the money of the payment as a whole was taken back
    TOTAL_DROPPED = "total_dropped"  # the payment as a whole is not observed any more
    EXPIRED = "expired"  # the window closed
    CANCELLED = "cancelled"  # it was called off
    FAILED = "failed"  # it cannot succeed, for the rule's `reason`
    REFUND = "refund"  # money goes back, as far as the rule's `refund` says
    SETTLED = "settled"  # the provider credited our balance
    HOLD = "hold"  # the rule's kind of `hold` is on
    RELEASE = "release"  # the rule's kind of `hold` is off
    NOTE = "note"  # the rule's `note`
    ACCEPT_LATE = "accept_late"  # the merchant took the late money, at the provider
    ACCEPT_UNDER = "accept_under"  # the merchant took the lower amount, at the provider


OF_TRANSFERS = frozenset(
    {Say.TRANSFER_SEEN, Say.TRANSFER_FINAL, Say.TRANSFER_REMOVED, Say.TRANSFER_DROPPED}
)
OF_TOTALS = frozenset({Say.TOTAL_SEEN, Say.TOTAL_FINAL})
# What `inclusion` can be about: whatever of the payment as a whole can be taken back.
OF_INCLUSIONS = OF_TOTALS | {Say.TOTAL_REMOVED}
# What an entry of a timeline can say: it holds no amounts.
OF_ENTRIES = frozenset(
    {*OF_TOTALS, Say.EXPIRED, Say.CANCELLED, Say.FAILED, Say.REFUND, Say.SETTLED, Say.NOTE}
)


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

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Moment(_Table):
    """An instant in the event."""

    place: Places
    unit: Annotated[TimeUnit, Field(strict=False)]


class Amount(_Table):
    """An amount and its asset, and the network it is on where the event names one.

    `asset_is` names the asset where the event need not: a place of its own for each asset, or a
    provider of one. `asset_ends_at` cuts a longer name: ``BTC-CHAIN`` at ``-`` is the asset BTC.
    `decimals` is where the event says how many the asset has: if that is not what the registry
    says, one of the two is wrong about the asset. `contract` is the token's address: where the
    event names one it decides, for anybody can call a token of their own USDT. An empty text is an
    amount not told.
    """

    amount: Places
    asset: list[Pointer] = Field(default_factory=list)
    asset_is: str = Field(default="", max_length=40)
    asset_ends_at: str = Field(default="", max_length=4)
    network: list[Pointer] = Field(default_factory=list)
    decimals: list[Pointer] = Field(default_factory=list)
    contract: list[Pointer] = Field(default_factory=list)
    unit: Annotated[Unit, Field(strict=False)] = Unit.MAJOR

    @model_validator(mode="after")
    def _asset_is_told_once(self) -> Self:
        if bool(self.asset) == bool(self.asset_is):
            raise ValueError("write where the `asset` stands, or what `asset_is`: one of the two")
        return self


class Transfers(Amount):
    """The transfers of an event: of each element of `each`, or one, read from the document.

    `key` holds places whose texts or whole numbers together identify the transfer. Of the places of
    `index` the first that holds something is added to it: where in its transaction a transfer is,
    which only some have. `seen_at` is when it was first observed, where the event tells: then a
    final transfer also states when it was seen. `block` is the hash of the block it is in. An
    element that holds true at `removed` is not in its block any more, whatever the rule says.
    `confirmations` is how many blocks are on top. What an element does not hold is looked for in
    the whole event.
    """

    each: Pointer | None = None
    key: list[Pointer] = Field(min_length=1)
    index: list[Pointer] = Field(default_factory=list)
    seen_at: Moment | None = None
    block: list[Pointer] = Field(default_factory=list)
    removed: Pointer | None = None
    confirmations: list[Pointer] = Field(default_factory=list)


class Deposits(_Table):
    """For events that name no payment: each of their transfers is a deposit, until it is matched.

    The places are read in the transfer, and what it does not hold in the whole event. `named` is
    what the transfer itself says of a payment, such as an order in its metadata.
    """

    tx: list[Pointer] = Field(default_factory=list)
    network: list[Pointer] = Field(default_factory=list)
    address_to: list[Pointer] = Field(default_factory=list)
    address_from: list[Pointer] = Field(default_factory=list)
    memo: list[Pointer] = Field(default_factory=list)
    named: list[Pointer] = Field(default_factory=list)


class Total(Amount):
    """The running total of the payment.

    `minus` and `plus` are for providers that name the price, what is missing and what is too much,
    instead of what came: all three in the same asset and unit.
    """

    minus: list[Pointer] = Field(default_factory=list)
    plus: list[Pointer] = Field(default_factory=list)


class Refunds(_Table):
    """The refunds of an event: of each element of `each`, or one, read from the document.

    Without a `key` the refund of the payment as a whole is meant; without an amount the provider
    names none.
    """

    each: Pointer | None = None
    key: list[Pointer] = Field(default_factory=list)
    amount: Amount | None = None


class Settled(Amount):
    """One figure of a settlement.

    It weighs nothing, so that one that cannot be read raises an exception and the event still
    counts: no payment waits because a fee was written with more decimals than its asset has.
    """

    part: Literal["gross", "fee", "net"]


class ApiVersion(_Table):
    """Which versions of the provider's API a mapping is for, as they stand at `place`.

    They are compared as texts: from `since`, before `until`; nothing means no bound.
    """

    place: Places
    since: str = ""
    until: str = ""


class Rule(_Table):
    """One line of the table: for these words, where these places hold these values, these facts.

    `has`: these places must hold something, whatever it is; null and an empty text are nothing.
    `whole`: the provider itself calls the total the full amount; beside a refund, which is then
    what it speaks of, it calls the refund one of everything. `late`: it calls the money late,
    always or where a place holds true. `inclusion` names one of several times that the total came:
    `total_removed` takes back only the one of the same name. `raises`: an exception the word alone
    is reason for.
    """

    words: list[str] = Field(min_length=1)
    where: dict[Pointer, Scalar] = Field(default_factory=dict)
    has: list[Pointer] = Field(default_factory=list)
    say: list[Annotated[Say, Field(strict=False)]]
    whole: bool = False
    late: bool | Pointer = False
    reason: Annotated[Failure, Field(strict=False)] | None = None
    refund: Annotated[RefundStatus, Field(strict=False)] | None = None
    hold: Annotated[HoldKind, Field(strict=False)] | None = None
    note: list[Annotated[Note, Field(strict=False)]] = Field(default_factory=list)
    inclusion: str = Field(default="", max_length=40)
    raises: Annotated[Code, Field(strict=False)] | None = None

    @field_validator("note", mode="before")
    @classmethod
    def _one_note_is_a_list_of_one(cls, told: object) -> object:
        return [told] if isinstance(told, str) else told

    @model_validator(mode="after")
    def _whole_is_about_a_total(self) -> Self:
        if self.whole and not (OF_TOTALS | {Say.REFUND}) & set(self.say):
            raise ValueError("`whole` is about a total or a refund: say total_seen, total_final")
        if self.inclusion and not OF_INCLUSIONS & set(self.say):
            raise ValueError("`inclusion` is about a total: say total_final or total_removed")
        return self

    @model_validator(mode="after")
    def _what_is_said_is_told_whole(self) -> Self:
        needs = {
            "reason": (self.reason, {Say.FAILED}),
            "refund": (self.refund, {Say.REFUND}),
            "hold": (self.hold, {Say.HOLD, Say.RELEASE}),
            "note": (self.note or None, {Say.NOTE}),
        }
        for name, (told, says) in needs.items():
            if (told is not None) != bool(says & set(self.say)):
                words = " or ".join(sorted(says))
                raise ValueError(f"`{name}` belongs to {words}: write both, or neither")
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
            if set(rule.say) - OF_ENTRIES:
                told = ", ".join(sorted(OF_ENTRIES))
                raise ValueError(f"an entry of a timeline holds no amounts; it may say {told}")
        return self


class Snapshot(_Table):
    """How the provider is asked for a payment, and how its answer is read.

    `path` is asked below the source's base URL, with the payment's `{reference}` and `{account}` in
    their places; the key goes into `header`, behind `prefix`, where there is one. Of the answer the
    rules read what is at `inside`; `word` is the payment's status there, `reference` what it says
    that it is about, `at` when that came to be, where it tells. `rule` stands in place of the
    events' rules where the two have different words. Without `counts_parts` an answer that speaks
    of no money says nothing about a part of it. `constructed`: no recorded answer backs this part,
    only documents.
    """

    path: str = Field(pattern=r"^(/[A-Za-z0-9._~-]+|/\{reference\}|/\{account\})+$")
    header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]*$")
    prefix: str = Field(default="", max_length=20)
    inside: Pointer | None = None
    word: Places
    reference: Places
    at: Moment | None = None
    counts_parts: bool = True
    constructed: bool = False
    rule: list[Rule] = Field(default_factory=list)

    @field_validator("path")
    @classmethod
    def _asks_for_one_payment(cls, path: str) -> str:
        if path.count("{reference}") != 1:
            raise ValueError("the path names the payment once: write {reference} into it")
        if {".", ".."} & set(path.split("/")):
            raise ValueError("the path goes down, and nowhere else: no . or .. in it")
        return path


class ProviderMapping(_Table):
    """One provider's file, whole.

    A change of meaning is a new `version`, dated by `effective_from`, with its `source` read again.
    Where the old meaning goes on for events of before, or of an older API, both stay, in files of
    their own: of those whose `api` and `where` fit an event, the latest that was in force when the
    event was received reads it. `assets` and `networks` turn the provider's names into ours.
    `texts` are places that hold JSON written as a text, as in an envelope of another's: each is
    read before anything is looked for, so that places go on into it.
    """

    provider: str = Field(pattern="^[a-z][a-z0-9_]*$")
    product: str = ""
    version: int = Field(ge=1)
    effective_from: date
    source: str = Field(min_length=10)
    api: ApiVersion | None = None
    texts: list[Pointer] = Field(default_factory=list)
    where: dict[Pointer, Scalar] = Field(default_factory=dict)
    assets: dict[str, str] = Field(default_factory=dict)
    networks: dict[str, str] = Field(default_factory=dict)
    expected: list[Amount] = Field(default_factory=list)
    expires: Moment | None = None
    transfer: Transfers | None = None
    deposit: Deposits | None = None
    total: Total | None = None
    refunds: Refunds | None = None
    settled: list[Settled] = Field(default_factory=list)
    timeline: Timeline | None = None
    snapshot: Snapshot | None = None
    rule: list[Rule] = Field(min_length=1)

    @model_validator(mode="after")
    def _transfers_have_places(self) -> Self:
        answers = [] if self.snapshot is None else self.snapshot.rule
        said = {say for rule in (*self.rule, *answers) for say in rule.say}
        if self.transfer is None and (OF_TRANSFERS & said or self.deposit is not None):
            raise ValueError("a rule speaks of transfers: say in [transfer] where they stand")
        if self.deposit is not None and said - OF_TRANSFERS:
            raise ValueError("[deposit] is for events that state transfers alone")
        return self


def load(folder: Path = SHIPPED) -> Mapping[str, tuple[ProviderMapping, ...]]:
    """Read every mapping of a folder, by provider, the latest first.

    Raises `ValueError`, naming the file.
    """
    found: dict[str, list[ProviderMapping]] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == _REGISTRY:
            continue
        try:
            mapping = ProviderMapping.model_validate(tomllib.loads(path.read_text("utf-8")))
        except ValueError as wrong:
            raise ValueError(f"{path}: {wrong}") from wrong
        name = path.stem.partition(".")[0]
        if name != mapping.provider:
            raise ValueError(
                f"{path}: a mapping's file is named after its provider, as in"
                f" {mapping.provider}.toml or {mapping.provider}.2.toml"
            )
        found.setdefault(mapping.provider, []).append(mapping)
    return {
        name: tuple(sorted(told, key=lambda one: (one.effective_from, one.version), reverse=True))
        for name, told in found.items()
    }
