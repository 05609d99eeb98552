"""What an order about money is held against: what came, what went back, what is booked. Pure.

Who types an amount may type another one. More than there is, or another asset than came, is refused
before it is written: what a provider really gave back beyond that is told by its own event. Of
money that came by a provider's word without a figure nobody knows how much it was, and an order
about it is believed.
"""

from collections.abc import Collection

from consumers import requests, standing, weighing
from consumers.facts import ON, TOTAL_PREFIX, Fact, FactKind, HoldKind, RefundStatus
from consumers.particulars import Particulars
from consumers.refusals import Held, OutOfBounds, PostingDiffers, WrongWords
from consumers.stating import NothingNew
from consumers.weighing import Terms


def check_refund(known: Collection[Fact], more: Particulars, terms: Terms) -> None:
    """Refuse to state a refund of more than came and is left. Raises `OutOfBounds`."""
    if more.status is RefundStatus.FAILED:
        return
    others = [fact for fact in (*weighing.given(known), *_begun(known)) if fact.key != more.refund]
    _check_left(known, more, terms, _back(others, more.asset))


def check_request(known: Collection[Fact], more: Particulars, terms: Terms) -> None:
    """Refuse to ask for more back than came and is left. Raises `OutOfBounds`."""
    waiting = sum(
        amount
        for asset, amount in requests.open_amounts(known).items()
        if weighing.is_same(asset, more.asset)
    )
    done = [*weighing.given(known), *_begun(known)]
    _check_left(known, more, terms, _back(done, more.asset) + waiting)


def _came(known: Collection[Fact], values: Collection[Fact]) -> dict[str, int] | None:
    """Return what came, by asset; None where nobody knows.

    Of a transfer without a figure nobody does. A total without one is no other money than that of
    the transfers; where a provider calls it the whole, it is the price.
    """
    told = {fact.key for fact in values if fact.amount is not None}
    untold = [fact for fact in values if fact.key not in told]
    if any(not fact.key.startswith(TOTAL_PREFIX) for fact in untold):
        return None
    names = {fact.asset for fact in values if fact.amount}
    sums = {asset: weighing.came(values, asset) or 0 for asset in names}
    if any(fact.whole for fact in values):
        for asset, price in weighing.asked(known).items():
            sums[asset] = max(sums.get(asset, 0), price)
    return sums if sums or not untold else None


def _begun(known: Collection[Fact]) -> list[Fact]:
    """Return the refunds that are on their way: begun, and no word since how they ended."""
    words = [fact for fact in known if fact.kind is FactKind.REFUND]
    ended = {fact.key for fact in words if fact.detail != RefundStatus.PENDING}
    return [fact for fact in words if fact.key not in ended]


def _back(done: Collection[Fact], asset: str) -> int:
    return weighing.came(done, asset) or 0


def _check_left(known: Collection[Fact], more: Particulars, terms: Terms, gone: int) -> None:
    """Compare an amount with what came of its asset, less what is gone or promised."""
    values, wanted = weighing.observed(known), more.amount or 0
    sums = _came(known, values)
    if sums is None:
        return
    came = max((sums[one] for one in sums if weighing.is_same(one, more.asset)), default=0)
    told = terms.shown(more.asset, wanted)
    if not came:
        listed = ", ".join(terms.shown(asset, amount) for asset, amount in sorted(sums.items()))
        raise OutOfBounds(
            f"{told}: none of this asset came for the payment; what came is {listed or 'nothing'}"
        )
    if wanted > came - gone:
        left = [terms.shown(more.asset, one) for one in (came, gone, max(came - gone, 0))]
        raise OutOfBounds(
            f"{told} is more than is left: {left[0]} came, {left[1]} went back or is promised,"
            f" {left[2]} is left"
        )


def check_posting(known: Collection[Fact], posting: Fact, terms: Terms) -> None:
    """Refuse to state a posting otherwise than before. Raises `Refused`, or `NothingNew`.

    The id of a posting is the idempotency key of the books: said again the same, it is a repeat.
    """
    same = [one for one in known if one.kind is FactKind.POSTED and one.key == posting.key]
    last = max(same, key=lambda one: (one.at_ms, one.detail == ON), default=None)
    _check_posted(last, posting, terms)
    if last is not None and posting.at_ms <= last.at_ms:
        raise WrongWords(
            f"at: the last word on posting {posting.key} is not older than that; say when this was"
        )


def _check_posted(last: Fact | None, posting: Fact, terms: Terms) -> None:
    is_booked = last is not None and last.detail == ON
    if posting.detail == ON:
        if last is None or not is_booked:
            return
        if (last.asset, last.amount) == (posting.asset, posting.amount):
            raise NothingNew
        raise PostingDiffers(
            f"posting {posting.key} is in the books with {_shown(last, terms)}:"
            " state that it was reversed (`sealgate payments unposted`), then post it anew"
        )
    if last is None:
        raise PostingDiffers(
            f"posting {posting.key} was never told of: there is nothing to reverse"
        )
    if not is_booked:
        raise NothingNew
    if (last.asset, last.amount) != (posting.asset, posting.amount):
        raise PostingDiffers(
            f"posting {posting.key} is in the books with {_shown(last, terms)}:"
            " a reversal takes out all of it"
        )


def _shown(posting: Fact, terms: Terms) -> str:
    return terms.shown(posting.asset, posting.amount or 0)


def check_unheld(known: Collection[Fact], terms: Terms) -> None:
    """Refuse to book while goods and books have to wait. Raises `Held`."""
    held = [flag for flag in standing.flags(known, terms) if flag in _HOLDS]
    if held:
        raise Held(
            f"{', '.join(held)}: books wait for it as goods do; whoever owns the hold releases it"
        )


_HOLDS = frozenset({"disputed", *(f"hold: {kind}" for kind in HoldKind)})
