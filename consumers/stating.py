"""State facts that no provider sent: an operator's command, or time that has passed.

A command is an event of its own, claimed once for ever under its idempotency key, so that it can be
traced, repeated and voided like a provider's. It appends facts; the reducer says what follows.
Nobody forces a state. Everything is one transaction, under the same locks as a worker's batch. A
dry run does the same and rolls it back: what is shown is what would be done.

What an operator has seen is a revision of the payment: its version, which counts its moves, and a
digest of its facts. A hold, a partial refund or a posting moves nothing, and still it is noticed.
"""

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from consumers.facts import ON, Fact, FactKind
from consumers.lifecycle import State, Verdict
from consumers.moving import Moves, Said, Stated
from consumers.policy import Policy
from consumers.store.deposits import Expectation
from consumers.store.port import (
    Action,
    Cause,
    Changes,
    Event,
    Fenced,
    Handled,
    Payment,
    Resolution,
    Store,
    Transaction,
    Transition,
)
from ingress.contract import cloudevents

# A batch that is fenced has written nothing; whoever was before us has written by the second try.
TRIES_MAX = 5
# The provider of events that nobody outside sent: no profile may have this name.
OURSELVES = "sealgate"
# Of a set of facts, what is compared: enough that two sets that people saw are never taken for one.
DIGEST_CHARS = 8


class Refused(Exception):
    """The command was not done, and nothing was written. `code` is the same for ever."""

    code = "refused"


class VersionConflict(Refused):
    """What the command is about was changed since the operator looked at it."""

    code = "version_conflict"


class NothingNew(Exception):
    """A guard's word that it was said before, under whatever key: a repeat, and no fault."""


class AlreadyThere(Refused):
    """What is to be made new is there already."""

    code = "already_exists"


class KeyReused(Refused):
    """Another command was done under the same idempotency key."""

    code = "idempotency_key_reused"


class IllegalTransition(Refused):
    """The command asks for a move that the table does not have, or would not make the move."""

    code = "illegal_transition"


class FrozenNow(Refused):
    """Everything is frozen: books and windows wait until it is cleared."""

    code = "frozen"


class Command(NamedTuple):
    """What is to be stated, the event it is claimed as, and what its author has seen.

    `event.body_digest` tells two commands under one key apart. `expected_version` is the version of
    the payment that the author looked at, None where nobody did, and `expected_facts` the digest of
    its facts, if any. `guard` looks at what would come of it, under the lock, and raises `Refused`
    or `NothingNew`. `action` says who does it, and why. `also` are payments that are made new,
    `expectation` where money of the payment will come.
    """

    event: Event
    said: Said
    expected_version: int | None = None
    guard: Callable[[Stated], None] | None = None
    action: Action | None = None
    expected_facts: str = ""
    also: tuple[Said, ...] = ()
    expectation: Expectation | None = None


