"""What is configured of operators: how much money one person may decide about alone."""

from pydantic import Field

from consumers.settings import Major, Strict, Symbol


class OperatorSettings(Strict):
    """People who decide about payments. See docs/operating.md."""

    alone_up_to: dict[Symbol, Major] = Field(default_factory=dict)
    """By asset, the largest amount that one person may accept without a second one: in major units,
    such as { USDT = "100", EUR = "50" }. Of an asset that is not named: nothing."""
