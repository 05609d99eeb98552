"""Hold what an export is made of against the chains, by the very audit of `audit verify`.

Figures that agree with each other prove nothing where the rows were changed in their place: what
moved and what is held are read from the same rows then. So nothing is called sound that the audit
contradicts. Checkpoints count where they and the public key can be read; an auditor's machine, or
finance's, may have neither.
"""

import asyncio
import os

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.audit import Audit
from consumers.store.auditing import Auditing
from sealgate.audit import command as auditing
from sealgate.audit.command import Checkpoints
from sealgate.config import Configuration
from sealgate.exports import reading
from sealgate.exports.reading import NotThere
from sealgate.exports.recorded import AsOf, Recorded


class Unreadable(Exception):
    """The chain contradicts the database, and what is in it cannot be read as ours."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(f"{len(found)} problems")
        self.found = found


async def read(
    moment: Auditing, configuration: Configuration, as_of: AsOf | None = None
) -> tuple[Recorded, list[str]]:
    """Read a moment as `reading.read` does, and say what the chain contradicts in it.

    Raises `NotThere`, `Unreadable` and `StoreUnavailable`.
    """
    found = await problems(moment, configuration)
    try:
        return await reading.read(moment, configuration.settings.environment, as_of), found
    except NotThere:
        raise
    except (KeyError, TypeError, ValueError):
        if not found:
            raise
        raise Unreadable(found) from None


async def problems(
    moment: Auditing, configuration: Configuration, public: Ed25519PublicKey | None = None
) -> list[str]:
    """Say what is wrong with chains, tables and checkpoints. Raises `StoreUnavailable`."""
    found = await asyncio.to_thread(_checkpoints, configuration, public)
    environment = configuration.settings.environment
    report = await Audit(moment, environment, os.urandom(16), found.anchors()).run()
    told = []
    for one in report.problems:
        place = one.chain if one.seq is None else f"{one.chain} {one.seq}:"
        told.append(f"{place} {one.text}".strip())
    return [*found.problems, *told]


def _checkpoints(configuration: Configuration, public: Ed25519PublicKey | None) -> Checkpoints:
    """Read what checkpoints saw; nothing where they or the key cannot be read."""
    try:
        return auditing.read_checkpoints(
            configuration, public or auditing.public_key(configuration)
        )
    except (ValueError, OSError):
        if public is not None:
            raise
        return Checkpoints()
