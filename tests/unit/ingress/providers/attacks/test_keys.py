"""Keys that rotate, are missing, or are named by the delivery: attacks 17, 25, 26, 28 and 29."""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.fetching import plan
from ingress.keyring import Secret
from ingress.keysources.declaration import Declaration, Kind
from ingress.schemes.parts import public_keys
from ingress.schemes.parts.keys import Key
from tests.support.attacks import (
    NOW_S,
    UNREADABLE,
    against,
    in_header,
    is_token,
    outgoing,
    profile,
    proves,
    received,
    refusal,
    ring,
    sample,
    signs,
    verify,
)
from tests.support.signers import Sent, Signer, wire
from tests.support.signers.shape import swap


def _names_key(signer: Signer) -> bool:
    return bool(signer.kid(signer.old))


def _by_certificate(signer: Signer) -> bool:
    source = profile(signer).declaration.key_source
    return source is not None and source.kind == "certificate"


@against(proves, profiles=84)
def test_during_a_rotation_either_key_verifies_and_the_match_is_told(signer: Signer) -> None:
    """Attack 29: both live keys are good in either order, and one knows which was used."""
    for order in ((signer.old, signer.new), (signer.new, signer.old)):
        for index, key in enumerate(order):
            delivery = received(signer, signer.sample(NOW_S, key))
            assert verify(signer, delivery, *order) == index


@against(proves, profiles=84)
def test_a_key_taken_out_verifies_no_more(signer: Signer) -> None:
    """Attack 29: the rotation ends when the old key leaves the ring."""
    expected = Reason.KEY_UNKNOWN if _names_key(signer) else Reason.SIGNATURE_MISMATCH
    assert refusal(signer, received(signer, sample(signer)), signer.new) is expected


@against(proves, profiles=84)
def test_without_a_key_nothing_verifies(signer: Signer) -> None:
    """Attack 29: an empty ring must fail closed, and name our own mistake."""
    delivery = received(signer, sample(signer))
    with pytest.raises(Rejected) as refused:
        profile(signer).verify(delivery, [])
    assert refused.value.reason is Reason.KEY_MISSING


@against(proves, profiles=84)
def test_an_empty_secret_is_no_key(signer: Signer) -> None:
    """Some providers let a secret be empty; then anybody can sign."""
    with pytest.raises(ValueError) as refused:
        profile(signer).key(b"")
    assert str(refused.value)


@against(lambda signer: signer.old != signer.shown(signer.old), profiles=16)
def test_a_private_key_is_not_taken_for_the_public_one(signer: Signer) -> None:
    """A merchant who pastes the wrong half must hear so, without hearing it repeated."""
    with pytest.raises(ValueError) as refused:
        profile(signer).key(signer.old)
    assert signer.old[40:80].decode() not in str(refused.value)


def _source(signer: Signer) -> Declaration:
    """Return where the keys of a profile come from, as a gateway would fetch them."""
    return plan(profile(signer).declaration, Secret(b"credential")).declaration


# -- keys that the delivery names --------------------------------------------------------------


@against(_names_key, profiles=4)
def test_a_name_of_no_key_is_unknown(signer: Signer) -> None:
    """Attack 26: told apart from a wrong signature, so that the key may be fetched."""
    kid = signer.kid(signer.new)
    delivery = received(signer, signer.signs(outgoing(signer, kid=kid)))
    assert refusal(signer, delivery) is Reason.KEY_UNKNOWN
    assert profile(signer).kid(delivery) == kid


@against(_names_key, profiles=4)
def test_a_key_is_asked_only_under_its_own_name(signer: Signer) -> None:
    """A signature of the old key under the new one's name is of neither."""
    delivery = received(signer, signer.signs(outgoing(signer, kid=signer.kid(signer.new))))
    assert refusal(signer, delivery, signer.old, signer.new) is Reason.SIGNATURE_MISMATCH


