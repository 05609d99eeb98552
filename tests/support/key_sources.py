"""Four providers that publish keys, as profiles declare them, and a world for a source to run in.

The world's time is the loop's, which tests make virtual. Its provider answers as it is told.
"""

import asyncio
import json
import math
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ingress.keyring import Secret
from ingress.keysources.cache import Found
from ingress.keysources.declaration import CredentialPlace, Declaration, Kind, Request
from ingress.keysources.result import Result
from ingress.keysources.source import KeySource, Means
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.public_keys import KeyType
from tests.support import canary

UUID = "879dc113-5ca4-4ff7-a6b7-54652083fcf8"
CANARY = canary.secret("the credential of key sources", b"canary-credential-77aa").decode()
FIREBLOCKS = Declaration(
    Kind.JWKS,
    KeyType.RSA,
    hosts=r"((eu|eu2|sandbox)-)?keys\.fireblocks\.io",
    url="https://eu2-keys.fireblocks.io/.well-known/jwks.json",
)
CIRCLE = Declaration(
    Kind.BY_ID,
    KeyType.P256,
    hosts=r"api\.circle\.com",
    url="https://api.circle.com/v2/notifications/publicKey/{kid}",
    credential=CredentialPlace.BEARER,
    key="/data/publicKey",
)
PLAID = Declaration(
    Kind.BY_ID,
    KeyType.P256,
    hosts=r"(production|sandbox)\.plaid\.com",
    url="https://production.plaid.com/webhook_verification_key/get",
    body='{"client_id": "abc", "secret": "{credential}", "key_id": "{kid}"}',
    credential=CredentialPlace.BODY,
    key="/key",
)
PAYPAL = Declaration(
    Kind.CERTIFICATE,
    KeyType.RSA,
    hosts=r"(api|api-m)(\.sandbox)?\.paypal\.com",
    paths=r"/v1/notifications/certs/[A-Za-z0-9_-]+",
    subjects=(".paypal.com",),
)
CERT_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42"

START_MS = 1_767_225_600_000
CREDENTIAL = Secret(CANARY.encode())
OTHER = str(uuid.UUID(int=7))


def now_s() -> float:
    """Read the loop's clock, which is virtual here."""
    return asyncio.get_running_loop().time()


def read(name: str, answer: bytes, now_ms: int) -> Sequence[Found]:
    """Read an answer of names, each with the second of its end if it has one."""
    shown = json.loads(answer)
    return [Found(Key(b"k", kid), math.inf if s is None else s * 1000) for kid, s in shown.items()]


@dataclass(slots=True)
class World:
    """A provider that answers as told, and everything that was asked, counted and logged."""

    answer: Callable[[Request], bytes | Exception | Awaitable[bytes]]
    asked_s: list[float] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    noted: list[tuple[Result, int]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0

    async def fetch(self, request: Request) -> bytes:
        """Answer as a fetcher would."""
        assert self.running == 0, "one fetch at a time"
        self.running += 1
        try:
            self.asked_s.append(round(now_s(), 3))
            self.requests.append(request)
            answer = self.answer(request)
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, bytes) else await answer
        finally:
            self.running -= 1

    def info(self, event: str, **facts: object) -> None:
        """Keep a line."""
        self.lines.append({"event": event, "level": "info", **facts})

    def warning(self, event: str, **facts: object) -> None:
        """Keep a line."""
        self.lines.append({"event": event, "level": "warning", **facts})

    def error(self, event: str, **facts: object) -> None:
        """Keep a line."""
        self.lines.append({"event": event, "level": "error", **facts})

    def source(self, declaration: Declaration, credential: Secret | None = CREDENTIAL) -> KeySource:
        """Make a key source in this world."""
        means = Means(
            fetch=self.fetch,
            read=read,
            log=self,
            clock=lambda: START_MS + int(now_s() * 1000),
            now_s=now_s,
            note=lambda result, held: self.noted.append((result, held)),
        )
        return KeySource("shop", declaration, means, credential)


@contextmanager
def running(source: KeySource) -> Iterator[asyncio.Task[None]]:
    """Run the task of a source until the block ends."""
    task = asyncio.create_task(source.run())
    try:
        yield task
        assert not task.done()
    finally:
        task.cancel()


def kids(source: KeySource) -> list[str]:
    """Return the names of the keys held."""
    held = source.keys()
    return [key.kid for key in held]


def answering(*names: str) -> Callable[[Request], bytes]:
    """Answer every question with these keys."""
    return lambda request: json.dumps(dict.fromkeys(names)).encode()


def by_path(request: Request) -> bytes:
    """Answer with the key whose id ends the path."""
    return json.dumps({request.address.path.rpartition("/")[2]: None}).encode()
