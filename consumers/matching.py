"""Decide about deposits: match them with payments, take that back, return, hold or write them off.

A decision is an event of our own, claimed once under its idempotency key, and one more word in the
deposit's history. A match writes no fact anew: from then on the deposit's facts are the payment's,
and what follows is weighed in the same transaction. So everything that is told of the transfer
later, that it is final, that its block is gone, that its event was forged, follows the match; and
taking it back leaves exactly the facts that there were before.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from consumers import deposits, operating
from consumers.actions import RULES, Act, Approval
from consumers.depositing import ask, matched
from consumers.deposits import Candidate
from consumers.exceptions import Code, subject_of
from consumers.facts import Fact
from consumers.lifecycle import Verdict
from consumers.moving import Moves, Said
from consumers.notices import Occasion
from consumers.operating import Limits, Occurrence, Order
from consumers.policy import Policy
from consumers.refusals import Unknown
from consumers.stating import (
    TRIES_MAX,
    IllegalTransition,
    KeyReused,
    VersionConflict,
    signed,
)
from consumers.store.deposits import DepositMove, DepositState, Matching
from consumers.store.kept import Kept
from consumers.store.port import (
    Cause,
    Changes,
    Event,
    Fenced,
    Handled,
    Payment,
    PaymentKey,
    Resolution,
    Store,
    Transaction,
    Transition,
)
from consumers.voiding import Rim, correct

LEADS: dict[Act, DepositState] = {
    Act.MATCH_DEPOSIT: DepositState.MATCHED,
    Act.UNMATCH_DEPOSIT: DepositState.UNMATCHED,
    Act.RETURN_DEPOSIT: DepositState.RETURNED,
    Act.HOLD_DEPOSIT: DepositState.HELD,
    Act.WRITE_OFF_DEPOSIT: DepositState.WRITTEN_OFF,
}


class Decision(NamedTuple):
    """What is to become of a deposit, by a person's order or by a rule's; and the reasons.

    `version` is what its author saw of the deposit's history: 0 is nothing decided yet.
    """

    deposit: PaymentKey
    state: DepositState
    payment: PaymentKey | None
    version: int
    event: Event
    detail: str
    order: Order | None = None
    is_certain: bool = False


class Decided(NamedTuple):
    """A deposit's last word before and after, and what followed for the payment."""

    before: DepositMove | None
    after: DepositMove | None
    was: Payment | None
    now: Payment | None
    transition: Transition | None
    changes: Changes
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Matcher:
    """Decides about the deposits of one store, under one policy."""

    store: Store
    policy: Policy
    limits: Limits
    now: Occurrence

    async def do(
        self,
        order: Order,
        deposit: PaymentKey,
        payment: PaymentKey | None,
        found: Candidate | None = None,
        *,
        dry_run: bool = False,
    ) -> Decided:
        """Do a person's order once; `found` is why the payment may be the deposit's.

        Raises `Refused`, and `Fenced` where others go on moving the payment.
        """
        operating.check(order)
        told = {"payment": "/".join(payment or ())}
        if found is not None:
            told |= {"score": f"{found.score / 100:.2f}", "reasons": "; ".join(found.reasons)}
        about = "/".join((*deposit, *(payment or ())))
        event = operating.event_of(
            order, deposit.reference, operating.digest(order, about, ""), self.now
        )
        return await self.decide(
            Decision(
                deposit,
                LEADS[order.act],
                payment,
                order.expected_version or 0,
                event,
                json.dumps(told, sort_keys=True),
                order,
                is_certain=found is not None and found.score >= deposits.ADDRESS,
            ),
            dry_run=dry_run,
        )

    async def decide(self, wanted: Decision, *, dry_run: bool = False) -> Decided:
        """Write a decision once, with all that follows. Raises `Refused` and `Fenced`."""
        for _ in range(TRIES_MAX - 1):
            with suppress(Fenced):
                return await self._attempt(wanted, dry_run=dry_run)
        return await self._attempt(wanted, dry_run=dry_run)

    async def _attempt(self, wanted: Decision, *, dry_run: bool) -> Decided:
        done = Decided(None, None, None, None, None, Changes(), is_repeat=True)
        with suppress(_Undone):
            async with self.store.transaction() as tx:
                event = wanted.event
                if not await tx.claim([event]):
                    if (await tx.digests([event.key]))[event.key] != event.body_digest:
                        raise KeyReused(
                            f"another command was done as {event.key.key}: choose another key"
                        )
                    return done
                done = await self._write(tx, wanted)
                if dry_run:
                    raise _Undone
        return done

    async def _write(self, tx: Transaction, wanted: Decision) -> Decided:
        """Write the word, and what it changes for the payment that it ties or lets go."""
        keys = {wanted.deposit} if wanted.payment is None else {wanted.deposit, wanted.payment}
        decided, payments = await matched(tx, keys, {wanted.deposit})
        last, deposit = decided.get(wanted.deposit), payments.get(wanted.deposit)
        if deposit is None or deposit.kept is not Kept.DEPOSIT:
            raise Unknown(
                f"{wanted.deposit.reference}: there is no such deposit; `sealgate deposits list`"
                " shows them"
            )
        self._check(wanted, last, deposit)
        version = 1 if last is None else last.version + 1
        move = DepositMove(
            wanted.deposit,
            version,
            wanted.state,
            wanted.payment,
            wanted.detail,
            wanted.event.key,
            self.now.at_ms,
        )
        if wanted.state is DepositState.MATCHED:
            return await self._match(tx, wanted, last, move, payments)
        if deposits.payment_of(last) is not None:
            return await self._let_go(tx, wanted, move, last)
        return await self._settle(tx, wanted, last, move)

    def _check(self, wanted: Decision, last: DepositMove | None, deposit: Payment) -> None:
        """Refuse what must not be decided. Raises `Refused`."""
        version, state = (0 if last is None else last.version), deposits.state_of(last)
        if wanted.version != version:
            raise VersionConflict(
                f"the deposit is at version {version} and not at {wanted.version}: look again"
            )
        if wanted.state not in deposits.MOVES[state]:
            raise IllegalTransition(f"the deposit is {state}: it does not become {wanted.state}")
        order = wanted.order
        if order is None:
            return
        rule = RULES[order.act]
        why = operating.approval_needed(rule.approval, deposit.facts, self.limits)
        if rule.approval is Approval.ABOVE and not wanted.is_certain:
            why = why or "neither an address nor a memo ties the money to this payment"
        if why:
            operating.need_second(order, why)

    async def _match(
        self,
        tx: Transaction,
        wanted: Decision,
        last: DepositMove | None,
        move: DepositMove,
        payments: Mapping[PaymentKey, Payment],
    ) -> Decided:
        """Let the deposit's facts be the payment's from now on."""
        payment = None if wanted.payment is None else payments.get(wanted.payment)
        if payment is None or not payment.version:
            raise Unknown("there is no such payment: announce it with `sealgate payments expect`")
        moves = Moves(payments, self.now.at_ms, self.policy)
        said = self._said(wanted, payment.key, payments[wanted.deposit].facts)
        stated = moves.state(said, is_matched=True)
        if stated.decision.verdict is Verdict.ILLEGAL:
            raise IllegalTransition(
                f"the facts would prove {stated.decision.proven}, and {payment.state} does not"
                " lead there"
            )
        moves.weigh(said, stated)
        why = f"matched with {subject_of(payment.key)}"
        moves.heal(Code.UNMATCHED_DEPOSIT, subject_of(wanted.deposit), why)
        changes = moves.finish()
        await self._save(tx, wanted, move, changes, stated.decision.verdict)
        moved = changes.transitions[0] if changes.transitions else None
        return Decided(last, move, payment, stated.after, moved, changes, is_repeat=False)

    async def _let_go(
        self, tx: Transaction, wanted: Decision, move: DepositMove, last: DepositMove | None
    ) -> Decided:
        """Weigh the payment without the deposit: what was proven before the match is so again."""
        held = deposits.payment_of(last)
        if held is None:
            raise IllegalTransition("the deposit is matched with nothing")
        before = await tx.payments([held, wanted.deposit])
        await tx.save(Changes(matching=Matching(moves=[move])))
        after = await tx.payments([held])
        changes = Changes()
        rim = Rim(
            self.now.environment, lambda: self.now.at_ms, lambda: self.now.traceparent, self.policy
        )
        correction = correct(changes, before[held], after[held], wanted.event, Cause.UNMATCH, rim)
        deposit = before[wanted.deposit]
        if deposits.is_there(deposit.facts):
            ask(changes, deposit, wanted.event.key, self.now.at_ms, self.policy.terms)
        moved = correction.transition
        verdict = Verdict.APPLIED_NO_CHANGE if moved is None else Verdict.APPLIED
        await self._save(tx, wanted, None, changes, verdict)
        return Decided(last, move, before[held], correction.after, moved, changes, is_repeat=False)

    async def _settle(
        self, tx: Transaction, wanted: Decision, last: DepositMove | None, move: DepositMove
    ) -> Decided:
        """Write a word that no payment hears of."""
        changes = Changes()
        if wanted.state not in deposits.WAITING:
            subject = subject_of(wanted.deposit)
            code, why = Code.UNMATCHED_DEPOSIT.value, str(wanted.state)
            changes.resolved.append(Resolution(code, subject, why, self.now.at_ms))
        await self._save(tx, wanted, move, changes, Verdict.APPLIED_NO_CHANGE)
        return Decided(last, move, None, None, None, changes, is_repeat=False)

    async def _save(
        self,
        tx: Transaction,
        wanted: Decision,
        move: DepositMove | None,
        changes: Changes,
        verdict: Verdict,
    ) -> None:
        """Write it, with who did it and why."""
        changes.verdicts[wanted.event.key] = Handled(verdict)
        if move is not None:
            changes.matching.moves.append(move)
        if wanted.order is not None:
            at_ms, detail = self.now.at_ms, wanted.detail
            wrote = operating.action(wanted.order, wanted.deposit, None, detail, at_ms)
            changes.actions.append(wrote)
            changes.resolved = [signed(one, wrote) for one in changes.resolved]
        await tx.save(changes)

    def _said(self, wanted: Decision, payment: PaymentKey, facts: frozenset[Fact]) -> Said:
        now, event = self.now, wanted.event
        return Said(
            event=event.key,
            payment=payment,
            facts=facts,
            occasion=Occasion(now.environment, event.event_type, now.at_ms, now.traceparent),
            correlation_id=now.correlation_id,
            cause=Cause.EVENT if wanted.order is None else Cause.OPERATOR,
        )


class _Undone(Exception):
    """Leaves the transaction of a dry run."""
