"""Keeping what is refused: serialised whole, sealed, and on the log before anybody is answered.

A refused `Delivery` of a known source flows in with the reason, within the limits of `quarantine`;
a `Quarantined` record flows to the log, and how it ended flows out as `Kept`. What carries a secret
is not written unless there is a key to seal it with. Awaited before the answer is given: a delivery
that was refused and is not on the log is a delivery that nobody can bring back.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from ingress import networks
from ingress.contract import topics
from ingress.contract.alarm import Alarm
from ingress.contract.quarantined import Quarantined
from ingress.delivery import Delivery, Reason
from ingress.eventlog.port import (
    RECORD_BYTES_MAX,
    LogUnavailable,
    Message,
    MessageRefused,
    Publisher,
    size_bytes,
)
from ingress.metrics import Ration
from ingress.providers.signature import Jws, Token
from ingress.quarantine import Allowances, Kept
from ingress.sealing import Seals, serialise
from ingress.settings import QuarantineSettings
from ingress.sources import Source

UNDER_WAY_MAX = 256
"""Records being written at once. A flood must not fill the log's queue, which holds 16,384."""
_CREDENTIALS = frozenset({b"authorization", b"proxy-authorization", b"cookie"})
"""Headers that open other doors; they are kept only sealed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a delivery is kept, and the correlation id under which its story is found."""

    reason: Reason
    correlation_id: str


class Keeper:
    """Writes refused deliveries, and alarms, to the log. `clock_s` is monotonic."""

    def __init__(
        self,
        settings: QuarantineSettings,
        seals: Seals,
        publisher: Publisher,
        clock_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._seals = seals
        self._publisher = publisher
        self._clock_s = clock_s
        self._allowances = Allowances(settings)
        self._under_way = 0

    def change(self, settings: QuarantineSettings, seals: Seals) -> None:
        """Use these from now on; what was spent stays spent unless the limits changed."""
        if settings.model_copy(update={"key": self._settings.key}) != self._settings:
            self._allowances = Allowances(settings)
        self._settings = settings
        self._seals = seals

    def ration(self) -> Ration:
        """Say how much of what the process may keep is spent."""
        if not self._settings.enabled:
            return Ration(0.0, 0.0)
        allowances = self._allowances
        return Ration(allowances.spent(self._clock_s()), allowances.bytes_max)

    def refuses(self, source: Source, address: str, length: int) -> Kept | None:
        """Say why a delivery whose body is so long would not be kept; None where it would."""
        if not self._settings.enabled:
            return Kept.OFF
        if length > self._settings.body_bytes_max:
            return Kept.TOO_LARGE
        if not self._seals and is_revealing(source):
            return Kept.UNSEALED
        if not self._allowances.has(source.slug, networks.shown(address), length, self._clock_s()):
            return Kept.OVER_LIMIT
        return None

    async def keep(self, delivery: Delivery, source: Source, refusal: Refusal) -> Kept:
        """Keep a delivery that did not verify, if it may be kept."""
        refused = self.refuses(source, delivery.address, len(delivery.body))
        if refused is not None:
            return refused
        taken = (source.slug, networks.shown(delivery.address), _size_bytes(delivery))
        if not self._allowances.take(*taken, self._clock_s()):
            return Kept.OVER_LIMIT
        kept = await self.keep_always(delivery, source, refusal)
        if kept is not Kept.KEPT:
            self._allowances.give(*taken, self._clock_s())
        return kept

    async def keep_always(self, delivery: Delivery, source: Source, refusal: Refusal) -> Kept:
        """Keep a delivery outside the limits: one that verified, so that no stranger sent it."""
        message = self._message(delivery, source, refusal)
        if message is None:
            return Kept.UNSEALED
        if size_bytes(message) > RECORD_BYTES_MAX:
            return Kept.TOO_LARGE
        return Kept.KEPT if await self._publish(message) else Kept.LOG_UNAVAILABLE

    async def raise_alarm(self, alarm: Alarm) -> bool:
        """Tell people of something; say whether the log has it."""
        key, headers, value = alarm.encode()
        return await self._publish(Message(topics.alarms(alarm.environment), key, value, headers))

    def _message(self, delivery: Delivery, source: Source, refusal: Refusal) -> Message | None:
        """Write the record; None where it would show a secret."""
        if not self._seals:
            if is_revealing(source):
                return None
            delivery = _without_credentials(delivery)
            if _shows_secret(delivery, source):
                return None
        record = Quarantined(
            id=refusal.correlation_id,
            environment=source.environment,
            slug=source.slug,
            provider=source.profile.name,
            account=source.account,
            reason=refusal.reason.value,
            network=networks.shown(delivery.address),
            received_ms=delivery.received_ms,
            length=len(delivery.body),
            seal="",
            content=b"",
        )
        seal, content = self._seals.seal(serialise(delivery), record.about)
        key, headers, value = replace(record, seal=seal, content=content).encode()
        return Message(topics.quarantine(source.environment), key, value, headers)

    async def _publish(self, message: Message) -> bool:
        """Append a record; say whether it is on the log."""
        if self._under_way >= UNDER_WAY_MAX:
            return False
        self._under_way += 1
        try:
            await self._publisher.publish(message)
        except (LogUnavailable, MessageRefused):
            # Refused, it is no topic or no permission: ours to mend, and the sender's to come back.
            return False
        finally:
            self._under_way -= 1
        return True


def is_revealing(source: Source) -> bool:
    """Say whether a delivery of a source carries its secret, or a token that opens other doors."""
    return any(
        isinstance(said, Token) or (isinstance(said, Jws) and said.is_bearer)
        for said in source.profile.declaration.signature
    )


def _shows_secret(delivery: Delivery, source: Source) -> bool:
    """Say whether a secret of ours stands in a delivery, whoever put it there, and why ever."""
    written = (
        delivery.body,
        delivery.query,
        delivery.url.encode(),
        *(value for _, value in delivery.headers),
    )
    # What a URL, a form or JSON makes of it is still the secret.
    meant = (unquote_to_bytes(one).replace(b"\\/", b"/") for one in written)
    places = (*written, *meant)
    forms = {form for secret in _secrets(source) for form in _forms(secret)}
    return any(form in place for form in forms for place in places)


def _forms(secret: bytes) -> Iterator[bytes]:
    """Write a secret in every way in which its provider may show it: keys are held decoded."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield base64.b64encode(secret).rstrip(b"=")
    yield base64.urlsafe_b64encode(secret).rstrip(b"=")


def _secrets(source: Source) -> Iterator[bytes]:
    for key in (*(live.key for live in source.ring.keys), *source.tokens):
        if isinstance(key.material, bytes):
            yield key.material
    if source.plan is not None and source.plan.credential is not None:
        yield source.plan.credential.reveal()


def _without_credentials(delivery: Delivery) -> Delivery:
    kept = tuple(header for header in delivery.headers if header[0] not in _CREDENTIALS)
    return replace(delivery, headers=kept)


def _size_bytes(delivery: Delivery) -> int:
    headers = sum(len(name) + len(value) for name, value in delivery.headers)
    return len(delivery.body) + len(delivery.query) + headers
