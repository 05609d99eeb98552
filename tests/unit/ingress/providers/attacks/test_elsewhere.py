"""Good deliveries offered elsewhere: to another provider, URL or method: attacks 13 and 30."""

from dataclasses import replace

import pytest

from ingress.delivery import Reason, Rejected
from tests.support.attacks import (
    NOW_S,
    SENDERS,
    against,
    outgoing,
    profile,
    proves,
    received,
    refusal,
    refused_for,
    sample,
    signs,
    verify,
)
from tests.support.signers import Sent, Signer, wire
from tests.support.turns import in_turn


def _places(signer: Signer, sent: Sent) -> bytes | None:
    """Return what stands where a provider looks for its signature, if anything does."""
    try:
        return wire.signature(signer, sent)
    except (KeyError, ValueError, AssertionError, IndexError, TypeError):
        return None


def _would_send(target: Signer, sent: Sent, key: bytes, url: str) -> bytes | None:
    """Return the signature that another provider would put on this body with the same key."""
    try:
        out = outgoing(target, key=key, body=sent.body, url=url, kid="")
        return _places(target, target.signs(out))
    except (KeyError, ValueError, AssertionError, IndexError, TypeError):
        return None


@against(proves, profiles=84)
def test_a_delivery_of_another_provider_is_refused_under_the_same_key(signer: Signer) -> None:
    """Attack 13: a merchant who uses one secret twice must not be open to the weaker provider.

    Where two providers sign alike, letter for letter, a delivery is good for both: this is what
    their senders say, and the profiles must say neither more nor less.
    """
    for other in SENDERS:
        if other.provider == signer.provider or not proves(other):
            continue
        try:
            key = profile(signer).key(other.shown(other.old))
        except ValueError:
            continue  # of another kind: it cannot even be configured
        sent = other.sample(NOW_S)
        stands = _places(signer, sent)
        alike = stands is not None and stands == _would_send(signer, sent, other.old, other.url)
        delivery = received(signer, sent, url=other.url)
        try:
            profile(signer).verify(delivery, [key])
        except Rejected:
            assert not alike, f"{signer} refuses what {other} signs the same way"
        else:
            assert alike, f"{signer} accepts what {other} signed"


URLS = {
    "path": ("/payments", "/Payments"),
    "slash": ("?", "/?"),
    "host": ("hooks.", "h00ks."),
    "scheme": ("https:", "http:"),
    "port": ("hooks.example", "hooks.example:8443"),
    "query": ("tenant=7", "tenant=8"),
}


def _signs_url(signer: Signer) -> bool:
    return "tenant=7" in signer.url and profile(signer).signs_url


@against(_signs_url, profiles=7)
@pytest.mark.parametrize("part", URLS)
def test_a_delivery_to_another_url_is_refused_where_the_url_is_signed(
    signer: Signer, part: str
) -> None:
    """Attack 13: one secret, two endpoints. What part of the URL is signed, the sender says."""
    old, new = URLS[part]
    elsewhere = signer.url.replace(old, new)
    assert elsewhere != signer.url
    good = sample(signer)
    moved = replace(good, url=good.url.replace(old, new))
    delivery = received(signer, moved, url=elsewhere)
    there = _places(signer, signer.signs(outgoing(signer, url=elsewhere)))
    is_signed = there != wire.signature(signer, good)
    if is_signed and not (part == "port" and signer.provider == "twilio"):
        assert refusal(signer, delivery) is Reason.SIGNATURE_MISMATCH
    else:
        # 0xPay signs the path alone, CryptAPI no URL of a POST; Twilio leaves the port open.
        assert verify(signer, delivery) == 0


@against(_signs_url, profiles=7)
def test_no_message_of_a_profile_leaves_the_url_out(signer: Signer) -> None:
    """Attack 13: of several messages any may be signed, so the weakest of them counts."""
    for declared in profile(signer).declaration.signature:
        for template in getattr(declared, "message", ("",)):
            assert any(part in template for part in ("{url", "{path}", "{body_or_url}"))


@against(lambda signer: signs(signer) and not profile(signer).signs_url, profiles=68)
def test_where_the_url_is_not_signed_the_host_header_changes_nothing(signer: Signer) -> None:
    """No verdict may depend on Host, which whoever sends a request may choose."""
    delivery = received(signer, sample(signer))
    headers = tuple((n, b"evil.example" if n == b"host" else v) for n, v in delivery.headers)
    assert verify(signer, replace(delivery, headers=headers)) == 0


@against(_signs_url, profiles=7)
def test_the_url_is_the_registered_one_and_never_the_requests(signer: Signer) -> None:
    """Attack 13: Host and X-Forwarded-* are an attacker's to choose."""
    delivery = received(signer, sample(signer))
    more = ((b"x-forwarded-host", b"evil.example"), (b"x-forwarded-proto", b"http"))
    headers = tuple(one for one in delivery.headers if one[0] != b"host")
    forwarded = ((b"host", b"evil.example"), *headers, *more)
    assert verify(signer, replace(delivery, headers=forwarded)) == 0


@pytest.mark.parametrize("signer", SENDERS, ids=str)
def test_a_profile_takes_the_methods_of_its_provider(signer: Signer) -> None:
    """Attack 30: the provider's own method is taken, and no exotic one ever."""
    assert signer.method in profile(signer).methods
    assert set(profile(signer).methods) <= {"GET", "POST"}


@against(lambda signer: signs(signer) and len(profile(signer).methods) > 1, profiles=5)
def test_another_method_is_not_covered_by_the_signature(signer: Signer) -> None:
    """Attack 30: of a GET the query is the event, of a POST the body; a GET brings no body."""
    good = received(signer, sample(signer))
    other = "POST" if good.method == "GET" else "GET"
    body = b"" if other == "GET" else b'{"status":"paid"}'
    confused = replace(good, method=other, body=body)
    reasons = {Reason.SIGNATURE_MISMATCH, Reason.DIGEST_MISMATCH}
    assert refusal(signer, confused) in reasons


def _signs_method(signer: Signer) -> bool:
    declared = profile(signer).declaration.signature
    return any("{method}" in text for one in declared for text in getattr(one, "message", ()))


@against(_signs_method, profiles=4)
@in_turn("method", ["PUT", "post", "DELETE", "POST "])
def test_a_signed_method_is_compared_letter_for_letter(signer: Signer, method: str) -> None:
    """Attack 30: an override header, or another case, makes another message."""
    delivery = replace(received(signer, sample(signer)), method=method)
    assert refusal(signer, delivery) is Reason.SIGNATURE_MISMATCH


@against(lambda signer: signer.method == "GET" and signs(signer), profiles=2)
@in_turn("change", ["&x=1", "&", "#x", "%00"])
def test_a_query_of_other_bytes_is_refused(signer: Signer, change: str) -> None:
    """Attack 7, where the content is the query."""
    good = sample(signer)
    refused_for(signer, replace(good, url=good.url + change), {Reason.SIGNATURE_MISMATCH})