class Done(NamedTuple):
    """What was written, or would be; `is_repeat` where it was written before."""

    stated: Stated | None
    transition: Transition | None
    changes: Changes
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes commands for one store, under one policy."""

    store: Store
    policy: Policy
    clock: Callable[[], int]

    async def do(self, command: Command, *, dry_run: bool = False) -> Done:
        """Do a command once.

        Raises `Refused`, and `Fenced` where others go on moving the payment.
        """
        for _ in range(TRIES_MAX - 1):
            with suppress(Fenced):
                return await self._attempt(command, dry_run=dry_run)
        return await self._attempt(command, dry_run=dry_run)

    async def _attempt(self, command: Command, *, dry_run: bool) -> Done:
        done = Done(None, None, Changes(), is_repeat=False)
        with suppress(_Undone):
            async with self.store.transaction() as tx:
                try:
                    done = await self._write(tx, command)
                except NothingNew:
                    # The claim is undone too: the key was not used for anything.
                    done = done._replace(is_repeat=True)
                    raise _Undone from None
                if dry_run:
                    raise _Undone
        return done

    async def _write(self, tx: Transaction, command: Command) -> Done:
        event, said = command.event, command.said
        if await _is_repeat(tx, event):
            return Done(None, None, Changes(), is_repeat=True)
        if _stands_still(said):
            await check_freeze(tx)
        keys = [said.payment, *(one.payment for one in command.also)]
        moves = Moves(await tx.payments(keys), self.clock(), self.policy)
        stated = moves.state(said)
        check_seen(stated.before, command.expected_version, command.expected_facts)
        _check(stated)
        if command.guard is not None:
            command.guard(stated)
        moves.weigh(said, stated)
        for one in command.also:
            _make(moves, one)
        moves.changes.verdicts[event.key] = Handled(stated.decision.verdict, said.mapping)
        changes = moves.finish()
        if command.action is not None:
            changes.actions.append(command.action)
            changes.resolved = [signed(one, command.action) for one in changes.resolved]
        if command.expectation is not None:
            changes.matching.expectations.append(command.expectation)
        await tx.save(changes)
        own = [one for one in changes.transitions if one.payment == said.payment]
        return Done(stated, own[0] if own else None, changes, is_repeat=False)


async def check_freeze(tx: Transaction) -> None:
    """Raise `FrozenNow` while a freeze is on; no freeze is said to be on before `tx` has ended.

    To be called before payments are read: everybody takes locks in one order.
    """
    last = await tx.freeze.read()
    if last is not None and last.is_on:
        since = cloudevents.timestamp(last.at_ms)
        raise FrozenNow(
            f"frozen since {since} by {last.by}: {last.reason}; do it again when finance has"
            " cleared it with `sealgate freeze off`"
        )


async def _is_repeat(tx: Transaction, event: Event) -> bool:
    """Claim a command; say whether it was done before. Raises `KeyReused`."""
    if await tx.claim([event]):
        return False
    digests = await tx.digests([event.key])
    if digests[event.key] != event.body_digest:
        raise KeyReused(f"another command was done as {event.key.key}: choose another key")
    return True


def _stands_still(said: Said) -> bool:
    """Say whether this is what a freeze stops: a posting, or a window that our own clock closes."""
    if any(fact.kind is FactKind.POSTED and fact.detail == ON for fact in said.facts):
        return True
    kinds = {fact.kind for fact in said.facts}
    return said.cause is Cause.TIMER and FactKind.EXPIRED in kinds


class _Undone(Exception):
    """Leaves the transaction of a dry run."""


def signed(ended: Resolution, action: Action) -> Resolution:
    """Say who did what an exception ended by."""
    told = f"{action.name}: {ended.resolution}"
    return ended._replace(
        resolution=told, reason=action.reason, by=action.by, approved_by=action.approved_by
    )


def _make(moves: Moves, said: Said) -> None:
    """State a payment that nobody has told of yet. Raises `AlreadyThere`."""
    stated = moves.state(said)
    if stated.before.version:
        raise AlreadyThere(f"{said.payment.reference} is a payment already: take another reference")
    moves.weigh(said, stated)


def facts_digest(facts: Collection[Fact]) -> str:
    """Return a short digest of a set of facts: another one for another set."""
    told = sorted(json.dumps(fact) for fact in facts)
    return sha256("\n".join(told).encode()).hexdigest()[:DIGEST_CHARS]


def revision(payment: Payment) -> str:
    """Say what there is to be seen of a payment: its version, and a digest of its facts."""
    return f"{payment.version}.{facts_digest(payment.facts)}"


def check_seen(payment: Payment, version: int | None, digest: str) -> None:
    """Raise `VersionConflict` where a payment is not as somebody saw it; None saw nothing."""
    if version is None:
        return
    seen = f"{version}.{digest}" if digest else str(version)
    if payment.version != version:
        raise VersionConflict(
            f"the payment is at {revision(payment)} and not at {seen}: look at it again"
        )
    if digest and facts_digest(payment.facts) != digest:
        raise VersionConflict(
            f"the payment is at {revision(payment)} and not at {seen}: it has not moved, and yet"
            " something was said of it since, such as a hold, a refund or a posting; look at it"
            " again"
        )


def _check(stated: Stated) -> None:
    """Raise `Refused` for a command that asks for a move that the table does not have."""
    if stated.decision.verdict is Verdict.ILLEGAL:
        before: State = stated.before.state
        raise IllegalTransition(
            f"the facts would prove {stated.decision.proven}, and {before} does not lead there"
        )
