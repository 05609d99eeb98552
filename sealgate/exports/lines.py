"""The rows of the files of an export, from what was told of a store. Pure.

Payments and exceptions are as of the entries of the run, transfers too; movements are those of the
period. Ids are those of the command line, of notices and of logs, so that everything joins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from consumers import standing, weighing
from consumers.exceptions import subject_of
from consumers.facts import NETWORK_MARK, TOTAL_PREFIX, Fact
from consumers.lifecycle import State
from consumers.policy import Policy
from consumers.store.deposits import Deposit
from consumers.store.kept import Kept
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.port import Transition
from sealgate.exports import balances
from sealgate.exports.balances import FEE, GROSS, NET, Balance
from sealgate.exports.held import is_deposit
from sealgate.exports.movements import Movement, Teller
from sealgate.exports.periods import Period, day_of
from sealgate.exports.queue import Item
from sealgate.exports.sheets import Cell, Line, major
from sealgate.exposure.addresses import write
from sealgate.exposure.instants import show
from sealgate.operations.ages import bucket
from sealgate.operations.documents import owner_of
from sealgate.operations.words import item_name

Decimals = Mapping[str, int]

_MS = 1000


@dataclass(frozen=True, slots=True)
class Lines:
    """Writes the rows of one run."""

    told: Teller
    period: Period
    policy: Policy
    decimals: Decimals

    def payments(self, items: Sequence[Item]) -> Iterator[Line]:
        """Write a row for each payment, and for each asset of one that has several."""
        about: dict[str, set[str]] = {}
        for item in items:
            if item.closed_ms is None:
                about.setdefault(item.subject, set()).add(item.code)
        for key in self._payments():
            yield from self._payment(key, sorted(about.get(subject_of(key), ())))

    def transfers(self) -> Iterator[Line]:
        """Write a row for each transfer that was told of, those that name no payment among them."""
        for key in self.told.held.subjects:
            own = self.told.held.facts.get(key, ())
            facts = [self.told.recorded.facts[place].fact for place in own]
            values = [one for one in facts if one.kind in weighing.VALUE]
            stands = self.told.held.standing(key)
            names = balances.spellings(stands)
            seen: set[str] = set()
            alike: dict[tuple[str, str], list[Fact]] = {}
            for one in values:
                place = (names.get(one.asset, one.asset), one.key)
                alike.setdefault(place, []).append(one)
            for (asset, _), same in sorted(alike.items(), key=lambda one: one[0]):
                is_first = asset not in seen
                yield self._transfer(key, asset, same, stands, is_first=is_first)
                seen.add(asset)

    def movement(self, one: Movement) -> Line:
        """Write a movement."""
        return {
            **self._of(one.subject),
            **self._asset(one.asset),
            "movement_id": one.id,
            "chain": one.chain or None,
            "seq": one.seq if one.chain else None,
            "transfer_key": one.key or None,
            "kind": str(one.kind),
            "amount_atomic": str(one.amount),
            "amount": major(one.amount, self.decimals.get(one.asset)),
            "sign": 1 if one.amount > 0 else -1,
            "occurred_at": _at(one.occurred_ms),
            "recorded_at": _at(one.recorded_ms),
            "accounting_date": day_of(one.booking.at_ms, self._zone),
            "period": one.booking.period,
            "period_adjusted_from": one.booking.adjusted_from or None,
            "cause_event_id": _name(one.event),
            "correlation_id": one.correlation_id or None,
            "actor": one.actor or None,
            "reason_code": one.reason or None,
            "reverses_movement_id": one.reverses or None,
        }

    def exceptions(self, items: Sequence[Item]) -> Iterator[Line]:
        """Write the exceptions that were open at some time of the period."""
        known = self._subjects()
        for item in items:
            has_ended = item.closed_ms is not None and item.closed_ms < self.period.from_ms
            if item.opened_ms < self.period.to_ms and not has_ended:
                yield self._exception(item, known)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.period.zone)

    def _payments(self) -> list[PaymentKey]:
        known = {key for key in self.told.held.subjects if not is_deposit(key)}
        return sorted(known | self.told.recorded.transitions.keys())

    def _payment(self, key: PaymentKey, open_codes: Sequence[str]) -> Iterator[Line]:
        facts = self.told.held.standing(key)
        found = self.told.balances.get(key, balances.NOTHING)
        asked = weighing.asked(balances.spelled(facts))
        moves = self.told.recorded.transitions.get(key, [])
        about = {
            **self._of(key),
            **_stands(moves, facts, self.policy),
            **self._history(key, moves, facts),
            "provider_payment_id": key.reference,
            "open_exceptions": _joined(open_codes),
        }
        for asset in sorted(found.assets() | asked.keys()) or [""]:
            sums = self._sums(found, asset, asked.get(asset))
            yield {**about, **self._asset(asset), **sums, **_keys(facts, asset)}

    def _sums(self, found: Balance, asset: str, expected: int | None) -> dict[str, Cell]:
        """Write the amounts of a payment in one asset: of what nobody told, nothing."""
        detected = found.detected.get(asset)
        is_both = detected is not None and expected is not None
        told = {
            "expected_amount": expected,
            "detected_amount": detected,
            "confirmed_amount": found.confirmed.get(asset),
            "settled_gross": found.settled.get((asset, GROSS)),
            "settled_fee": found.settled.get((asset, FEE)),
            "settled_net": found.settled.get((asset, NET)),
            "refunded_amount": found.refunded.get(asset),
            "posted_amount": found.booked().get(asset),
            "unposted_amount": found.unposted().get(asset),
            "over_under_amount": (detected or 0) - (expected or 0) if is_both else None,
        }
        return self._money(asset, told)

    def _history(
        self, key: PaymentKey, moves: Sequence[Transition], facts: frozenset[Fact]
    ) -> dict[str, Cell]:
        since = standing.milestones(facts, self.policy.terms)._asdict()
        expires = [one.expires_ms for one in facts if one.expires_ms is not None]
        place = self.told.recorded.expectations.get(key)
        last = moves[-1] if moves else None
        wanted = ("detected", "confirmed", "settled", "posted", "expired", "reversed", "refunded")
        return {
            **{f"{name}_at": _at(since[f"{name}_ms"]) for name in wanted},
            "created_at": _at(moves[0].at_ms) if moves else None,
            "expires_at": _at(max(expires, default=None)),
            "confirmation_policy": (last.policy or None) if last else None,
            "mapping": (last.mapping or None) if last else None,
            "deposit_address": (place.address or None) if place else None,
            "memo": (place.memo or None) if place else None,
            "correlation_id": (last.correlation_id or None) if last else None,
            "last_event_id": _name(last.event) if last else None,
            "last_event_seq": last.version if last else None,
        }

    def _transfer(
        self,
        key: PaymentKey,
        asset: str,
        told: Sequence[Fact],
        stands: frozenset[Fact],
        *,
        is_first: bool,
    ) -> Line:
        """Write one transfer, of which several facts may tell."""
        left = weighing.standing(stands, [one for one in told if one in stands])
        final = weighing.finals(left)
        held = self.told.held
        found = self.told.balances.get(key, balances.NOTHING)
        is_open = is_deposit(key) and held.payment_of(key) is None and is_first
        sums = {
            "amount": _largest(told),
            "final_amount": _largest(final),
            "liability": found.unposted().get(asset) if is_open else None,
        }
        deposit = self.told.recorded.deposits.get(key)
        matched = held.payment_of(key) if is_deposit(key) else key
        return {
            **self._of(key),
            **self._asset(asset),
            **self._money(asset, sums),
            "transfer_key": told[0].key or None,
            "payment_id": None if matched is None else write(matched),
            "deposit_state": str(held.state(key)) if is_deposit(key) else None,
            "status": "final" if final else "seen" if left else "gone",
            "block": next((one.detail for one in (*final, *left, *told) if one.detail), None),
            "is_running_total": told[0].key.startswith(TOTAL_PREFIX),
            "seen_at": _at(min(one.at_ms for one in told)),
            "final_at": _at(min((one.at_ms for one in final), default=None)),
            **(_beside(deposit) if deposit else {}),
        }

    def _subjects(self) -> Mapping[str, dict[str, Cell]]:
        known = {*self.told.held.subjects, *self._payments()}
        return {subject_of(key): self._of(key) for key in known}

    def _exception(self, item: Item, known: Mapping[str, dict[str, Cell]]) -> Line:
        until_ms = self.period.to_ms
        is_open = item.is_open_at(until_ms)
        end_ms = until_ms if is_open or item.closed_ms is None else item.closed_ms
        age_ms = end_ms - item.opened_ms
        asset = item.asset or ""
        return {
            **known.get(item.subject, {}),
            **self._asset(asset),
            **self._money(asset, {"amount_at_risk": item.amount}),
            "environment": self.told.recorded.environment,
            "exception_id": item_name(item.id),
            "code": item.code,
            "severity": item.severity,
            "status": item.status,
            "subject": item.subject,
            "opened_at": _at(item.opened_ms),
            "closed_at": _at(item.closed_ms),
            "is_open_at_end": is_open,
            "age_s": age_ms // _MS,
            "age": bucket(age_ms).name,
            "crosses_period_end": item.opened_ms < self.period.to_ms and is_open,
            "owner_role": owner_of(item.code) or None,
            "assignee": item.assignee or None,
            "first_event_id": _name(item.event),
            "reopened": item.reopened,
            "resolution_code": item.reason or None,
            "resolution": item.resolution or None,
            "resolved_by": item.by or None,
            "approved_by": item.approved_by or None,
            "evidence": item.evidence,
        }

    def _of(self, subject: PaymentKey) -> dict[str, Cell]:
        """Write whose a row is."""
        name = write(subject)
        return {
            "payment_id": None if is_deposit(subject) else name,
            "deposit_id": name if is_deposit(subject) else None,
            "environment": self.told.recorded.environment,
            "provider": subject.provider,
            "provider_account": subject.account,
        }

    def _asset(self, asset: str) -> dict[str, Cell]:
        name, _, network = asset.partition(NETWORK_MARK)
        return {
            "asset": name or None,
            "network": network or None,
            "decimals": self.decimals.get(asset),
        }

    def _money(self, asset: str, told: Mapping[str, int | None]) -> dict[str, Cell]:
        """Write amounts twice: in the smallest unit, and in whole ones where those are known."""
        places = self.decimals.get(asset)
        atomic = {
            f"{name}_atomic": None if amount is None else str(amount)
            for name, amount in told.items()
        }
        return {**atomic, **{name: major(amount, places) for name, amount in told.items()}}


def _stands(moves: Sequence[Transition], facts: frozenset[Fact], policy: Policy) -> Line:
    """Write where a payment is, in the words that everybody uses."""
    if not moves:
        return {"state": str(Kept.PARKED), "label": str(Kept.PARKED)}
    state: State = moves[-1].after
    flags = standing.flags(facts, policy.terms)
    return {
        "state": str(state),
        "flags": _joined(flags),
        "label": standing.label(state, flags),
        "posting_status": str(standing.posting(facts, policy.terms)),
    }


def _keys(facts: frozenset[Fact], asset: str) -> dict[str, Cell]:
    """Write the transfers of a payment in one asset, and the entries of the books."""
    same = [one for one in facts if weighing.is_same(one.asset, asset)]
    transfers = {one.key for one in same if one.kind in weighing.VALUE}
    booked = balances.of(facts).posted
    return {
        "transfer_keys": _joined(
            sorted(key for key in transfers if not key.startswith(TOTAL_PREFIX))
        ),
        "posting_ref": _joined(sorted(key for name, key in booked if name == asset)),
    }


def _beside(one: Deposit) -> dict[str, Cell]:
    told = {
        "tx_hash": one.tx,
        "address_to": one.address_to,
        "address_from": one.address_from,
        "memo": one.memo,
        "named": one.named,
    }
    return {name: text or None for name, text in told.items()}


def _largest(told: Sequence[Fact]) -> int | None:
    return max((one.amount for one in told if one.amount is not None), default=None)


def _joined(words: Sequence[str]) -> str | None:
    return "; ".join(words) or None


def _at(ms: int | None) -> str | None:
    return show(ms)


def _name(event: EventKey | None) -> str | None:
    return None if event is None else write(event)
