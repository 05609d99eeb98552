"""Why Kafka does not let us in, or not do something: one sentence that says what to do.

aiokafka tells its log that it could not connect and raises only that it did not. So after a failure
one connection to each address is tried by hand (`ask`), and what that runs into is put into words
(`told`). An error flows in; `LogUnavailable` flows out, with no secret in its text. What is wrong
with a password or a right (`AccessRefused`) is mended by an operator while we run, so none of it is
for good.
"""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from socket import gaierror
from typing import Any, NamedTuple

from aiokafka import errors as kafka
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from ingress.eventlog.kafka_access import Access
from ingress.eventlog.port import AccessRefused, LogUnavailable

ASK_S = 3.0
# What a client of aiokafka raises when the broker fails it. A time-out is an OSError; uvloop says
# with a RuntimeError that a connection was closed under a request.
TROUBLE = (kafka.KafkaError, OSError, RuntimeError)
_RIGHTS = "`sealgate topics plan` lists the rights that each role needs"
# What OpenSSL finds wrong with a broker's certificate, by its numbers (x509_vfy.h).
_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = frozenset({62, 64})
# The first bytes of a TLS alert, read as a length by somebody who expected none: 15 03 0x 00.
_ALERT = 0x1503
# What aiokafka raises where its log alone knows why.
_UNSAID = (kafka.KafkaConnectionError, kafka.NodeNotReadyError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a cluster is and how it is entered: what every client is made with."""

    bootstrap: str
    access: Access

    def options(self) -> dict[str, Any]:
        """Return a client's settings, from the files as they are now. Raises `LogUnavailable`."""
        try:
            return {"bootstrap_servers": self.bootstrap, **self.access.options()}
        except ValueError as wrong:
            raise AccessRefused(f"Kafka is not entered: {wrong}") from None

    async def unavailable(self, error: BaseException, doing: str) -> LogUnavailable:
        """Make of an error what is raised, with the reason that can be found for it."""
        if isinstance(error, LogUnavailable):
            return error  # said already
        if reason := told(error, self.access):
            return AccessRefused(reason)
        if isinstance(error, _UNSAID) or type(error) is kafka.KafkaError:
            asked = await ask(self.bootstrap, self.access)
            if asked is not None:
                kind = AccessRefused if asked.is_refusal else LogUnavailable
                return kind(f"{doing}: {asked.told}")
        return LogUnavailable(f"{doing} ({type(error).__name__}: {error})")


class Found(NamedTuple):
    """Why one address does not let us in; `is_refusal`: somebody is there, and does not want us."""

    told: str
    is_refusal: bool


async def ask(bootstrap: str, access: Access) -> Found | None:
    """Try to come in at each address; return why that fails, or None where one lets us in."""
    try:
        options = access.options()
    except ValueError as wrong:
        return Found(str(wrong), is_refusal=True)
    hosts = collect_hosts(bootstrap, randomize=False)
    reasons = await asyncio.gather(
        *(_ask_one(host, port, access, options) for host, port, _ in hosts)
    )
    if None in reasons:
        return None
    # One broker may be away while the others refuse us: that is what has to be mended.
    return next((one for one in reasons if one is not None and one.is_refusal), reasons[0])


async def _ask_one(
    host: str, port: int, access: Access, options: Mapping[str, Any]
) -> Found | None:
    try:
        async with asyncio.timeout(ASK_S):
            connection = await create_conn(
                host, port, request_timeout_ms=int(ASK_S * 1000), **options
            )
            try:
                # Some refusals come only with the first question, that of a token with the second.
                await connection.send(MetadataRequest([]))
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
    except TROUBLE as error:
        return _refused(error, access, f"{host}:{port}")
    return None


def told(error: BaseException, access: Access) -> str | None:
    """Say what an operation ran into where it is about rights; None where it is not."""
    for one in _causes(error):
        if isinstance(one, kafka.TopicAuthorizationFailedError):
            return f"Kafka does not allow {access.who} to use {_named('the topic', one)}: {_RIGHTS}"
        if isinstance(one, kafka.GroupAuthorizationFailedError):
            return f"Kafka does not allow {access.who} to use {_named('the group', one)}: {_RIGHTS}"
        if isinstance(one, kafka.ClusterAuthorizationFailedError):
            return f"Kafka lets {access.who} write to no topic, nor look after any: {_RIGHTS}"
    return None


def _refused(error: BaseException, access: Access, where: str) -> Found:
    for one in _causes(error):
        if reason := _of_sasl(one, access, where) or _of_tls(one, access, where):
            return Found(reason, is_refusal=True)
    reason = next(filter(None, (_of_network(one, where) for one in _causes(error))), None)
    # A broker that hangs up may be one that is dying, too: nothing is known of it.
    return Found(reason or _hung_up(access, where), is_refusal=False)


def _of_network(error: BaseException, where: str) -> str | None:
    if isinstance(error, gaierror):
        return f"the name in {where} cannot be resolved: check log.url, and the name service"
    if isinstance(error, TimeoutError):
        return f"{where} does not answer within {ASK_S:.0f} s"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {where}"
    return None


def _of_sasl(error: BaseException, access: Access, where: str) -> str | None:
    if isinstance(error, kafka.SaslAuthenticationFailed):
        if access.sasl is not None and not access.sasl.username:
            return f"Kafka refuses {access.who}: it is renewed by somebody else, who may be late"
        return (
            f"Kafka refuses {access.who}: check log.sasl.username,"
            " and the password in log.sasl.password_file"
        )
    if isinstance(error, kafka.UnsupportedSaslMechanismError):
        mechanism = "" if access.sasl is None else f" {access.sasl.name}"
        return f"{where} does not offer{mechanism}: set log.sasl.mechanism to one that it has"
    if isinstance(error, kafka.IllegalSaslStateError):
        return f"{where} asks for no SASL: take [log.sasl] out, or name the port that does"
    return None


def _of_tls(error: BaseException, access: Access, where: str) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {where} {_wrong_with(error)}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if "ALERT" not in reason or "INTERNAL" in reason:
            return f"{where} does not speak TLS as we do ({reason}): is it the port with TLS?"
        return (
            f"{where} asks for a certificate and does not take ours ({reason}): check"
            " log.tls.certificate_file and log.tls.key_file"
        )
    if (
        isinstance(error, asyncio.IncompleteReadError)
        and access.tls is None
        and (error.expected or 0) >> 16 == _ALERT
    ):
        return f"{where} speaks TLS: add [log.tls], or name the port without it"
    return None


def _wrong_with(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _OTHER_NAME:
        return "is for another name: write the brokers in log.url as their certificates name them"
    if error.verify_code == _EXPIRED:
        return "has expired, or that of its authority has: renew it"
    if error.verify_code == _NOT_YET:
        return "is not valid yet: set the clocks by NTP"
    return "comes from no authority that we trust: name its authority in log.tls.ca_file"


def _hung_up(access: Access, where: str) -> str:
    """Say what it may mean that a broker hangs up without a word."""
    if access.sasl is not None and not access.sasl.username:
        return (
            f"{where} hangs up on {access.who}: the token may have expired, or be for another"
            " audience"
        )
    if access.sasl is None and access.tls is not None:
        return f"{where} hangs up: it may want [log.sasl], or speak no TLS"
    if access.tls is None:
        return f"{where} hangs up: it may want [log.tls] or [log.sasl]"
    return f"{where} hangs up: is it the port with TLS, and is the broker well?"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _named(what: str, error: BaseException) -> str:
    """Name the topics or groups in an error, which holds one or a set of them."""
    names: list[str] = []
    for one in error.args:
        names += [one] if isinstance(one, str) else sorted(map(str, one))
    return f"{what} {', '.join(names)}" if names else what
