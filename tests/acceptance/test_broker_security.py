"""A real broker with TLS, SASL and ACLs: each role with its own user, and no more than its rights.

What a role may do is written out here by hand, apart from the declaration that the rules are made
of. Refusals are provoked one by one, because what a person reads then decides how long the outage
lasts.
"""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
import trustme

from ingress.contract import topics
from ingress.eventlog import kafka_link
from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_access import Access, Tls
from ingress.eventlog.kafka_admin import Grant, Kind, Operation
from ingress.eventlog.kafka_publisher import KafkaPublisher
from ingress.eventlog.observer import Outcome, Rebuild
from ingress.eventlog.port import LogUnavailable, Message, TopicRefused
from tests.support import secure_kafka
from tests.support.gateway import log_lines
from tests.support.observing import Witness
from tests.support.processes import WAIT_S, Stack, end_all, event, post, start
from tests.support.secure_kafka import SecureBroker
from tests.support.secured import (
    ALARMS,
    ALL,
    ENVIRONMENT,
    LIFECYCLE,
    QUARANTINE,
    VERIFIED,
    administer,
    fetched,
    fill,
    heard,
    may_join,
    may_read,
    may_write,
    nowhere,
    opened,
    published,
)

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]
WRITES = {
    "edge": {VERIFIED, ALARMS, QUARANTINE},
    "worker": set(),
    "relay": {LIFECYCLE},
    "monitor": set(),
    "operator": {VERIFIED, QUARANTINE},
    "nobody": set(),
}
READS = {
    "edge": set(),
    "worker": {VERIFIED, ALARMS},
    "relay": set(),
    "monitor": {VERIFIED, ALARMS},
    "operator": {VERIFIED, LIFECYCLE, QUARANTINE},
    "nobody": set(),
}


@pytest.fixture(scope="module", name="broker")
def _broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    made = secure_kafka.start(tmp_path_factory.mktemp("guarded"))
    try:
        code, said = administer(made, tmp_path_factory.mktemp("rules") / "apply", "apply")
        assert code == 0, said
        yield made
    finally:
        end_all()
        made.running.stop()


@pytest.mark.parametrize("user", WRITES)
async def test_a_role_writes_and_reads_its_own_topics_and_no_others(user, broker, tmp_path):
    """A stolen password of the edge must not read one payment, nor a worker's forge one."""
    await fill(broker)
    log = broker.log(user, tmp_path)
    writes = await asyncio.gather(*(may_write(log, topic) for topic in ALL))
    assert {topic for topic, may in zip(ALL, writes, strict=True) if may} == WRITES[user]
    reads = await asyncio.gather(*(may_read(log, topic) for topic in ALL))
    assert {topic for topic, may in zip(ALL, reads, strict=True) if may} == READS[user]


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256", "scram-sha-512"])
async def test_every_mechanism_with_a_password_lets_its_user_in(mechanism, broker, tmp_path):
    """Clusters differ in what they offer."""
    async with opened(broker.log("edge", tmp_path, mechanism)) as log:
        assert VERIFIED in await log.topics()


async def test_a_bearer_comes_with_the_token_as_it_is_now(broker, tmp_path):
    """Tokens live for minutes: the one that was read at the start is of no use later."""
    file = tmp_path / "token"
    file.write_text("not.a.token")
    async with opened(broker.log_with(broker.sasl("oauthbearer", "", file))) as log:
        with pytest.raises(LogUnavailable, match="the bearer of the token"):
            await log.topics()
        parts = ({"alg": "none"}, {"sub": "edge", "iat": time.time(), "exp": time.time() + 300})
        coded = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts]
        file.write_bytes(b".".join([*coded, b""]))
        assert VERIFIED in await log.topics()


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-512"])
async def test_a_wrong_password_is_told_with_the_user_and_without_the_password(
    mechanism, broker, tmp_path
):
    """Whoever reads it at night must know which file to look at."""
    file = broker.password_file("edge", tmp_path, "not-the-password")
    log = broker.log_with(broker.sasl(mechanism, "edge", file))
    publisher = log.publisher()
    for ask in (log.topics(), publisher.start(), log.ensure_topics({VERIFIED: 3})):
        with pytest.raises(LogUnavailable) as refused:
            await ask
        told = str(refused.value)
        assert f"refuses the user edge ({mechanism.upper()})" in told
        assert "log.sasl.password_file" in told
        assert "not-the-password" not in told
    await publisher.stop()
    await log.close()


