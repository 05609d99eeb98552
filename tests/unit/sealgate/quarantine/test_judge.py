"""Who is let in late: whoever would be let in today, judged by the age at the receipt."""

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ingress.delivery import Delivery
from sealgate.building import build_sources
from sealgate.quarantine.judge import Fate, judge
from tests.support.builders import NOW_MS
from tests.support.gateway import NEW_SECRET, OLD_SECRET
from tests.support.quarantined import LATER_MS, SETTLED, Ground, kept, number, refused, reverified
from tests.support.signers import EVERY

STRIPE_SECRET = b"whsec_of_a_test"


def _stripe(at_s: int, body: bytes, received_ms: int = NOW_MS) -> Delivery:
    """Sign as Stripe documents it: the hex HMAC-SHA256 of ``<seconds>.<body>``."""
    signed = hmac.new(STRIPE_SECRET, f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    header = (b"stripe-signature", f"t={at_s},v1={signed}".encode())
    return replace(refused(body, received_ms=received_ms), source="card", headers=(header,))


@pytest.mark.parametrize(
    ("status_now", "code"), [("active", 0), ("verify-only", 0), ("revoked", 3)]
)
def test_a_revoked_key_never_proves_anything_again(
    tmp_path: Path, status_now: str, code: int
) -> None:
    """The forced rotation: whoever stole the key has filled the quarantine with its signatures."""
    ground = Ground(tmp_path)
    ground.source("shop", "btcpay", {"k1": OLD_SECRET}, status=f'"{status_now}"')
    ground.keep(kept(SETTLED))
    assert reverified(ground, apply=True)[0] == code
    assert len(ground.published()) == (code == 0)


def test_a_revoked_key_is_no_way_back_while_the_new_key_is_one(tmp_path: Path) -> None:
    """After a leak both lie there: the thief's under the old key, the provider's under the new."""
    ground = Ground(tmp_path)
    ground.source("shop", "btcpay", {"old": OLD_SECRET}, status='"revoked"')
    (tmp_path / "new").write_bytes(NEW_SECRET)
    ground.sources.append('[[source.key]]\nid = "new"\nfile = "new"')
    ground.keep(kept(SETTLED, 1), kept(refused(SETTLED.body, NEW_SECRET), 2))
    code, told = reverified(ground, apply=True)
    assert code == 3
    assert [(one.correlation_id, one.key_id) for one in ground.published()] == [(number(2), "new")]
    assert f"{number(1)}  shop  still refused" in told


@pytest.mark.parametrize(
    ("bound", "code"),
    [
        ("not_after = 2026-01-01T12:00:00Z", 3),
        ("not_after = 2026-01-03T00:00:00Z", 0),
        ("not_before = 2026-01-01T12:00:00Z", 0),
        ("not_before = 2026-01-03T00:00:00Z", 3),
    ],
)
def test_windows_are_those_of_the_moment_of_looking(tmp_path: Path, bound: str, code: int) -> None:
    """A key that ran out since proves nothing any more, and one that began since proves it."""
    ground = Ground(tmp_path)
    name, _, moment = bound.partition(" = ")
    ground.source("shop", "btcpay", {"k1": OLD_SECRET}, **{name: moment})
    ground.keep(kept(SETTLED))
    assert reverified(ground)[0] == code


def test_the_age_is_that_at_the_receipt(tmp_path: Path) -> None:
    """A day in the quarantine is our delay; ten minutes before the receipt is a replay."""
    ground = Ground(tmp_path)
    ground.source("card", "stripe", {"k1": STRIPE_SECRET})
    body = b'{"id":"evt_1","object":"event","type":"payment_intent.succeeded"}'
    at_s = NOW_MS // 1000
    ground.keep(
        kept(_stripe(at_s, body), 1, provider="stripe"),
        kept(_stripe(at_s - 600, body), 2, "timestamp_too_old", provider="stripe"),
    )
    code, told = reverified(ground, apply=True)
    assert code == 3
    assert f"{number(2)}  card  still refused because timestamp_too_old" in told
    (event,) = ground.published()
    assert (event.correlation_id, event.signed_ms) == (number(1), NOW_MS)


def test_what_belongs_to_another_environment_is_published_to_nobody(tmp_path: Path) -> None:
    """It verified then and verifies now: that is no reason for real money in a sandbox."""
    ground = Ground(tmp_path)
    ground.source("card", "stripe", {"k1": STRIPE_SECRET})
    body = b'{"id":"evt_1","object":"event","livemode":true,"type":"payment_intent.succeeded"}'
    ground.keep(kept(_stripe(NOW_MS // 1000, body), 1, "environment_mismatch", "stripe"))
    code, told = reverified(ground, apply=True)
    assert code == 3
    assert "of another environment: it says of itself that it is live" in told
    assert ground.published() == []
    assert ground.releases() == []


def test_a_handshake_is_answered_by_nobody_and_published_to_nobody(tmp_path: Path) -> None:
    """It carries no event; as an event it would be one that no consumer understands."""
    slack = next(signer for signer in EVERY if signer.name == "slack")
    ground = Ground(tmp_path)
    ground.source("chat", "slack", {"k1": slack.shown(slack.old)})
    body = b'{"type":"url_verification","challenge":"c"}'
    sent = slack.send(slack.old, body, NOW_MS // 1000)
    asked = replace(refused(body), source="chat", headers=tuple(sent.headers))
    ground.keep(kept(asked, provider="slack"))
    code, told = reverified(ground, apply=True)
    assert code == 0
    assert "a handshake: it carries no event" in told
    assert ground.published() == []


@pytest.mark.parametrize(
    ("networks", "reason", "address", "code"),
    [
        ('["192.0.2.0/24"]', "address_not_allowed", "192.0.2.7", 0),
        ('["192.0.2.0/24"]', "address_not_allowed", "::ffff:192.0.2.7", 0),
        ('["192.0.2.0/24"]', "address_not_allowed", "198.51.100.7", 3),
        ('["192.0.2.0/24"]', "no_matching_signature", "198.51.100.7", 3),
        ('["192.0.2.0/24"]', "no_matching_signature", "", 3),
        ("[]", "address_not_allowed", "198.51.100.7", 0),
    ],
)
def test_who_may_not_deliver_today_is_not_let_in_behind_the_door(
    tmp_path: Path, networks: str, reason: str, address: str, code: int
) -> None:
    """An allow-list is a second factor: a stolen key alone must not get around it by waiting."""
    ground = Ground(tmp_path)
    ground.source("shop", "btcpay", {"k1": OLD_SECRET}, f"allow = {networks}")
    ground.keep(kept(replace(SETTLED, address=address), reason=reason))
    assert reverified(ground)[0] == code


def test_a_registered_url_that_was_wrong_is_set_right_by_the_configuration(tmp_path: Path) -> None:
    """The URL is our word, not the sender's: it is wrong as often as a key is."""
    square = next(signer for signer in EVERY if signer.name == "square")
    ground = Ground(tmp_path)
    lines = [f"public_url = {json.dumps(square.url)}"]
    ground.source("shop", "square", {"k1": square.shown(square.old)}, *lines)
    sent = square.sample(NOW_MS // 1000)
    came = replace(
        refused(sent.body),
        query=sent.url.partition("?")[2].encode(),
        headers=tuple(sent.headers),
        url="https://wrong.example/hook",
    )
    ground.keep(kept(came, provider="square"))
    assert reverified(ground)[0] == 0


@pytest.mark.parametrize(
    ("setting", "reason", "fate"),
    [
        ({"client_names": ["psp.example"]}, "client_certificate", Fate.REFUSED),
        ({"client_names": ["psp.example"]}, "no_matching_signature", Fate.PUBLISHED),
        ({}, "client_certificate", Fate.PUBLISHED),
        ({"allow_published": True}, "address_not_allowed", Fate.REFUSED),
        ({"allow_published": True}, "no_matching_signature", Fate.PUBLISHED),
    ],
)
def test_what_only_the_receipt_could_know_needs_the_operators_word(
    tmp_path: Path, setting: dict[str, object], reason: str, fate: Fate
) -> None:
    """The certificate is gone, and the list of that day: the configuration alone lifts it."""
    ground = Ground(tmp_path)
    ground.source("shop", "btcpay", {"k1": OLD_SECRET})
    source = build_sources(ground.read())["shop"]
    source = replace(source, setting=source.setting.model_copy(update=setting))
    record = kept(SETTLED, reason=reason)
    assert judge(record, SETTLED, source, None, LATER_MS).fate is fate
