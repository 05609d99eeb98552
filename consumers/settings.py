"""What an operator configures of the consumers: the meaning, unit and reason of each default."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from consumers.lifecycle import State
from consumers.patience import LIMITED, PARKED_RETRY_S
from consumers.policy import CONFIRMATIONS_MAX

Seconds = Annotated[float, Field(gt=0)]
GROUP = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
MINUTE_S = 60.0
HOUR_S = 3600.0


class Strict(BaseModel):
    """A table of the configuration: unknown names are mistakes, and errors echo no value."""

    # Deferred: a table is compiled when it is first read, and not at every start.
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )


def _text(pattern: str, description: str) -> object:
    """Describe a text that may be written in one way, and say which to whoever writes another."""
    return Field(pattern=pattern, description=description)


_SYMBOL = "[A-Z0-9][A-Z0-9_.]{0,31}"
Symbol = Annotated[str, _text(f"^{_SYMBOL}$", "a registered asset in capitals, such as USDT")]
Provider = Annotated[
    str, _text(r"^(\*|[a-z][a-z0-9_]{0,63})$", "a provider such as btcpay, or * for all")
]
Network = Annotated[
    str, _text(r"^(\*|[a-z][a-z0-9]{0,31})$", "a network such as tron, or * for all")
]
# The two that may also be nothing: a row for events that do not tell.
AnyNetwork = Annotated[
    str,
    _text(
        r"^(\*|[a-z][a-z0-9]{0,31})?$",
        'a network such as tron, * for all, or "" for events that name none',
    ),
]
AnyAsset = Annotated[
    str,
    _text(
        rf"^(\*|{_SYMBOL})?$",
        'an asset in capitals such as USDT, * for all, or "" for events that name none',
    ),
]
Major = Annotated[
    str,
    _text(
        r"^[0-9]{1,60}(\.[0-9]{1,30})?$",
        'an amount as finance writes it, as text: "0.50" of a dollar or a bitcoin',
    ),
]


StuckAsset = Annotated[
    str, _text(rf"^(\*|{_SYMBOL})$", "a registered asset in capitals, or * for all")
]


def _watched(state: State) -> State:
    """Refuse a state in which nobody waits for anything."""
    if state not in LIMITED:
        raise ValueError(f"nobody waits in {state}: write one of {', '.join(LIMITED)}")
    return state


class StoreSettings(Strict):
    """Where payments live."""

    url: str = "sqlite:./var/store.db"
    """``sqlite:<file>`` for one machine, ``postgresql://user@host/database`` for real."""

    password_file: Path | None = None
    """The file that holds PostgreSQL's password; never written into the URL."""


# The states that somebody has to end.
Watched = Annotated[
    State,
    AfterValidator(_watched),
    Field(description="one of " + ", ".join(LIMITED)),
]


class StuckSettings(Strict):
    """After how long in a state a payment of a corridor is stuck."""

    state: Watched
    provider: Provider = "*"
    asset: StuckAsset = "*"
    network: Network = "*"
    warn_s: Seconds
    """From when on it is an exception. Pending and Underpaid count from the end of the window."""

    critical_s: Seconds
    """From when on it is worse by one severity; at twice that by another."""

    @model_validator(mode="after")
    def _gets_worse(self) -> Self:
        if self.critical_s < self.warn_s:
            raise ValueError("critical_s comes after warn_s: write a number that is not smaller")
        return self


def _zone(name: str) -> str:
    """Refuse a zone that this machine does not know."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError("no time zone of this name is known: write one such as UTC") from None
    return name


class PostingSettings(Strict):
    """When finance owes the books an entry for a Confirmed payment. See docs/timers.md."""

    since: date
    """The first day, in `zone`, whose Confirmed payments are to be booked: nothing before it is
    asked for. Without this table nobody has said that finance tells Sealgate of its entries."""

    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Whose weekends and months count: a name of the time zone database, such as Europe/Paris."""

    warn_days: Annotated[int, Field(ge=1, le=30)] = 1
    """From how many business days on a payment that is not booked is an exception."""

    critical_days: Annotated[int, Field(ge=1, le=90)] = 3
    """From when on it is worse; at the end of its month, where that comes first."""


