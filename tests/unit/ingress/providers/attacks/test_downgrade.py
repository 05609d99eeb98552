"""Weaker proofs beside the strong one, or in its place; tokens that choose for themselves: 2."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ingress.delivery import Reason
from ingress.providers import names
from tests.support.attacks import (
    BY_NAME,
    NOW_S,
    OUTDATED,
    UNREADABLE,
    against,
    received,
    refusal,
    refused_for,
    sample,
    signs,
    verify,
)
from tests.support.signers import Sent, Signer, wire
from tests.support.signers.standard import OLD
from tests.support.turns import in_turn

MISMATCH = {Reason.SIGNATURE_MISMATCH}
MISSING = {Reason.HEADER_MISSING}


def _hex(digest: bytes) -> bytes:
    return digest.hex().encode()


def _wrong(signer: Signer) -> bytes:
    """Make a well-formed signature that is another key's."""
    return wire.signature(signer, signer.sample(NOW_S, signer.new))


# -- providers that still send the older signature beside the newer ------------------------------

BESIDE = {
    "github": b"x-hub-signature",
    "meta": b"x-hub-signature",
    "square": b"x-square-signature",
}

both = pytest.mark.parametrize(("name", "older"), BESIDE.items(), ids=BESIDE.keys())


@both
def test_the_older_signature_alone_is_nothing(name: str, older: bytes) -> None:
    """SHA-1 was replaced for a reason; who strips the newer header must not bring it back."""
    signer = BY_NAME[name]
    stripped = wire.without_signature(signer, sample(signer))
    assert dict(stripped.headers)[older]
    refused_for(signer, stripped, MISSING)


@both
def test_the_older_signature_does_not_excuse_a_wrong_newer_one(name: str, older: bytes) -> None:
    """A verifier that tries one after the other is as weak as the weaker."""
    signer = BY_NAME[name]
    wrong = _wrong(signer)
    forged = wire.respelt(signer, sample(signer), lambda _: wrong)
    assert dict(forged.headers)[older]
    refused_for(signer, forged, MISMATCH)


@both
def test_the_older_signature_in_the_newer_place_is_nothing(name: str, older: bytes) -> None:
    """A digest of another length, or under another prefix, is of another scheme."""
    signer = BY_NAME[name]
    good = sample(signer)
    text = dict(good.headers)[older]
    refused_for(signer, wire.with_header(good, signer.header, lambda _: text), UNREADABLE)


@both
def test_a_wrong_older_signature_changes_nothing(name: str, older: bytes) -> None:
    """It is never looked at, in either direction."""
    signer = BY_NAME[name]
    assert (
        verify(signer, received(signer, wire.with_header(sample(signer), older, bytes.upper))) == 0
    )


@pytest.mark.parametrize("name", sorted(OUTDATED))
def test_what_a_provider_has_given_up_is_refused(name: str) -> None:
    """Rightly signed, with an algorithm that the delivery itself names: it could name any."""
    signer = BY_NAME[name]
    assert refusal(signer, received(signer, sample(signer))) is Reason.VERSION_UNSUPPORTED


@pytest.mark.parametrize(
    "text", [b"SHA1withRSA", b"", b"sha256withrsa", b"none", b"SHA256withRSA,SHA1withRSA"]
)
def test_paypals_algorithm_is_compared_whole(text: bytes) -> None:
    """The header tells which algorithm; we accept one, and no text that merely contains it."""
    signer = BY_NAME["paypal"]
    forged = wire.with_header(sample(signer), b"paypal-auth-algo", lambda _: text)
    refused_for(signer, forged, {Reason.VERSION_UNSUPPORTED})


def _cdp(change: Callable[[bytes], bytes]) -> Sent:
    signer = BY_NAME["coinbase_cdp"]
    return wire.with_header(sample(signer), signer.header, change)


@pytest.mark.parametrize(
    "v1",
    [b"v1=" + b"0" * 64, b"v1=", b"v1=junk", b"v1=" + b"0" * 40],
    ids=["0", "empty", "junk", "sha1"],
)
def test_a_wrong_v1_is_not_excused_by_a_good_v0(v1: bytes) -> None:
    """Coinbase's v0 covers no header: beside a v1, it is never looked at."""
    forged = _cdp(lambda whole: whole[: whole.rindex(b"v1=")] + v1)
    assert b"v0=" in dict(forged.headers)[b"x-hook0-signature"]
    refused_for(BY_NAME["coinbase_cdp"], forged, MISMATCH | UNREADABLE)


def test_a_header_that_v1_covers_cannot_be_changed_beside_v0() -> None:
    """The event's id is one of them."""
    signer = BY_NAME["coinbase_cdp"]
    forged = wire.with_header(sample(signer), b"x-event-id", lambda _: b"evt-other")
    refused_for(signer, forged, MISMATCH)


def test_a_v1_that_covers_fewer_headers_is_another_signature() -> None:
    """The list of covered headers is signed too."""
    forged = _cdp(lambda whole: whole.replace(b"h=x-event-id x-event-type", b"h=x-event-id"))
    refused_for(BY_NAME["coinbase_cdp"], forged, MISMATCH)


@pytest.mark.parametrize("version", [b"v0", b"v2", b"V1", b"v1 ", b"v", b""])
def test_stripes_test_version_is_no_signature(version: bytes) -> None:
    """Stripe's own documents say: ignore all schemes that are not v1."""
    signer = BY_NAME["stripe"]
    forged = wire.with_header(
        sample(signer), signer.header, lambda whole: whole.replace(b"v1=", version + b"=")
    )
    refused_for(signer, forged, {Reason.VERSION_UNSUPPORTED})


