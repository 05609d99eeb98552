"""What profiles of crypto rails promise beyond a signature: whose account, which URL, what age."""

import hmac
from dataclasses import replace

import pytest

from ingress.contract.envelope import Assurance
from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile, load
from ingress.schemes.parts.keys import Key
from tests.support.signers.crypto_mac import CRYPTO_MAC
from tests.support.signers.crypto_public_key import CRYPTO_PUBLIC_KEY
from tests.support.signers.shape import Signer

AT_S = 1_760_000_000
SIGNERS: dict[str, Signer] = {one.name: one for one in (*CRYPTO_MAC, *CRYPTO_PUBLIC_KEY)}


def _sent(name: str, at_s: int = AT_S) -> Delivery:
    signer = SIGNERS[name]
    sent = signer.sample(at_s)
    query = sent.url.partition("?")[2].encode()
    return Delivery("shop", sent.method, query, sent.headers, sent.body, AT_S * 1000, signer.url)


def _keys(profile: Profile, name: str) -> list[Key]:
    signer = SIGNERS[name]
    return [profile.key(signer.shown(signer.old))]


def _refusal(profile: Profile, delivery: Delivery, keys: list[Key]) -> Reason:
    with pytest.raises(Rejected) as refused:
        profile.verify(delivery, keys)
    return refused.value.reason


@pytest.mark.parametrize(
    ("provider", "parameter", "mine"),
    [
        ("coinpayments_ipn", "merchant_id", "606a89bb575311b"),
        ("coinpayments", "client_id", "cc7caaa431d54ad6accfd28b20170ee4"),
    ],
)
def test_a_delivery_for_another_account_is_refused(
    provider: str, parameter: str, mine: str
) -> None:
    """Attack 13: one secret may serve several accounts; with the id given, only ours is heard."""
    sent = _sent(provider)
    for value, reason in ((mine, None), ("", None), ("another", Reason.CLAIM_MISMATCH)):
        profile = load(provider, {parameter: value})
        keys = _keys(profile, provider)
        if reason is None:
            assert profile.verify(sent, keys) == 0
        else:
            assert _refusal(profile, sent, keys) is reason


def test_a_signed_get_is_no_licence_to_post() -> None:
    """Who saw CryptAPI call by GET could otherwise POST any body to the same URL."""
    profile = load("cryptapi")
    called = _sent("cryptapi calling by GET")
    keys = _keys(profile, "cryptapi")
    assert profile.verify(called, keys) == 0
    posted = replace(called, method="POST", body=b"uuid=mine&value_coin=1000")
    assert _refusal(profile, posted, keys) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("name", ["coinpayments", "cryptapi calling by GET", "zeroxpay"])
def test_where_the_url_is_signed_it_is_the_registered_one(name: str) -> None:
    """A delivery captured at another endpoint of the merchant does not verify at this one."""
    signer = SIGNERS[name]
    profile = load(signer.provider)
    assert profile.signs_url
    moved = replace(_sent(name), url="https://hooks.example/other?tenant=7")
    assert _refusal(profile, moved, _keys(profile, name)) is Reason.SIGNATURE_MISMATCH


def test_0xpay_may_sign_the_path_or_the_whole_url_and_nothing_between() -> None:
    """Its document leaves open which; a message of the one is never one of the other."""
    profile = load("zeroxpay")
    secret, stamp, body = b"0xpay-secret", b"1795000000", b'{"id":"1"}'
    sent = Delivery("shop", "POST", b"", (), body, 0, url="https://hooks.example/a/b")
    for called, holds in (
        (b"/a/b", True),
        (b"https://hooks.example/a/b", True),
        (b"hooks.example/a/b", False),
        (b"https://hooks.example/a", False),
        (b"/b", False),
    ):
        signature = hmac.digest(secret, b"POST" + called + body + stamp, "sha256").hex().encode()
        delivery = replace(sent, headers=((b"signature", signature), (b"timestamp", stamp)))
        keys = [profile.key(secret)]
        if holds:
            assert profile.verify(delivery, keys) == 0
        else:
            assert _refusal(profile, delivery, keys) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("name", ["coinpayments", "quicknode", "moonpay", "zeroxpay"])
def test_an_undocumented_tolerance_is_the_merchants_to_choose(name: str) -> None:
    """Without one a timestamp is signed and no age judged; with one the assurance is better."""
    old = _sent(name, AT_S - 301)
    free, strict = load(name), load(name, {"window_s": 300})
    keys = _keys(free, name)
    assert (free.assurance, strict.assurance) == (Assurance.B, Assurance.A)
    assert free.verify(old, keys) == 0
    assert strict.verify(_sent(name), keys) == 0
    assert _refusal(strict, old, keys) is Reason.TIMESTAMP_STALE


@pytest.mark.parametrize(
    ("provider", "refusal", "stale"),
    [
        ("btcpay", 503, 503),
        ("coingate", 503, 503),
        ("fireblocks_v1", 503, 503),
        ("fireblocks_v2", 503, 503),
        ("bitpay", 503, 503),
        ("bridge", 401, 400),
        ("coinbase_cdp", 401, 401),
    ],
)
def test_a_refusal_loses_no_money(provider: str, refusal: int, stale: int) -> None:
    """Some never come back after a 4xx, and the wrong key may be ours; Bridge signs anew."""
    profile = load(provider)
    assert (profile.refusal_status, profile.stale_status) == (refusal, stale)


@pytest.mark.parametrize(
    ("provider", "coverage", "assurance"),
    [
        ("opennode", "partial", Assurance.D),
        ("coingate", "none", Assurance.D),
        ("blockonomics", "none", Assurance.D),
        ("helius", "none", Assurance.D),
        ("bitpay", "none", Assurance.E),
        ("transak", "partial", Assurance.C),
        ("nowpayments", "full", Assurance.C),
        ("ramp", "full", Assurance.C),
        ("cryptomus", "full", Assurance.C),
        ("plisio", "full", Assurance.C),
    ],
)
def test_no_profile_claims_more_than_its_signature_proves(
    provider: str, coverage: str, assurance: Assurance
) -> None:
    """Whether money may move on an event is decided by these two words."""
    profile = load(provider)
    assert (profile.coverage, profile.assurance) == (coverage, assurance)


@pytest.mark.parametrize(
    ("parameters", "url"),
    [
        ({}, "https://keys.fireblocks.io/.well-known/jwks.json"),
        (
            {"host": "eu2-keys.fireblocks.io"},
            "https://eu2-keys.fireblocks.io/.well-known/jwks.json",
        ),
    ],
)
def test_fireblocks_keys_come_from_the_workspaces_environment(
    parameters: dict[str, str], url: str
) -> None:
    """A sandbox key must never verify what moves real money."""
    source = load("fireblocks_v2", parameters).declaration.key_source
    assert source is not None
    assert source.url == url
    with pytest.raises(ValueError, match="must be one of"):
        load("fireblocks_v2", {"host": "keys.fireblocks.io.evil.example"})


def test_circles_keys_are_named_and_may_be_files() -> None:
    """A key with the provider's name is only asked where it is named; one without fits any."""
    profile = load("circle_v2")
    sent = _sent("circle_v2")
    (key,) = _keys(profile, "circle_v2")
    assert profile.verify(sent, [key]) == 0
    other = Key(key.material, "00000000-0000-4000-8000-000000000000")
    assert _refusal(profile, sent, [other]) is Reason.KEY_UNKNOWN
    sent = replace(sent, headers=(*sent.headers[:1], (b"x-circle-key-id", b"../../v1")))
    assert _refusal(profile, sent, [key]) is Reason.HEADER_MALFORMED