class ConsumerSettings(Strict):
    """The worker, the relay and the monitor."""

    group: Annotated[str, Field(pattern=GROUP)] = "sealgate-lifecycle"
    """The consumer group; another name reads the log from its beginning again."""

    batch_max: Annotated[int, Field(ge=1, le=5000)] = 500
    """Records in one transaction. Larger is faster until a rollback costs too much."""

    wait_s: Seconds = 1.0
    """How long a fetch waits for the first record."""

    notices_max: Annotated[int, Field(ge=1, le=5000)] = 500
    """Notices taken from the outbox at once."""

    relay_idle_s: Seconds = 0.2
    """How often an empty outbox is looked at again."""

    monitor_s: Seconds = 15.0
    """How often lag and states are measured."""

    mappings: Path | None = None
    """Your own mappings: a folder of files such as kobbopay.toml. They replace the shipped ones of
    the same providers, and add others; `sealgate replay --mapping` shows what that changes."""

    @property
    def alarms_group(self) -> str:
        """Name the group that reads the edge's alarms.

        Apart from the payments' own, so that neither makes the other give its partitions back.
        """
        return f"{self.group}.alarms"

    timers_s: Seconds = 15.0
    """How often windows and ages are looked at."""

    settle_s: Annotated[float, Field(ge=0)] = 120.0
    """How long everything that came in must have been applied, after a start or an outage, before
    a payment expires or counts as stuck: providers need a while to deliver what they could not."""

    expire_after_s: Annotated[float, Field(ge=0)] = 600.0
    """How long after the end of its window, and the grace, a payment without money expires where
    its provider says nothing. The provider's own word is better: this leaves it time to come."""

    parked_retry_s: Annotated[tuple[Seconds, ...], Field(min_length=1, max_length=20)] = (
        PARKED_RETRY_S
    )
    """How long an event about a payment nobody announced waits before it is weighed again, each
    wait behind the one before. After the last it is an exception; see docs/deposits.md."""

    large_deposit: dict[Symbol, Major] = {}
    """From which amount on a deposit that waits for a decision is of severity 2 instead of 3. At
    the end of its month any is, by `posting.zone`, else in UTC; see docs/deposits.md."""

    stuck: list[StuckSettings] = []
    """Limits beside the built-in ones. Of the rows that fit a payment the one that names the most
    counts, and of two that name as many the last; see docs/timers.md."""

    stuck_s: dict[Watched, Seconds] = {}
    """One limit for all of a state, in place of the built-in ones; critical at three times that."""

    posting: PostingSettings | None = None
    """Whether Confirmed payments are to be booked, and within how many business days."""

    @field_validator("large_deposit")
    @classmethod
    def _amounts_of_registered_assets(cls, told: dict[str, str]) -> dict[str, str]:
        if told:
            # Here, because an edge reads this configuration too, and knows no assets.
            from consumers import deposits
            from consumers.interpret import assets

            deposits.large(told, assets.load())
        return told


class ToleranceSettings(Strict):
    """How much less than a price, or more, is as good as the price: the larger of the two."""

    asset: Symbol
    network: Network = "*"
    amount: Major = "0"
    """In major units: "0.01" is a cent of a dollar."""

    bps: Annotated[int, Field(ge=0, le=1000)] = 0
    """Hundredths of a percent of the price."""


class FinalSettings(Strict):
    """One row of the confirmation policy. Of the rows that fit, the most specific is followed."""

    provider: Provider = "*"
    network: AnyNetwork = "*"
    asset: AnyAsset = "*"
    amount_from: Major = "0"
    """From which amount on the row is for, in major units of its asset."""

    rule: Literal["trust_provider", "never"] | None = None
    """Whether the provider's word is enough, or nothing that it says."""

    confirmations: Annotated[int, Field(ge=1, le=CONFIRMATIONS_MAX)] | None = None
    """How many the event must name, in place of a `rule`."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.rule is None) == (self.confirmations is None):
            raise ValueError(
                'write either rule = "trust_provider" or "never", or confirmations = 6'
            )
        return self

    @model_validator(mode="after")
    def _an_amount_is_of_an_asset(self) -> Self:
        if self.asset in {"", "*"} and self.amount_from.strip("0."):
            raise ValueError("amount_from is an amount of one asset: name the asset of the row")
        return self


class CorridorSettings(Strict):
    """Money that may come: of this asset, through this provider, on this network."""

    asset: Symbol
    provider: Provider = "*"
    network: AnyNetwork = "*"


class PolicySettings(Strict):
    """What the merchant decides about amounts, times and what is final. See docs/policy.md."""

    version: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,32}$",
            description="up to 32 of A-Z, a-z, 0-9, '.', '_' and '-', such as 2026-11",
        ),
    ] = ""
    """A name for this policy. A digest of its content is added, and stands in every transition."""

    grace_s: Annotated[float, Field(ge=0, le=30 * 24 * HOUR_S)] = 0.0
    """How long after the window a transfer is not late."""

    tolerance: list[ToleranceSettings] = []
    """What is as good as the price; nothing but the price where there is none."""

    final: list[FinalSettings] = []
    """What makes money final; the provider's word where no row fits."""

    corridor: list[CorridorSettings] = []
    """What may come; every registered asset where there is none."""

    expect_first: list[str] = []
    """Sources whose payments are announced with `sealgate payments expect` before anything counts.
    An event about another payment is kept and parked. By default the first verified event makes
    its payment known: nobody has to call Sealgate for a payment to begin."""
