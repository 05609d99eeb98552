"""State facts that no provider sent: an operator's command, or time that has passed.

A command is an event of its own, claimed once for ever under its idempotency key, so that it can be
traced, repeated and voided like a provider's. It appends facts; the reducer says what follows.
Nobody forces a state. Everything is one transaction, under the same locks as a worker's batch. A
dry run does the same and rolls it back: what is shown is what would be done.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from consumers.lifecycle import State, Verdict
from consumers.moving import Moves, Said, Stated
from consumers.policy import Policy
from consumers.store.port import (
    Action,
    Changes,
    Event,
    Fenced,
    Resolution,
    Store,
    Transaction,
    Transition,
)

# A batch that is fenced has written nothing; whoever was before us has written by the second try.
TRIES_MAX = 5
# The provider of events that nobody outside sent: no profile may have this name.
OURSELVES = "sealgate"


class Refused(Exception):
    """The command was not done, and nothing was written. `code` is the same for ever."""

    code = "refused"


class VersionConflict(Refused):
    """What the command is about was changed since the operator looked at it."""

    code = "version_conflict"


class KeyReused(Refused):
    """Another command was done under the same idempotency key."""

    code = "idempotency_key_reused"


class IllegalTransition(Refused):
    """The command asks for a move that the table does not have, or would not make the move."""

    code = "illegal_transition"


class Command(NamedTuple):
    """What is to be stated, the event it is claimed as, and what its author has seen.

    `event.body_digest` tells two commands under one key apart. `expected_version` is the version of
    the payment that the author looked at; None where nobody did. `guard` looks at what would come
    of it, under the lock, and raises `Refused`. `action` says who does it, and why.
    """

    event: Event
    said: Said
    expected_version: int | None = None
    guard: Callable[[Stated], None] | None = None
    action: Action | None = None


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
                done = await self._write(tx, command)
                if dry_run:
                    raise _Undone
        return done

    async def _write(self, tx: Transaction, command: Command) -> Done:
        event, said = command.event, command.said
        if not await tx.claim([event]):
            digests = await tx.digests([event.key])
            if digests[event.key] != event.body_digest:
                raise KeyReused(f"another command was done as {event.key.key}: choose another key")
            return Done(None, None, Changes(), is_repeat=True)
        moves = Moves(await tx.payments([said.payment]), self.clock(), self.policy)
        stated = moves.state(said)
        _check(stated, command.expected_version)
        if command.guard is not None:
            command.guard(stated)
        moves.weigh(said, stated)
        moves.changes.verdicts[event.key] = stated.decision.verdict
        changes = moves.finish()
        if command.action is not None:
            changes.actions.append(command.action)
            changes.resolved = [_signed(one, command.action) for one in changes.resolved]
        await tx.save(changes)
        transition = changes.transitions[0] if changes.transitions else None
        return Done(stated, transition, changes, is_repeat=False)


class _Undone(Exception):
    """Leaves the transaction of a dry run."""


def _signed(ended: Resolution, action: Action) -> Resolution:
    """Say who did what an exception ended by."""
    told = f"{action.name}: {ended.resolution}"
    return ended._replace(
        resolution=told, reason=action.reason, by=action.by, approved_by=action.approved_by
    )


def _check(stated: Stated, expected_version: int | None) -> None:
    """Raise `Refused` for a command that must not be done."""
    version = stated.before.version
    if expected_version is not None and version != expected_version:
        raise VersionConflict(
            f"the payment is at version {version} and not at {expected_version}: look at it again"
        )
    if stated.decision.verdict is Verdict.ILLEGAL:
        before: State = stated.before.state
        raise IllegalTransition(
            f"the facts would prove {stated.decision.proven}, and {before} does not lead there"
        )
