"""The handshake primitive: what it recognises, what it echoes, and what it never does."""

import hashlib
import hmac
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.delivery import Delivery, Reason
from ingress.schemes.handshake import NOSNIFF, Echo, Handshake, Refusal, Reply, is_signing, template
from ingress.schemes.parts import places
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.statement import Condition
from ingress.schemes.parts.view import View

ANY_TEXT = re.compile(r"[ -~]{1,512}")
ANYTHING = re.compile(r"(?s).*")


def _view(
    method: str = "GET",
    query: bytes = b"",
    body: bytes = b"",
    headers: Mapping[bytes, bytes] | None = None,
) -> View:
    return View(Delivery("s", method, query, tuple((headers or {}).items()), body, 0))


def _handshake(body: str = "", **particulars: object) -> Handshake:
    said: dict[str, object] = {
        "method": "GET",
        "when": (),
        "accepts": ANY_TEXT,
        "status": 200,
        "content_type": "text/plain",
        "body": template(body),
    }
    return Handshake(**(said | particulars))


def _when(at: str, **particulars: object) -> tuple[Condition, ...]:
    return (Condition(places.parse(at), **particulars),)


def test_a_template_is_taken_apart_and_its_literals_stay() -> None:
    """JSON's own braces are literals; only the spelt-out parts are replaced."""
    assert template('{"a":"{query:b}","c":{}}') == (
        '{"a":"',
        Echo(places.parse("query:b"), is_signed=False),
        '","c":{}}',
    )
    assert template("{hmac:/a/b}") == (Echo(places.parse("/a/b"), is_signed=True),)
    assert is_signing(template("x{hmac:query:a}")) is True
    assert is_signing(template("x{query:a}")) is False
    assert template("") == ()


@pytest.mark.parametrize("text", ["{qeury:x}", "{body}", "{ query:x}", "{json:/a}", "{hmac}", "{x"])
def test_a_misspelt_part_is_a_mistake_and_not_a_literal(text: str) -> None:
    """Echoed to a provider letter for letter, it would be found out in production."""
    with pytest.raises(ValueError, match="is no part of an answer"):
        template(text)
    with pytest.raises(ValueError, match="no place"):
        template("{query:}")


@pytest.mark.parametrize(
    ("view", "matches"),
    [
        (_view(query=b"a=b"), True),
        (_view(query=b"a=c"), False),
        (_view(query=b"a=b&a=b"), False),
        (_view(query=b""), False),
        (_view(query=b"a=%ff"), False),
        (_view("POST", query=b"a=b"), False),
        (_view("HEAD", query=b"a=b"), False),
    ],
)
def test_it_is_recognised_by_method_and_texts(view: View, matches: bool) -> None:
    """What is recognised is not published: so only what is exactly this."""
    assert _handshake(when=_when("query:a", equals=b"b")).matches(view) is matches


@pytest.mark.parametrize(
    ("body", "matches"),
    [
        (b'{"type":1}', True),
        (b'{"type":1,"event":{"type":"PAID"}}', False),
        (b'{"type":1,"event":null}', False),
        (b'{"type":"1"}', True),
        (b'{"type":1.0}', False),
        (b'{"type":1', False),
        (b"[1]", False),
    ],
)
def test_absent_means_that_there_is_no_such_member_at_all(body: bytes, matches: bool) -> None:
    """An object is no text; taken for absent, an event that carries one would be swallowed."""
    when = (*_when("/type", equals=b"1"), *_when("/event", absent=True))
    ping = _handshake(method="POST", when=when)
    assert ping.matches(_view("POST", body=body)) is matches


@pytest.mark.parametrize(
    ("body", "matches"),
    [(b"{}", True), (b" {}\r\n\t", True), (b"{ }", False), (b"", False), (b"{}{}", False)],
)
def test_a_whole_body_is_compared_whole(body: bytes, matches: bool) -> None:
    """The one thing that lets an unsigned POST pass must not fit a delivery."""
    ping = _handshake(method="POST", request_body=b"{}")
    assert ping.matches(_view("POST", body=body)) is matches


@pytest.mark.parametrize(("size", "matches"), [(16 * 1024, True), (16 * 1024 + 1, False)])
def test_what_is_large_is_a_delivery(size: int, matches: bool) -> None:
    """No provider asks in so many words, and reading JSON for strangers has its price."""
    body = b'{"a":"b"}'.ljust(size)
    ping = _handshake(method="POST", when=_when("/a"))
    assert ping.matches(_view("POST", body=body)) is matches


def test_the_answer_is_what_the_profile_says_and_never_sniffed() -> None:
    """Status, type, headers and body, to the letter."""
    asked = _view(query=b"c=abc", headers={b"x-origin": b"example.com"})
    answer = _handshake(
        "{query:c}", status=202, headers=(("Allowed", template("{header:x-origin}")),)
    ).answer(asked, (), ())
    assert answer == Reply(202, "text/plain", (NOSNIFF, ("Allowed", "example.com")), b"abc")
    assert _handshake("", status=204).answer(asked, (), ()) == Reply(204, "", (NOSNIFF,), b"")


