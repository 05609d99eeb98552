"""Read what an action on a payment is about, as typed, beside who decides and why.

What is left out is taken from the payment where there is but one answer: all that is final and not
booked yet, all of a posting, the price that was asked. Amounts are in whole units of the asset, and
become atomic by the registry.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from consumers import books, weighing
from consumers.actions import Act
from consumers.facts import Fact, FactKind, HoldKind, RefundStatus
from consumers.interpret.assets import Assets
from consumers.operating import NOTHING_MORE, Particulars, Unknown, WrongWords
from consumers.store.port import PaymentKey
from sealgate.exposure import instants
from sealgate.operations import words


class Wanted(NamedTuple):
    """What an action on a payment is about beside the payment, as typed."""

    hold: str = ""
    refund: str = ""
    asset: str = ""
    amount: str = ""
    status: str = "succeeded"
    posting: str = ""
    at: str = ""
    address: str = ""
    replacement: str = ""
    window: str = ""


class Known(NamedTuple):
    """The payment that is meant, its facts, and what is needed to read what was typed."""

    payment: PaymentKey
    facts: frozenset[Fact]
    registry: Assets


def particulars(act: Act, wanted: Wanted, known: Known) -> Particulars:
    """Read what an action is about. Raises `Refused`."""
    read = _READ.get(act)
    return NOTHING_MORE if read is None else read(wanted, known)


def _hold(wanted: Wanted, _: Known) -> Particulars:
    return Particulars(hold=HoldKind(wanted.hold))


def _refund(wanted: Wanted, known: Known) -> Particulars:
    asset, amount = words.money(wanted.amount, wanted.asset, known.registry)
    status = RefundStatus(wanted.status)
    return Particulars(refund=wanted.refund, asset=asset, amount=amount, status=status)


def _request(wanted: Wanted, known: Known) -> Particulars:
    asset, amount = words.money(wanted.amount, wanted.asset, known.registry)
    return Particulars(asset=asset, amount=amount, address=wanted.address)


def _posting(wanted: Wanted, known: Known) -> Particulars:
    """Read a posting: without an amount, all that is due; of one that was told, what was told."""
    sums = _told(wanted, known) or books.due(known.facts)
    asset, amount = _money(wanted, known, sums, "what is final and not booked")
    return Particulars(posting=wanted.posting, asset=asset, amount=amount, at_ms=_at(wanted))


def _reversal(wanted: Wanted, known: Known) -> Particulars:
    """Read a reversal: without an amount, all of the posting."""
    told = _told(wanted, known)
    if not told:
        raise Unknown(
            f"--posting: {wanted.posting} was never told of this payment; `sealgate payments show`"
            " lists its postings"
        )
    asset, amount = _money(wanted, known, told, f"what posting {wanted.posting} is about")
    return Particulars(posting=wanted.posting, asset=asset, amount=amount, at_ms=_at(wanted))


def _told(wanted: Wanted, known: Known) -> dict[str, int]:
    """Return what was told of a posting."""
    told = books.words(known.facts).items()
    return {asset: word.amount for (asset, key), word in told if key == wanted.posting}


def _reissue(wanted: Wanted, known: Known) -> Particulars:
    """Read a new reference: without an amount, it asks for the same price."""
    asset, amount = _money(wanted, known, weighing.asked(known.facts), "what was asked for")
    if not wanted.replacement.strip() or wanted.replacement == known.payment.reference:
        raise WrongWords("--reference: give the new reference, which is no payment yet")
    window_ms = words.span_ms(wanted.window, "window") if wanted.window else None
    return Particulars(
        asset=asset,
        amount=amount,
        replacement=known.payment._replace(reference=wanted.replacement),
        window_ms=window_ms,
    )


def _money(wanted: Wanted, known: Known, sums: Mapping[str, int], meant: str) -> tuple[str, int]:
    """Read an amount and its asset; what is left out is `meant`. Raises `Refused`."""
    if wanted.amount and wanted.asset:
        name, amount = words.money(wanted.amount, wanted.asset, known.registry)
        return _spelt(name, known), amount
    if len(sums) != 1:
        listed = ", ".join(sorted(sums)) or "nothing"
        raise WrongWords(f"--amount and --asset: say both, since {meant} is {listed}")
    [(asset, amount)] = sums.items()
    if wanted.amount or wanted.asset:
        name, atomic = words.money(wanted.amount or "0", wanted.asset or asset, known.registry)
        if not weighing.is_same(name, asset):
            raise WrongWords(
                f"--asset: {meant} is in {asset}; say --amount too, if {name} is right"
            )
        return asset, atomic if wanted.amount else amount
    return asset, amount


def _spelt(name: str, known: Known) -> str:
    """Spell an asset as the money of the payment is, so that both are one in every sum."""
    came = {fact.asset for fact in known.facts if fact.kind is FactKind.FINAL and fact.asset}
    return next((one for one in sorted(came) if weighing.is_same(one, name)), name)


def _at(wanted: Wanted) -> int | None:
    if not wanted.at:
        return None
    try:
        return instants.read_ms(wanted.at, "--at")
    except ValueError as wrong:
        raise WrongWords(str(wrong)) from None


_READ: Mapping[Act, Callable[[Wanted, Known], Particulars]] = {
    Act.PLACE_HOLD: _hold,
    Act.RELEASE_HOLD: _hold,
    Act.RECORD_REFUND: _refund,
    Act.REQUEST_REFUND: _request,
    Act.RECORD_POSTING: _posting,
    Act.RECORD_UNPOSTING: _reversal,
    Act.REISSUE_REFERENCE: _reissue,
}
