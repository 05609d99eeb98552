"""Take a command of a person back: its facts no longer count, and the payment is weighed anew.

Nothing is edited: the command, its facts and everything that followed stay as they were written. A
withdrawal is a command of its own, claimed once under its own idempotency key; it marks the event
of the other as void, and what the remaining facts prove is written as one corrective transition,
with its notice, as where a provider's event is void (`voiding`). Whatever was delivered downstream
meanwhile stays delivered: it is told again what is so.

Who may withdraw is who may give the command: the same roles, the same limits, and a second person
where the command had one. A hold is let go by its owner alone, also in this way. What a timer said
is not withdrawn, and a withdrawal is not either: the command is given again.
"""

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from consumers import bounds, operating, particulars
from consumers.actions import RULES, WITHDRAWABLE, Act
from consumers.facts import Fact, HoldKind
from consumers.lifecycle import Verdict
from consumers.operating import Limits, Occurrence, Order
from consumers.policy import Policy
from consumers.refusals import NotAllowed, NotWithdrawable, Unknown
from consumers.stating import TRIES_MAX, KeyReused, check_freeze, check_seen, signed
from consumers.store.port import (
    Action,
    Cause,
    Changes,
    Event,
    Fenced,
    Handled,
    Judgement,
    Mark,
    PaymentKey,
    Store,
    Transaction,
)
from consumers.voiding import Correction, Rim, correct


class Withdrawn(NamedTuple):
    """What was taken back, and what that changes; nothing where it was done before."""

    action: Action
    correction: Correction | None
    changes: Changes
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Withdrawer:
    """Takes commands of one store back, under one policy."""

    store: Store
    policy: Policy
    limits: Limits
    now: Occurrence

    async def do(self, order: Order, command: str, *, dry_run: bool = False) -> Withdrawn:
        """Withdraw a command once, by its idempotency key.

        Raises `Refused`, and `Fenced` where others go on moving the payment.
        """
        operating.check(order)
        action = await self.store.cases.action(command)
        if action is None:
            raise Unknown(
                f"{command}: no command was given under this key; `sealgate payments show` lists"
                " those about a payment"
            )
        payment = check_withdrawable(order, action)
        for _ in range(TRIES_MAX - 1):
            with suppress(Fenced):
                return await self._attempt(order, action, payment, dry_run=dry_run)
        return await self._attempt(order, action, payment, dry_run=dry_run)

    async def _attempt(
        self, order: Order, action: Action, payment: PaymentKey, *, dry_run: bool
    ) -> Withdrawn:
        done = Withdrawn(action, None, Changes(), is_repeat=True)
        with suppress(_Undone):
            async with self.store.transaction() as tx:
                told = json.dumps({"command": action.key})
                digest = operating.digest(order, "/".join(payment), told)
                event = operating.event_of(order, payment.reference, digest, self.now)
                if not await tx.claim([event]):
                    if (await tx.digests([event.key]))[event.key] != digest:
                        raise KeyReused(
                            f"another command was done as {order.key}: choose another key"
                        )
                    return done
                if action.name == Act.RECORD_UNPOSTING:
                    # It is in the books again: that waits for what every posting waits for.
                    await check_freeze(tx)
                done = await self._write(tx, order, action, event)
                if dry_run:
                    raise _Undone
        return done

    async def _write(
        self, tx: Transaction, order: Order, action: Action, event: Event
    ) -> Withdrawn:
        """Mark the command's event, read the payment without and with that, write the rest."""
        target = operating.event_key(action.key)
        found = (await tx.marked([target]))[target]
        if found.judgement is Judgement.VOID:
            raise NotWithdrawable(f"{action.key} was withdrawn already")
        key = action.payment
        if key is None:
            raise NotWithdrawable(f"{action.key} is about no payment")
        before = (await tx.payments([key]))[key]
        check_seen(before, order.expected_version, order.expected_facts)
        check_agreed(order, action, before.facts, self.limits)
        if action.name == Act.RECORD_UNPOSTING:
            bounds.check_unheld(before.facts, self.policy.terms)
        why = f"withdrawn as {order.key}: {order.note}"[: operating.NOTE_CHARS_MAX]
        await tx.save(Changes(marks=[Mark(target, Judgement.VOID, why, order.by, self.now.at_ms)]))
        after = (await tx.payments([key]))[key]
        changes = Changes()
        rim = Rim(
            self.now.environment, lambda: self.now.at_ms, lambda: self.now.traceparent, self.policy
        )
        correction = correct(changes, before, after, event, Cause.VOID, rim)
        wrote = operating.action(
            order, key, None, json.dumps({"command": action.key}), self.now.at_ms
        )
        changes.actions.append(wrote)
        changes.resolved = [signed(one, wrote) for one in changes.resolved]
        moved = correction.transition is not None
        verdict = Verdict.APPLIED if moved else Verdict.APPLIED_NO_CHANGE
        changes.verdicts[event.key] = Handled(verdict)
        await tx.save(changes)
        return Withdrawn(action, correction, changes, is_repeat=False)


class _Undone(Exception):
    """Leaves the transaction of a dry run."""


def check_withdrawable(order: Order, action: Action) -> PaymentKey:
    """Return the payment that a command is about. Raises `Refused` for one that stays."""
    act = next((one for one in WITHDRAWABLE if one == action.name), None)
    if act is None or action.payment is None:
        raise NotWithdrawable(
            f"{action.key} is {action.name}, which is not taken back: "
            + _INSTEAD.get(action.name, "do what undoes it by another command")
        )
    rule = RULES[act]
    if rule.roles and order.role not in rule.roles:
        listed = ", ".join(sorted(rule.roles))
        raise NotAllowed(f"{act} is for {listed}, and so is taking it back")
    if act is Act.PLACE_HOLD:
        particulars.check_release(order.role, HoldKind(json.loads(action.detail)["hold"]))
    return action.payment


_INSTEAD = {
    str(Act.WITHDRAW): "give the command again",
    str(Act.REISSUE_REFERENCE): "cancel the payment that was asked for instead",
}


def check_agreed(order: Order, action: Action, known: Collection[Fact], limits: Limits) -> None:
    """Ask for a second person as for the command itself. Raises `ApprovalRequired`."""
    rule = RULES[Act(action.name)]
    why = operating.approval_needed(rule.approval, frozenset(known), limits)
    if not why and action.approved_by:
        why = f"two people decided on {action.key}"
    if why:
        operating.need_second(order, why)