def _renamed(signer: Signer, label: bytes) -> Sent:
    """Put the right signature under the name of another version or algorithm."""
    good = sample(signer)
    return wire.with_header(
        good, signer.header, lambda whole: label.join(whole.rsplit(signer.prefix, 1))
    )


def _labelled(signer: Signer) -> bool:
    named = signer.place.startswith("header:") and signs(signer) and len(signer.prefix) > 2
    # Coinbase's v1 under another name leaves its v0, which is good where there is no v1.
    return named and signer.provider != "coinbase_cdp"


@against(_labelled, profiles=21)
@in_turn("label", [b"", b"md5=", b"v9=", b"v9,", b"none=", b"SHA-256=", b"sha256:"])
def test_the_right_digest_under_another_name_is_refused(signer: Signer, label: bytes) -> None:
    """Attack 2: the algorithm comes from the configuration, never from the message."""
    refused_for(signer, _renamed(signer, label), UNREADABLE)


@against(lambda signer: signer.prefix == b"sha256=", profiles=6)
@in_turn("label", [b"sha1=", b"SHA256=", b"sha512=", b"sha256"])
def test_the_name_of_the_hash_is_compared_letter_for_letter(signer: Signer, label: bytes) -> None:
    """Attack 2: the right digest of SHA-256, called something else."""
    refused_for(signer, _renamed(signer, label), UNREADABLE)


SETTINGS = b"x-twilio-webhooks-signature-settings"


def _twilio(name: str, settings: bytes | None) -> Sent:
    good = sample(BY_NAME[name])
    headers = tuple(one for one in good.headers if one[0] != SETTINGS)
    more = () if settings is None else ((SETTINGS, settings),)
    return replace(good, headers=headers + more)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("twilio", b"key=x,algorithm=HMAC_SHA256"),
        ("twilio", b"algorithm=HMAC_SHA512"),
        ("twilio", b"algorithm=none"),
        ("twilio", b""),
        ("twilio sending JSON", b"key=x,algorithm=HMAC_SHA256"),
        ("twilio with a shared key", None),
        ("twilio with a shared key", b"algorithm=HMAC_SHA1"),
        ("twilio with a shared key", b"algorithm=HMAC_MD5"),
    ],
)
def test_twilios_settings_choose_one_algorithm_and_no_other(
    name: str, settings: bytes | None
) -> None:
    """A signature of SHA-1 where SHA-256 is announced is a downgrade; so is the reverse a lie."""
    reasons = UNREADABLE | MISMATCH | MISSING
    refused_for(BY_NAME[name], _twilio(name, settings), reasons)


def test_gitlabs_token_is_nothing_where_gitlab_signs() -> None:
    """Both headers come together; the token covers nothing, and is known to every old log."""
    signer = BY_NAME["standard_webhooks_gitlab"]
    bare = wire.without_signature(signer, sample(signer))
    with_token = replace(bare, headers=(*bare.headers, (b"x-gitlab-token", OLD)))
    refused_for(signer, with_token, MISSING)
    wrong = wire.respelt(signer, sample(signer), lambda _: _wrong(signer))
    refused_for(
        signer, replace(wrong, headers=(*wrong.headers, (b"x-gitlab-token", OLD))), MISMATCH
    )


HUBSPOT = ("hubspot_v1", "hubspot_v2", "hubspot_v3")


@pytest.mark.parametrize("configured", HUBSPOT)
@pytest.mark.parametrize("offered", HUBSPOT)
def test_a_version_of_hubspot_is_good_for_itself_alone(configured: str, offered: str) -> None:
    """The version that the delivery names is not believed: v1 has neither URL nor time."""
    signer, good = BY_NAME[configured], sample(BY_NAME[offered])
    delivery = received(signer, good)
    if configured == offered:
        assert verify(signer, delivery) == 0
        return
    assert refusal(signer, delivery) in UNREADABLE | MISSING
    version = b"x-hubspot-signature-version"
    relabelled = wire.with_header(good, version, lambda _: configured[-2:].encode())
    reasons = UNREADABLE | MISSING | MISMATCH | {Reason.TIMESTAMP_MISSING}
    refused_for(signer, relabelled, reasons)


@pytest.mark.parametrize("version", [b"1", b"3", b"", b"2 ", b"02", b"true"])
def test_the_version_of_sns_chooses_one_hash(version: bytes) -> None:
    """The signature of version 2 under the name of version 1 is no signature of version 1."""
    signer = BY_NAME["aws_sns"]
    good = sample(signer)
    body = good.body.replace(b'"SignatureVersion": "2"', b'"SignatureVersion": "%s"' % version)
    assert body != good.body
    refused_for(signer, replace(good, body=body), MISMATCH | {Reason.VERSION_UNSUPPORTED})


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("standard_webhooks")])
@pytest.mark.parametrize("version", [b"v1", b"v1a", b"v2", b"", b"V1", b"v01"])
def test_a_version_of_the_standard_is_good_for_itself_alone(name: str, version: bytes) -> None:
    """Symmetric and asymmetric signatures share a header; neither may be taken for the other."""
    signer = BY_NAME[name]
    own = signer.prefix == version + b","
    forged = _renamed(signer, version + b",")
    if own:
        assert verify(signer, received(signer, forged)) == 0
    else:
        refused_for(signer, forged, {Reason.VERSION_UNSUPPORTED})
