"""What operators type, and what it stands for: payments, exceptions, amounts, limits, ages.

A payment is typed as every report writes it, ``provider/account/reference``, or by its reference
alone where one configured account has it. An exception is typed as ``ex-17``.
"""

import re
from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

from consumers.actions import RULES, Act, Reason, Role
from consumers.interpret.assets import Assets, Unit
from consumers.interpret.drift import Drift
from consumers.operating import Limits, Order, Unknown, WrongWords
from consumers.refusals import NobodyKnown
from consumers.stating import DIGEST_CHARS, Refused
from consumers.store.port import PaymentKey, Store
from consumers.weighing import symbol
from ingress.contract import cloudevents
from sealgate.exposure import addresses
from sealgate.exposure.addresses import Account
from sealgate.operations.asked import Decision

_ITEM = re.compile("(?:ex-)?([0-9]{1,18})")
_SEEN = re.compile(rf"([0-9]{{1,18}})(?:\.([0-9a-f]{{{DIGEST_CHARS}}}))?")
_SPAN = re.compile("([0-9]{1,6})([mhd])")
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
Word = TypeVar("Word", Role, Reason)


class AssetUnknown(Refused):
    """The registry has no such asset."""

    code = "asset_unknown"


def order_of(act: Act, said: Decision) -> Order:
    """Read a decision as an order. Raises `Refused`."""
    version, facts = seen_of(said.expect_version)
    return Order(
        act=act,
        by=said.by,
        role=_word(Role, said.role, "role", RULES[act].roles),
        reason=_word(Reason, said.reason, "reason", RULES[act].reasons),
        note=said.note,
        key=said.key,
        expected_version=version,
        approved_by=said.approved_by,
        expected_facts=facts,
    )


def payment_order_of(act: Act, said: Decision) -> Order:
    """Read a decision about a payment: it says all of what was seen. Raises `Refused`."""
    order = order_of(act, said)
    if not order.expected_facts:
        raise WrongWords(
            "--expect-version: write all that `sealgate payments show` told, such as 3.a91f04c2; a"
            " version alone does not notice holds, refunds and postings"
        )
    return order


def item_order_of(act: Act, said: Decision) -> Order:
    """Read a decision about an exception. Raises `Refused`."""
    order = order_of(act, said)
    if order.expected_facts:
        raise WrongWords("--expect-version: the version of an exception is a plain number")
    return order


class Deciders(Protocol):
    """An order of any kind: who decides, and who agrees."""

    @property
    def by(self) -> str:
        """Who decides."""

    @property
    def approved_by(self) -> str:
        """The second person; empty for none."""


def check_people(order: Deciders, people: Collection[str]) -> None:
    """Refuse whoever is not of the configured people, where there are any. Raises `Refused`."""
    for name in (order.by, order.approved_by):
        if people and name and name not in people:
            raise NobodyKnown(f"{name} is not one of `[operators] people` in the configuration")


def seen_of(text: str) -> tuple[int, str]:
    """Read what somebody has seen: a version, and the digest of the facts. Raises `Refused`."""
    found = _SEEN.fullmatch(text.strip().lower())
    if found is None:
        raise WrongWords("--expect-version: write what `show` told as version, such as 3.a91f04c2")
    return int(found[1]), found[2] or ""


def _word(words: type[Word], text: str, flag: str, fitting: Collection[Word]) -> Word:
    try:
        return words(text.strip().lower().replace("-", "_"))
    except ValueError:
        listed = [one for one in words if not fitting or one in fitting]
        raise WrongWords(f"--{flag}: one of {', '.join(listed)}") from None


def item_name(number: int) -> str:
    """Write the name of an exception."""
    return f"ex-{number}"


def item_number(text: str) -> int:
    """Read the name of an exception. Raises `Refused`."""
    found = _ITEM.fullmatch(text.strip().lower())
    if found is None:
        raise WrongWords(f"{text!r} is no exception: write it as the list does, ex-17")
    return int(found[1])


def span_ms(text: str, flag: str) -> int:
    """Read a length of time such as ``90m``, ``4h`` or ``2d``. Raises `Refused`."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise WrongWords(f"--{flag}: write a length of time, such as 90m, 4h or 2d")
    return int(found[1]) * _UNIT_MS[found[2]]


async def payment_of(store: Store, text: str, accounts: Collection[Account]) -> PaymentKey:
    """Find the payment that `text` stands for. Raises `Refused`.

    A reference that is too long or too odd to be kept as it is told is kept as its digest.
    """
    whole = addresses.read(text)
    if whole is not None and await store.payment(PaymentKey(*whole)) is not None:
        return PaymentKey(*whole)
    stored = cloudevents.attribute(text)
    keys = [PaymentKey(*account, stored) for account in sorted(set(accounts))]
    found = [key for key in keys if await store.payment(key) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(map(addresses.write, found))
        raise Unknown(f"{text} stands for {len(found)} payments; say which: {listed}")
    raise Unknown(
        f"{text}: there is no such payment; say provider/account/reference, as `sealgate payments"
        " list` does"
    )


def money(text: str, asset: str, registry: Assets) -> tuple[str, int]:
    """Read an amount in whole units of an asset. Raises `Refused`."""
    try:
        name = registry.symbol(asset)
    except Drift as unknown:
        raise AssetUnknown(str(unknown)) from None
    try:
        return name, registry.atomic(text, name, Unit.MAJOR)
    except Drift as wrong:
        raise WrongWords(f"--amount: {wrong}") from None


def limits_of(alone_up_to: Mapping[str, str], registry: Assets) -> Limits:
    """Return what one person may decide, by every name that the registry has for the asset.

    Raises `Refused`.
    """
    limits = {}
    for asset, text in alone_up_to.items():
        names = [name for name in registry.decimals if symbol(name) == asset]
        if not names:
            raise AssetUnknown(f"operators.alone_up_to: the registry has no asset {asset}")
        for name in names:
            limits[name] = money(text, name, registry)[1]
    return limits
