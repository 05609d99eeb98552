"""Tokens and the lack of any: what they prove, and what of them may be kept."""

import hmac

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import places
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.view import View
from ingress.schemes.token import Token, redacted
from ingress.schemes.unsigned import Unsigned

PLAIN = Token(places.parse("header:authorization"))
BEARER = Token(places.parse("header:authorization"), b"Bearer ")
IN_QUERY = Token(places.parse("query:secret"))
IN_BODY = Token(places.parse("/token"))
KEYS = [Key(b"old"), Key(b"t\xc3\xb6k"), Key(b"new")]


def _delivery(*headers: tuple[bytes, bytes], query: bytes = b"", body: bytes = b"{}") -> Delivery:
    return Delivery("shop", "POST", query, headers, body, 0)


@pytest.mark.parametrize(
    ("token", "delivery", "index"),
    [
        (PLAIN, _delivery((b"authorization", b"old")), 0),
        (PLAIN, _delivery((b"authorization", b" new ")), 2),
        (BEARER, _delivery((b"authorization", b"Bearer new")), 2),
        (IN_QUERY, _delivery(query=b"a=1&secret=t%C3%B6k"), 1),
        (IN_BODY, _delivery(body=b'{"token":"t\\u00f6k"}'), 1),
    ],
)
def test_the_token_that_was_sent_is_told(token: Token, delivery: Delivery, index: int) -> None:
    """During a rotation either is good, and one knows which was used."""
    token.precheck(delivery.headers)
    assert token.verify(delivery, KEYS) == index


@pytest.mark.parametrize(
    ("token", "delivery", "reason"),
    [
        (PLAIN, _delivery(), Reason.HEADER_MISSING),
        (PLAIN, _delivery((b"authorization", b"")), Reason.HEADER_MALFORMED),
        (PLAIN, _delivery((b"authorization", b"ol")), Reason.SIGNATURE_MISMATCH),
        (PLAIN, _delivery((b"authorization", b"olds")), Reason.SIGNATURE_MISMATCH),
        (PLAIN, _delivery((b"authorization", b"OLD")), Reason.SIGNATURE_MISMATCH),
        (PLAIN, _delivery((b"authorization", b"\xff\xfe")), Reason.SIGNATURE_MISMATCH),
        (
            PLAIN,
            _delivery((b"authorization", b"old"), (b"authorization", b"old")),
            Reason.HEADER_DUPLICATED,
        ),
        (BEARER, _delivery((b"authorization", b"old")), Reason.HEADER_MALFORMED),
        (BEARER, _delivery((b"authorization", b"bearer old")), Reason.HEADER_MALFORMED),
        (BEARER, _delivery((b"authorization", b"Bearer")), Reason.HEADER_MALFORMED),
        (BEARER, _delivery((b"authorization", b"Bearer  old")), Reason.SIGNATURE_MISMATCH),
        (IN_QUERY, _delivery(query=b"a=1"), Reason.HEADER_MISSING),
        (IN_QUERY, _delivery(query=b"secret="), Reason.HEADER_MALFORMED),
        (IN_QUERY, _delivery(query=b"secret=old&secret=old"), Reason.HEADER_DUPLICATED),
        (IN_BODY, _delivery(body=b'{"token":null}'), Reason.HEADER_MALFORMED),
        (IN_BODY, _delivery(body=b"token=old"), Reason.BODY_MALFORMED),
    ],
)
def test_anything_else_is_refused(token: Token, delivery: Delivery, reason: Reason) -> None:
    """There is one spelling, and it comes once."""
    with pytest.raises(Rejected) as refused:
        token.verify(delivery, KEYS)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((), Reason.HEADER_MISSING),
        (((b"authorization", b"old"),), Reason.HEADER_MALFORMED),
        (((b"authorization", b"Bearer "),), Reason.HEADER_MALFORMED),
    ],
)
def test_a_token_in_a_header_is_looked_for_early(
    headers: tuple[tuple[bytes, bytes], ...], reason: Reason
) -> None:
    """Attack 28; one that stands elsewhere cannot be."""
    with pytest.raises(Rejected) as refused:
        BEARER.precheck(headers)
    assert refused.value.reason is reason
    IN_QUERY.precheck(headers)
    IN_BODY.precheck(headers)


def test_without_a_key_nothing_verifies() -> None:
    """Attack 29: and that is our own mistake."""
    with pytest.raises(Rejected) as refused:
        PLAIN.verify(_delivery((b"authorization", b"old")), [])
    assert refused.value.reason is Reason.KEY_MISSING


@pytest.mark.parametrize("sent", [b"old", b"new", b"neither"])
def test_every_token_is_compared_whichever_was_sent(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack 17: the work done tells nothing about which key is in use."""
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    try:
        PLAIN.verify(_delivery((b"authorization", sent)), KEYS)
    except Rejected:
        assert sent == b"neither"
    assert compared == [key.material for key in KEYS]


def test_a_token_says_nothing_of_a_delivery() -> None:
    """No time, no key's name, no content; and its header is never kept with an event."""
    sent = _delivery((b"authorization", b"old"))
    assert PLAIN.scheme == "token"
    assert PLAIN.signed_headers == ()
    assert PLAIN.claimed_ms(sent) is None
    assert PLAIN.payload(sent) is None
    assert PLAIN.kid(sent) is None
    assert PLAIN.key(b" t ", "kid") == Key(b" t ", "kid")
    with pytest.raises(ValueError, match="empty"):
        PLAIN.key(b"")


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (b"secret=s&addr=1A&status=2", b"addr=1A&status=2"),
        (b"addr=1A&secret=s&status=%202", b"addr=1A&status=%202"),
        (b"addr=1A&%73ecret=s", b"addr=1A"),
        (b"secret=s", b""),
        (b"secret", b""),
        (b"secret=a&x=&secret=b", b"x="),
        (b"secrets=s&x=secret", b"secrets=s&x=secret"),
        (b"a=1&&b", b"a=1&&b"),
        (b"", b""),
    ],
)
def test_a_token_in_the_query_is_taken_out_of_what_is_kept(query: bytes, kept: bytes) -> None:
    """The query of a GET is its content: it is published, and the token would open every door."""
    assert redacted(query, "secret") == kept


def test_a_name_with_a_blank_is_found_in_either_spelling() -> None:
    """A form writes a blank as a plus, and the reader of queries follows it."""
    assert redacted(b"my+key=s&my%20key=s&x=1", "my key") == b"x=1"


def test_what_is_not_signed_is_accepted_and_proves_nothing() -> None:
    """Such a source is off unless hints are accepted; here there is nothing to judge."""
    unsigned = Unsigned()
    sent = _delivery()
    unsigned.precheck(())
    assert unsigned.verify(sent, []) == 0
    view = View(sent)
    assert unsigned.prove(view, unsigned.read(view), []) == 0
    assert unsigned.scheme == "none"
    assert unsigned.signed_headers == ()
    assert unsigned.claimed_ms(sent) is None
    assert unsigned.payload(sent) is None
    assert unsigned.kid(sent) is None
    with pytest.raises(ValueError, match="signs nothing"):
        unsigned.key(b"secret")