def test_the_first_key_signs_with_the_profiles_hash() -> None:
    """The expected value is computed here, with the standard library's own HMAC."""
    signed = hmac.new(b"first", b"abc", hashlib.sha1).hexdigest()
    handshake = _handshake("pub|{hmac:query:c}", hash_name="sha1")
    keys = (Key(b"first"), Key(b"second"))
    answer = handshake.answer(_view(query=b"c=abc"), (), keys)
    assert isinstance(answer, Reply)
    assert answer.body.decode() == "pub|" + signed
    assert handshake.answer(_view(query=b"c=abc"), (), ()) == Refusal(400, Reason.KEY_MISSING)


@pytest.mark.parametrize("token", [b"one", b"two", b"three"])
def test_any_of_the_tokens_opens(token: bytes) -> None:
    """While a token is changed, both are shown."""
    tokens = (Key(b"one"), Key(b"two"), Key(b"three"))
    handshake = _handshake("ok", token=places.parse("query:t"))
    answer = handshake.answer(_view(query=b"t=" + token), tokens, ())
    assert isinstance(answer, Reply)


@pytest.mark.parametrize(
    ("query", "tokens", "reason"),
    [
        (b"t=wrong", (Key(b"one"),), Reason.SIGNATURE_MISMATCH),
        (b"t=on", (Key(b"one"),), Reason.SIGNATURE_MISMATCH),
        (b"t=one", (), Reason.KEY_MISSING),
        (b"", (Key(b"one"),), Reason.HEADER_MISSING),
        (b"t=one&t=one", (Key(b"one"),), Reason.HEADER_DUPLICATED),
    ],
)
def test_without_the_token_there_is_no_answer(
    query: bytes, tokens: tuple[Key, ...], reason: Reason
) -> None:
    """And before the answer: what would be echoed is not even looked at."""
    handshake = _handshake("{query:c}", token=places.parse("query:t"), refusal_status=418)
    assert handshake.answer(_view(query=query), tokens, ()) == Refusal(418, reason)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"c":1}', b'{"c":null}', b'{"c":true}', b'{"c":["a"]}', b'{"c":""}', b"x"]
)
def test_json_that_is_no_text_is_not_echoed(body: bytes) -> None:
    """A challenge is a text; anything else is somebody's try."""
    handshake = _handshake("{/c}", method="POST")
    answer = handshake.answer(_view("POST", body=body), (), ())
    assert answer == Refusal(400, Reason.BODY_MALFORMED)


@pytest.mark.parametrize(
    ("query", "status"), [(b"c=" + b"a" * 4096, 200), (b"c=" + b"a" * 4097, 400), (b"", 400)]
)
def test_whatever_a_profile_accepts_is_bounded(query: bytes, status: int) -> None:
    """A careless expression must not make the edge repeat what it is sent."""
    answer = _handshake("{query:c}", accepts=ANYTHING).answer(_view(query=query), (), ())
    assert answer.status == status


@given(st.text())
def test_no_line_ends_inside_a_header_whatever_a_profile_accepts(text: str) -> None:
    """A header is where an echo writes other headers."""
    view = View(Delivery("s", "POST", b"", (), b"", 0))
    view._json = {"c": text}
    handshake = _handshake("", method="POST", accepts=ANYTHING, headers=(("X", template("{/c}")),))
    answer = handshake.answer(view, (), ())
    if isinstance(answer, Reply):
        assert all(" " <= letter <= "~" for letter in answer.headers[1][1])
    else:
        assert any(not " " <= letter <= "~" for letter in text) or len(text) > 4096


@given(st.binary(), st.binary(), st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]))
def test_nothing_that_is_sent_makes_it_raise(query: bytes, body: bytes, method: str) -> None:
    """It reads what strangers send, before anything is proven."""
    view = _view(method, query, body, {b"x-a": body})
    for text in ("{query:a}", "{form:a}", "{/a}", "{header:x-a}", "{hmac:/a}"):
        handshake = _handshake(text, method=method, when=_when("/a"), token=places.parse("form:t"))
        handshake.matches(view)
        assert isinstance(handshake.answer(view, (Key(b"t"),), (Key(b"k"),)), Reply | Refusal)


def test_what_the_operator_is_told_must_be_a_text_like_any_echo() -> None:
    """A line of the log is a place where line ends and control characters do harm, too."""
    handshake = _handshake("", method="POST", tell=places.parse("/u"))
    told = handshake.answer(_view("POST", body=b'{"u":"https://a/?b"}'), (), ())
    assert isinstance(told, Reply)
    assert told.told == "https://a/?b"
    bad = handshake.answer(_view("POST", body=b'{"u":"a\\u001b[2J"}'), (), ())
    assert bad == Refusal(400, Reason.BODY_MALFORMED)