@against(_names_key, profiles=4)
@pytest.mark.parametrize(
    "kid",
    [
        "../../../etc/passwd",
        "..%2f..%2fadmin",
        "a/../b",
        "x?y=z",
        "x#y",
        "x y",
        "\\..\\x",
        "https://evil.example/key",
        "{credential}",
        'x","key_id":"y',
        "a" * 10_000,
        "\x00",
        "\r\nX-Evil: 1",
        "caf\u00e9",
    ],
)
def test_a_name_that_could_lead_elsewhere_is_never_fetched(signer: Signer, kid: str) -> None:
    """Attack 26: the name becomes a part of a URL or of a question; a stranger chooses it."""
    delivery = received(signer, signer.signs(outgoing(signer, kid=kid)))
    assert refusal(signer, delivery) in UNREADABLE | {Reason.KEY_UNKNOWN}
    source, wished = _source(signer), profile(signer).kid(delivery)
    if source.kind is Kind.BY_ID:
        assert wished is None or not source.admits(wished)
    else:
        # A set is fetched whole: the name is no part of the question.
        assert source.request(kid, None) == source.request("", None)


@against(_names_key, profiles=4)
def test_an_empty_name_chooses_no_key(signer: Signer) -> None:
    """A delivery that names no key is judged by those held, and makes nobody fetch one."""
    delivery = received(signer, signer.signs(outgoing(signer, kid="")))
    assert not profile(signer).kid(delivery)


EVIL_URLS = {
    "http": lambda url: url.replace("https:", "http:"),
    "other host": lambda url: re.sub("//[^/]+", "//evil.example", url),
    "host in front": lambda url: re.sub("//([^/]+)", r"//\1.evil.example", url),
    "host behind": lambda url: re.sub("//([^/]+)", r"//evil\1", url),
    "bucket": lambda url: re.sub("//[^/]+", "//sns.amazonaws.com.s3.amazonaws.com", url),
    "user": lambda url: url.replace("//", "//x@"),
    "user and host": lambda url: re.sub("//([^/]+)", r"//\1@evil.example", url),
    "port": lambda url: re.sub("//([^/]+)", r"//\1:8443", url),
    "query": lambda url: url + "?x=1",
    "fragment": lambda url: url + "#x",
    "up": lambda url: re.sub("//([^/]+)/", r"//\1/../", url),
    "escaped": lambda url: re.sub("//([^/]+)/", r"//\1/%2e%2e/", url),
    "IPv4": lambda url: re.sub("//[^/]+", "//169.254.169.254", url),
    "IPv6": lambda url: re.sub("//[^/]+", "//[::1]", url),
    "decimal": lambda url: re.sub("//[^/]+", "//2130706433", url),
    "upper case": lambda url: re.sub("//[^/]+", lambda m: m[0].upper(), url),
    "final dot": lambda url: re.sub("//([^/]+)", r"//\1.", url),
    "backslash": lambda url: re.sub("//([^/]+)", r"//evil.example\\@\1", url),
    "line end": lambda url: url + "\n",
    "full width": lambda url: url.replace(".com", "\uff0ecom"),
    "file": lambda _: "file:///etc/passwd",
    "no path": lambda url: re.sub("(//[^/]+).*", r"\1", url),
    "other path": lambda url: re.sub("(//[^/]+).*", r"\1/evil.pem", url),
}


def _certificate_url(signer: Signer) -> str:
    named = profile(signer).kid(received(signer, sample(signer)))
    assert named is not None
    return named


def _naming(signer: Signer, old: str, new: str) -> Sent:
    """Name another certificate under the same signature; its URL is not among what is signed."""
    sent = sample(signer)
    if in_header(signer):
        headers = tuple(
            (name, new.encode() if value == old.encode() else value) for name, value in sent.headers
        )
        return replace(sent, headers=headers)
    quoted = json.dumps(new)[1:-1].encode()
    return replace(sent, body=swap(old.encode(), quoted)(sent.body))


@against(_by_certificate, profiles=2)
@pytest.mark.parametrize("evil", EVIL_URLS.values(), ids=EVIL_URLS.keys())
def test_a_certificate_is_asked_for_nowhere_else(
    signer: Signer, evil: Callable[[str], str]
) -> None:
    """Attack 25: whoever can reach the edge names any URL; nothing is fetched, nothing believed."""
    places = _source(signer).places
    good = _certificate_url(signer)
    assert places.admit(good)
    bad = evil(good)
    assert bad != good
    delivery = received(signer, _naming(signer, good, bad))
    # As a merchant holds it: the certificate that was fetched from the right place, by its name.
    key = Key(ring(signer)[0].material, good)
    with pytest.raises(Rejected) as refused:
        profile(signer).verify(delivery, [key])
    assert refused.value.reason in UNREADABLE | {Reason.KEY_UNKNOWN, Reason.CERTIFICATE_UNTRUSTED}
    wished = profile(signer).kid(delivery)
    if wished is not None:
        with pytest.raises(ValueError):
            places.admit(wished)


