"""What is configured of operators: who they are, and what one person may decide about alone."""

from typing import Self

from pydantic import Field, model_validator

from consumers.colleagues import skeleton
from consumers.settings import Major, Strict, Symbol


class OperatorSettings(Strict):
    """People who decide about payments. See docs/operating.md."""

    alone_up_to: dict[Symbol, Major] = Field(default_factory=dict)
    """By asset, the largest amount that one person may accept without a second one: in major units,
    such as { USDT = "100", EUR = "50" }. Of an asset that is not named: nothing."""

    people: list[str] = Field(default_factory=list)
    """The names that decide and agree. Where some are listed, nobody else may, and the second
    person must be another one of them. Empty: any name, compared by what it looks like."""

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        """Refuse two names that nobody could tell apart."""
        known: dict[str, str] = {}
        for name in self.people:
            looks = skeleton(name)
            if not looks:
                raise ValueError(f"people: {name!r} holds no letter")
            if looks in known:
                raise ValueError(f"people: {known[looks]!r} and {name!r} look the same: keep one")
            known[looks] = name
        return self