async def told(address: str, access: Access) -> str:
    """Return what somebody is told who does not come in."""
    log = KafkaLog(address, replication_factor=1, access=access)
    try:
        with pytest.raises(LogUnavailable) as refused:
            await log.topics()
    finally:
        await log.close()
    return str(refused.value)


async def test_each_way_of_not_coming_in_has_its_own_words(broker, tmp_path):
    """By itself, aiokafka says "unable to bootstrap" to all of them."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    sasl = broker.sasl("scram-sha-512", "edge", broker.password_file("edge", tmp_path))
    secure, plain = broker.address, broker.running.bootstrap
    mutual = f"127.0.0.1:{broker.security.mutual_port}"
    tls = Tls(ca=broker.ca)
    assert "speaks TLS: add [log.tls]" in await told(secure, Access())
    assert "no authority that we trust" in await told(secure, Access(tls=Tls(ca=other), sasl=sasl))
    assert "no authority that we trust" in await told(secure, Access(tls=Tls(), sasl=sasl))
    assert "may want [log.sasl]" in await told(secure, Access(tls=tls))
    assert "asks for no SASL" in await told(plain, Access(sasl=sasl))
    assert "hangs up" in await told(plain, Access(tls=tls))
    assert "asks for a certificate" in await told(mutual, Access(tls=tls))
    assert "nothing listens at 127.0.0.1:1" in await told("127.0.0.1:1", Access(tls=tls, sasl=sasl))


async def test_a_certificate_for_another_name_or_of_the_past_is_refused(broker, tmp_path):
    """The password must go to nobody who only sits at the address."""
    sasl = broker.sasl("plain", "edge", broker.password_file("edge", tmp_path))
    heard: list[bytes] = []
    for names, past, words in (
        (("elsewhere.example",), False, "is for another name"),
        (("127.0.0.1",), True, "has expired"),
    ):
        issued = (
            broker.authority.issue_cert(*names, not_after=secure_kafka.PAST)
            if past
            else broker.authority.issue_cert(*names)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)

        async def listen(reader, writer):
            heard.append(await reader.read(1))
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            assert words in await told(
                f"127.0.0.1:{port}", Access(tls=Tls(ca=broker.ca), sasl=sasl)
            )
    assert not any(heard)


async def test_a_client_with_its_own_certificate_needs_no_password(broker, tmp_path):
    """Some clusters know their users by certificates alone."""
    file = tmp_path / "client.pem"
    file.touch(mode=0o600)
    broker.authority.issue_cert("edge.example").private_key_and_cert_chain_pem.write_to_path(
        str(file)
    )
    access = Access(tls=Tls(ca=broker.ca, certificate=file, key=file))
    address = f"127.0.0.1:{broker.security.mutual_port}"
    async with opened(KafkaLog(address, replication_factor=1, access=access)) as log:
        # It has come in, and may see nothing: no rule names it.
        assert await log.topics() == []


async def test_what_is_not_allowed_is_told_with_the_user_and_the_topic(broker, tmp_path):
    """A missing rule looks like a missing topic unless somebody says otherwise."""
    words = "does not allow the user {} .SCRAM-SHA-512. to use the {}"
    async with opened(broker.log("nobody", tmp_path)) as log:
        with pytest.raises(LogUnavailable, match=words.format("nobody", f"topic {VERIFIED}")):
            await log.ensure_topics(dict.fromkeys(ALL, 3))
    missing = topics.lifecycle("other")
    admin = KafkaLog(broker.running.bootstrap, replication_factor=1).admin()
    await admin.grant([Grant("User:relay", Kind.TOPIC, missing, Operation.DESCRIBE)])
    async with opened(broker.log("relay", tmp_path)) as log:
        with pytest.raises(LogUnavailable, match="does not allow us to make it"):
            await log.ensure_topics({LIFECYCLE: 3, missing: 3})
    async with opened(broker.log("worker", tmp_path)) as log:
        subscription = log.subscription(VERIFIED, "not-a-group-of-ours", nowhere)
        await subscription.start()
        with pytest.raises(LogUnavailable, match="the group not-a-group-of-ours"):
            await fetched(subscription)
        await subscription.stop()


async def test_the_edge_starts_and_publishes_with_no_right_on_the_cluster(broker, tmp_path):
    """Kafka before 2.8 wanted IdempotentWrite; nobody should grant it out of habit."""
    async with opened(broker.log("edge", tmp_path)) as log:
        await log.ensure_topics(dict.fromkeys(ALL, 3))
        publisher = log.publisher()
        await publisher.start()
        position = await publisher.publish(Message(VERIFIED, b"k", b"{}"))
        assert position.partition.topic == VERIFIED
        await publisher.stop()


def test_a_payment_goes_all_the_way_with_a_user_for_each_process(broker, tmp_path):
    """The table of rights is enough for everything that the processes really do."""
    running = {}
    store = f"sqlite:{tmp_path / 'store.db'}"
    for user, word in (("worker", "consume"), ("relay", "relay"), ("edge", "serve")):
        folder = tmp_path / user
        folder.mkdir()
        url = f"kafka://{broker.address}?replication_factor=1"
        stack = Stack(folder, url, store.replace("sqlite:", "sqlite://"))
        stack.environment = ENVIRONMENT
        config = stack.write(**broker.tables(user, folder))
        running[user] = start(config, word)
    for one in running.values():
        one.wait_started()
    running["edge"].wait_ready()
    assert post(running["edge"].edge_url, event("guarded-1", "InvoiceSettled")) == 200
    found = asyncio.run(heard(broker, tmp_path, "guarded-1"))
    assert found
    for one in running.values():
        assert one.terminate() == 0, one.output.read_text()


def test_an_edge_with_a_wrong_password_says_so_and_starts_once_the_file_is_right(broker, tmp_path):
    """An operator mends the file, and restarts nothing (P10)."""
    url = f"kafka://{broker.address}?replication_factor=1"
    stack = Stack(tmp_path, url, f"sqlite://{tmp_path / 'store.db'}")
    stack.environment = ENVIRONMENT
    tables = broker.tables("edge", tmp_path)
    file = tmp_path / "edge-password"
    file.write_text("not-the-password")
    running = start(stack.write(**tables), "serve").wait_started()
    until = time.monotonic() + WAIT_S
    while "refuses the user edge" not in running.output.read_text():
        assert time.monotonic() < until, running.output.read_text()
        time.sleep(0.1)
    file.write_text(broker.security.users["edge"])
    running.wait_ready()
    reasons = [
        str(line["reason"]) for line in running.lines() if line["event"] == "log_unavailable"
    ]
    assert len(reasons) == len(set(reasons)), "the same words once a minute, not each second"
    assert running.terminate() == 0


async def test_a_topic_that_may_be_read_and_not_written_is_the_operator_s_to_mend(broker, tmp_path):
    """The record is fine: a journal keeps it until the right is there."""
    words = "does not allow the user operator .SCRAM-SHA-512. to write to the topic "
    async with opened(broker.log("operator", tmp_path)) as log:
        publisher = log.publisher()
        await publisher.start()
        with pytest.raises(TopicRefused, match=words + LIFECYCLE):
            await publisher.publish(Message(LIFECYCLE, b"k", b"{}"))
        with pytest.raises(TopicRefused, match=r"no topic \S+, or it is not for us"):
            await publisher.publish(Message("payments.other.verified", b"k", b"{}"))
        assert await publisher.publish(Message(VERIFIED, b"k", b"{}"))
        await publisher.stop()


async def test_a_subscriber_reads_notices_in_its_own_groups_and_nothing_else(broker, tmp_path):
    """Downstream teams are many, and what a provider knows of a customer is for few of them."""
    await fill(broker)
    flags = ("--subscriber-user", "shop")
    code, said = await asyncio.to_thread(administer, broker, tmp_path / "a", "apply", *flags)
    assert (code, said.count("granted")) == (0, 3), said
    log = broker.log("shop", tmp_path)
    may = [(await may_read(log, topic), await may_write(log, topic)) for topic in ALL]
    assert may == [(topic == LIFECYCLE, False) for topic in ALL]
    for group in ("shop", "shop.books", "shopping", "sealgate"):
        may = await may_join(broker.log("shop", tmp_path), LIFECYCLE, group)
        assert may == (group in {"shop", "shop.books"})
    assert (await asyncio.to_thread(administer, broker, tmp_path / "b", "plan", *flags))[0] == 0


async def test_a_password_that_was_changed_is_used_by_those_that_run_on(broker, tmp_path):
    """A member of a group lives for months; a rotation must not need it to be restarted.

    A user whom no other test knows: the others go on with their passwords.
    """
    group, principal = "rotated-group", "User:rotated"
    await (
        KafkaLog(broker.running.bootstrap, replication_factor=1)
        .admin()
        .grant(
            [
                Grant(principal, Kind.TOPIC, VERIFIED, Operation.READ),
                Grant(principal, Kind.TOPIC, VERIFIED, Operation.WRITE),
                Grant(principal, Kind.GROUP, group, Operation.READ),
            ]
        )
    )
    file = broker.password_file("rotated", tmp_path)
    log = broker.log_with(broker.sasl("plain", "rotated", file))
    publisher = log.publisher()
    await publisher.start()
    subscription = log.subscription(VERIFIED, group, nowhere)
    await subscription.start()
    assert await publisher.publish(Message(VERIFIED, b"k", b"{}"))
    await fetched(subscription)
    users = {**broker.security.users, "rotated": "the-second-password"}
    await asyncio.to_thread(broker.restart, users)
    file.write_text(users["rotated"])
    await published(publisher)
    with pytest.raises(LogUnavailable, match="were replaced"):
        await subscription.fetch(10, 0.5)
    await subscription.stop()
    # What the worker does then: start another.
    again = log.subscription(VERIFIED, group, nowhere)
    await again.start()
    assert await fetched(again)
    await again.stop()
    assert await log.ends(VERIFIED)
    await publisher.stop()
    await log.close()


async def test_a_password_that_is_replaced_before_the_brokers_know_it_costs_nothing(
    broker, tmp_path, monkeypatch
):
    """An order that is easily mistaken: the producer that works is not given up for it."""
    monkeypatch.setattr(kafka_link, "LOOK_EVERY_S", 0.1)
    witness = Witness()
    file = broker.password_file("edge", tmp_path)
    log = broker.log_with(broker.sasl("scram-sha-512", "edge", file))
    publisher = log.publisher(observer=witness)
    await publisher.start()
    said = log_lines()
    file.write_text("not-known-to-the-brokers")
    await until_said(said, publisher)
    assert witness.rebuilds == []
    file.write_text(broker.security.users["edge"])
    until = time.monotonic() + WAIT_S
    while not witness.rebuilds:
        assert time.monotonic() < until
        assert await publisher.publish(Message(VERIFIED, b"k", b"{}"))
    assert await publisher.publish(Message(VERIFIED, b"k", b"{}"))
    assert witness.rebuilds == [Rebuild.ACCESS]
    assert set(witness.outcomes) == {Outcome.ACKED}
    await publisher.stop()
    await log.close()


async def until_said(
    said: Callable[[str], Sequence[Mapping[str, object]]], publisher: KafkaPublisher
) -> None:
    """Publish until the publisher has been refused with the new password."""
    until = time.monotonic() + WAIT_S
    while not (lines := said("access_not_renewed")):
        assert time.monotonic() < until
        assert await publisher.publish(Message(VERIFIED, b"k", b"{}"))
    assert "refuses the user edge" in str(lines[0]["reason"])


def test_the_plan_is_empty_after_it_was_applied(broker, tmp_path):
    """Apply can be run from a pipeline, again and again."""
    assert administer(broker, tmp_path / "plan", "plan") == (0, "everything is as it should be\n")
    assert administer(broker, tmp_path / "again", "apply")[0] == 0


def test_doctor_shows_why_the_brokers_do_not_let_us_in(broker, tmp_path):
    """The same words, before anything is started."""
    url = f"kafka://{broker.address}?replication_factor=1"
    stack = Stack(tmp_path, url, f"sqlite://{tmp_path / 'store.db'}")
    tables = broker.tables("edge", tmp_path)
    (tmp_path / "edge-password").write_text("not-the-password")
    running = start(stack.write(**tables), "doctor")
    assert running.wait() == 3, "something is wrong; 69 would say that nothing is known"
    assert "refuses the user edge (SCRAM-SHA-512)" in running.output.read_text()
