"""`Quarantined`: a refused delivery, sealed, as it is written to the quarantine topic.

What was refused may become true: the key was ours to add. So a delivery of a known source that did
not verify is kept whole, to be verified again. Its `content` is opaque here: sealed with a key
where one is configured. A `Release` is written behind it once it was verified and published, so
that a second look does not publish it again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ingress.contract import cloudevents
from ingress.contract.cloudevents import Headers
from ingress.contract.envelope import EnvelopeMalformed

VERSION = "1"
DELIVERY_TYPE = "com.sealgate.quarantine.delivery"
RELEASE_TYPE = "com.sealgate.quarantine.release"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One refused delivery.

    `id` is the correlation id of its refusal; `network` that of its sender. `seal` is the id of the
    key that `content` is sealed with, empty where there was none. `length` is that of the body.
    """

    id: str
    environment: str
    slug: str
    provider: str
    account: str
    reason: str
    network: str
    received_ms: int
    length: int
    seal: str
    content: bytes

    @property
    def key(self) -> bytes:
        """The partition key: one source's deliveries are together and in order."""
        return f"{self.environment}/{self.slug}".encode()

    @property
    def about(self) -> bytes:
        """Where the record belongs, and why it was refused: changed, it does not open.

        The reason decides what is asked of it when it is verified again, and is read outside the
        seal. The time of receipt that decides is within it.
        """
        return f"{self.environment}/{self.slug}/{self.id}/{self.reason}".encode()

    def encode(self) -> tuple[bytes, Headers, bytes]:
        """Return the record's key, headers and value."""
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "source": f"urn:sealgate:{self.environment}:{self.slug}",
            "type": DELIVERY_TYPE,
            "time": cloudevents.timestamp(self.received_ms),
            "sealgatequarantine": VERSION,
            "environment": self.environment,
            "slug": self.slug,
            "provider": self.provider,
            "account": self.account,
            "reason": self.reason,
            "network": self.network,
            "length": str(self.length),
            "seal": self.seal,
        }
        present = {name: text for name, text in attributes.items() if text}
        return self.key, cloudevents.to_headers(present, cloudevents.OPAQUE), self.content


@dataclass(frozen=True, slots=True)
class Release:
    """The delivery `id` of the quarantine was verified and published as the event `event_key`."""

    id: str
    environment: str
    slug: str
    event_key: str
    key_id: str
    at_ms: int

    def encode(self) -> tuple[bytes, Headers, bytes]:
        """Return the record's key, headers and value."""
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "source": f"urn:sealgate:{self.environment}:{self.slug}",
            "type": RELEASE_TYPE,
            "time": cloudevents.timestamp(self.at_ms),
            "sealgatequarantine": VERSION,
            "environment": self.environment,
            "slug": self.slug,
            "eventkey": self.event_key,
            "keyid": self.key_id,
        }
        headers = cloudevents.to_headers(attributes, cloudevents.OPAQUE)
        return f"{self.environment}/{self.slug}".encode(), headers, b""


def decode(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Quarantined | Release:
    """Read a record back. Raises `EnvelopeMalformed`, saying what is wrong with it."""
    try:
        found = cloudevents.from_headers(headers)
        cloudevents.check_version(found, "sealgatequarantine", {VERSION})
        if found["type"] == RELEASE_TYPE:
            return Release(
                id=found["id"],
                environment=found["environment"],
                slug=found["slug"],
                event_key=found["eventkey"],
                key_id=found["keyid"],
                at_ms=cloudevents.timestamp_ms(found["time"]),
            )
        return Quarantined(
            id=found["id"],
            environment=found["environment"],
            slug=found["slug"],
            provider=found["provider"],
            account=found["account"],
            reason=found["reason"],
            network=found.get("network", ""),
            received_ms=cloudevents.timestamp_ms(found["time"]),
            length=int(found["length"]),
            seal=found.get("seal", ""),
            content=value or b"",
        )
    except KeyError as missing:
        raise EnvelopeMalformed(f"the header ce_{missing.args[0]} is missing") from None
    except ValueError as wrong:
        raise EnvelopeMalformed(str(wrong)) from None
