"""What becomes of a delivery that is not published: kept, answered so that it may come again.

An `Admitted` that says no flows in with its delivery, and flows out with the status that its source
is to hear and with what came of keeping it. Two things make a refusal reversible: the quarantine
holds what was sent, and a source that verified lately and now fails altogether is answered 503,
because then the fault is ours. Where it could not be kept because the log is away, it is answered
503 too: then it is the sender who still has it.
"""

from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from ingress import telemetry
from ingress.admit import Admitted, rejection
from ingress.answers import Outcome, refuse
from ingress.contract.alarm import Alarm
from ingress.delivery import Delivery, Reason
from ingress.keeping import Keeper, Refusal
from ingress.metrics import Ration
from ingress.networks import shown
from ingress.quarantine import Kept
from ingress.sealing import Seals
from ingress.settings import QuarantineSettings
from ingress.sources import Source
from ingress.trust import Memory, Trust, Turn

ENVIRONMENT_MISMATCH = "ENV_MISMATCH"


class Standing(NamedTuple):
    """What is thought of the failures of one source."""

    is_suspect: bool
    """The keys here may be wrong: its provider is asked to come again."""
    is_besieged: bool
    """They are a stranger's."""
    is_doubted: bool
    """The keys here may be wrong, and people are to look."""


class _Blame(NamedTuple):
    """Whether a sender is asked to come again, and whether people are to look."""

    is_suspect: bool
    is_ours: bool


class Refusals:
    """Keeps what is refused, and remembers who verified lately, in `state_file` if there is one."""

    def __init__(self, keeper: Keeper, state_file: Path | None, clock: telemetry.Clock) -> None:
        self._keeper = keeper
        self._trust = Trust(self._tell)
        self._memory = Memory(self._trust, state_file, clock)
        self._clock = clock
        self._log = telemetry.logger("edge")

    def start(self) -> None:
        """Remember what was known before the start, and keep it from now on."""
        self._memory.start()

    async def stop(self) -> None:
        """Keep what is known, for the next start."""
        await self._memory.stop()

    def change(self, settings: QuarantineSettings, seals: Seals) -> None:
        """Keep within these limits and under these seals from now on."""
        self._keeper.change(settings, seals)

    def ration(self) -> Ration:
        """Say how much of what may be kept is spent."""
        return self._keeper.ration()

    def standing(self, slug: str) -> Standing:
        """Say what is thought of the failures of a source now."""
        trust, now_ms = self._trust, self._clock()
        return Standing(
            is_suspect=trust.is_suspect(slug, now_ms),
            is_besieged=trust.is_besieged(slug, now_ms),
            is_doubted=trust.is_doubted(slug, now_ms),
        )

    def renew(self, slug: str) -> None:
        """Think nothing any more of where the failures of a source came from: it has changed."""
        self._trust.renew(slug)

    def verified(self, source: Source, address: str) -> None:
        """Note that a delivery of the source verified, and from where it came."""
        self._trust.verified(source.slug, self._clock(), shown(address))

    def unkept(self, source: Source, address: str, length: int) -> Kept | None:
        """Say why a delivery that is refused would not be kept; None where it may be."""
        return self._keeper.refuses(source, address, length)

    def dismissed(
        self, admitted: Admitted, delivery: Delivery, source: Source, kept: Kept
    ) -> Admitted:
        """Choose the status of a delivery that did not verify and is not kept: see `unkept`."""
        reason = admitted.reason or Reason.UNVERIFIABLE
        blame = self._blame(reason, delivery, source)
        if blame.is_suspect:
            admitted = _come_again(admitted, reason, source)
        return admitted._replace(kept=kept, is_ours=blame.is_ours)

    async def refused(self, admitted: Admitted, delivery: Delivery, source: Source) -> Admitted:
        """Keep a delivery that did not verify, and choose its status."""
        reason = admitted.reason or Reason.UNVERIFIABLE
        blame = self._blame(reason, delivery, source)
        kept = await self._keeper.keep(delivery, source, Refusal(reason, admitted.correlation_id))
        if blame.is_suspect or kept is Kept.LOG_UNAVAILABLE:
            admitted = _come_again(admitted, reason, source)
        return admitted._replace(kept=kept, is_ours=blame.is_ours)

    async def diverted(self, admitted: Admitted, delivery: Delivery, source: Source) -> Admitted:
        """Keep a delivery that verified and belongs to another environment, and raise an alarm.

        It is the provider's own, so no limit applies; and it may be real money, so the success that
        would end its retries is said only once it is kept and somebody is told.
        """
        refusal = Refusal(Reason.ENVIRONMENT_MISMATCH, admitted.correlation_id)
        kept = await self._keeper.keep_always(delivery, source, refusal)
        is_told = await self._keeper.raise_alarm(self._alarm(admitted, delivery, source))
        if kept is not Kept.KEPT or not is_told:
            answer = refuse(Outcome.PUBLISH_FAILED, admitted.correlation_id)
            return admitted._replace(answer=answer, kept=kept)
        return admitted._replace(kept=kept)

    def _blame(self, reason: Reason, delivery: Delivery, source: Source) -> "_Blame":
        now_ms = self._clock()
        is_suspect = self._trust.failed(source.slug, reason, now_ms)
        network = shown(delivery.address)
        return _Blame(is_suspect, self._trust.calls(source.slug, reason, now_ms, network))

    def _tell(self, slug: str, turn: Turn) -> None:
        self._log.warning("keys_suspect", source=slug, suspicion=turn.value)

    def _alarm(self, admitted: Admitted, delivery: Delivery, source: Source) -> Alarm:
        envelope = admitted.envelope
        event = "an event" if envelope is None else f"the event {envelope.event_key}"
        mode = "another mode" if envelope is None else envelope.mode.value
        return Alarm(
            id=admitted.correlation_id,
            code=ENVIRONMENT_MISMATCH,
            subject=source.uri,
            evidence=(
                f"{event} of {source.profile.name} verified at "
                f"{source.slug} and says that it is {mode}; {source.environment} is "
                f"{source.mode.value}. It is kept in the quarantine, and was published to nobody."
            ),
            source=source.slug,
            environment=source.environment,
            correlation_id=admitted.correlation_id,
            at_ms=delivery.received_ms,
        )


def _come_again(admitted: Admitted, reason: Reason, source: Source) -> Admitted:
    """Put a refusal off, unless its provider sends wrong signatures to hear exactly a refusal."""
    if source.profile.declaration.answers.probes:
        return admitted
    away = HTTPStatus.SERVICE_UNAVAILABLE
    return rejection(source, reason, admitted.correlation_id, away)