@against(_by_certificate, profiles=2)
def test_the_certificate_that_was_fetched_verifies(signer: Signer) -> None:
    """The same with the right URL: otherwise the attacks above would prove nothing."""
    key = Key(ring(signer)[0].material, _certificate_url(signer))
    assert profile(signer).verify(received(signer, sample(signer)), [key]) == 0


# -- what is cheap comes first, and a guess costs the same as a hit -----------------------------


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count every HMAC, comparison and public-key operation."""
    counted: list[str] = []

    def count(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def counting(*arguments: Any) -> Any:
            counted.append(name)
            return real(*arguments)

        monkeypatch.setattr(owner, name, counting)

    count(hmac, "digest")
    count(hmac, "compare_digest")
    count(public_keys, "check")
    return counted


def _quietly(signer: Signer, delivery: Delivery, keys: list[Key]) -> None:
    with pytest.raises(Rejected):
        profile(signer).verify(delivery, keys)


@against(signs, profiles=75)
def test_what_is_malformed_costs_no_mathematics(signer: Signer, costly: list[str]) -> None:
    """Attack 28: a flood of junk must not buy RSA operations with a few bytes each."""
    for text in (b"", b"!", b"\xff" * 64):
        delivery = received(signer, wire.respelt(signer, sample(signer), lambda _, t=text: t))
        keys = ring(signer)
        costly.clear()
        _quietly(signer, delivery, keys)
        # Comparing a digest of the body, which needs no key, is all that may have happened.
        assert set(costly) <= {"compare_digest"}


@against(in_header, profiles=73)
def test_what_can_be_seen_in_the_head_is_refused_before_the_body(signer: Signer) -> None:
    """Attack 28: a missing or doubled header costs no body, and no mathematics."""
    sent = sample(signer)
    found = profile(signer)
    found.precheck(sent.headers)
    with pytest.raises(Rejected):
        found.precheck(wire.without_signature(signer, sent).headers)
    with pytest.raises(Rejected):
        found.precheck(())


@against(proves, profiles=84)
def test_every_key_is_tried_whichever_matches(signer: Signer, costly: list[str]) -> None:
    """Attack 17: the time taken must not tell which key matched, or that one did."""
    keys = [Key(key.material) for key in ring(signer, signer.old, signer.new)]
    good = received(signer, sample(signer))
    bad = received(signer, wire.respelt(signer, sample(signer), _other(signer)))
    spent = []
    for delivery, order in ((good, keys), (good, keys[::-1]), (bad, keys)):
        costly.clear()
        spent.append(_proofs(signer, delivery, order, costly))
    assert spent[0] >= 2
    assert spent[0] == spent[1] == spent[2]


def _proofs(signer: Signer, delivery: Delivery, keys: list[Key], costly: list[str]) -> int:
    """Verify, and count how often a key was used; of a token, how often it was compared."""
    try:
        profile(signer).verify(delivery, keys)
    except Rejected as rejected:
        if rejected.reason is not Reason.SIGNATURE_MISMATCH:
            raise
    used = [name for name in costly if name != "compare_digest"]
    return len(used) or len(costly)


def _other(signer: Signer) -> Callable[[bytes], bytes]:
    """Make a well-formed signature of somebody else."""
    third = wire.signature(signer, signer.sample(NOW_S + 77))
    if is_token(signer):
        return lambda text: text[::-1]
    covered = signer.covered
    if third != wire.signature(signer, sample(signer)) and not signer.place.startswith("json"):
        return lambda _: third
    body = signer.body if covered is None else signer.body.replace(b"1", b"2")
    return lambda _: wire.signature(signer, signer.send(signer.old, body, NOW_S))
