"""`Alarm`: what the edge has to tell a human, as it is written to the log.

The edge has no database, so what it sees and cannot mend goes to the alarms topic; a worker makes
an exception of it, once. An alarm names things by their ids and quotes nothing of a body.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ingress.contract import cloudevents
from ingress.contract.cloudevents import Headers
from ingress.contract.envelope import EnvelopeMalformed

VERSION = "1"
TYPE_PREFIX = "com.sealgate.alarm."


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to tell: `code` is an exception's, `subject` what one open item is about.

    `evidence` is a sentence for whoever works it. `at_ms` is milliseconds since the epoch.
    """

    id: str
    code: str
    subject: str
    evidence: str
    source: str
    environment: str
    correlation_id: str
    at_ms: int

    def encode(self) -> tuple[bytes, Headers, bytes]:
        """Return the record's key, headers and value."""
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": TYPE_PREFIX + self.code.lower(),
            "subject": cloudevents.attribute(self.subject),
            "time": cloudevents.timestamp(self.at_ms),
            "sealgatealarm": VERSION,
            "environment": self.environment,
            "code": self.code,
            "correlationid": self.correlation_id,
        }
        headers = cloudevents.to_headers(attributes, "text/plain")
        return f"{self.environment}/{self.source}".encode(), headers, self.evidence.encode()

    @classmethod
    def decode(cls, headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Self:
        """Read a record back. Raises `EnvelopeMalformed`, saying what is wrong with it."""
        try:
            found = cloudevents.from_headers(headers)
            cloudevents.check_version(found, "sealgatealarm", {VERSION})
            return cls(
                id=found["id"],
                code=found["code"],
                subject=found["subject"],
                evidence=(value or b"").decode(),
                source=found["source"],
                environment=found["environment"],
                correlation_id=found["correlationid"],
                at_ms=cloudevents.timestamp_ms(found["time"]),
            )
        except KeyError as missing:
            raise EnvelopeMalformed(f"the header ce_{missing.args[0]} is missing") from None
        except ValueError as wrong:
            raise EnvelopeMalformed(str(wrong)) from None
