"""Twilio's validator: forms, JSON with its digest in the URL, both ports, both algorithms."""

import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracles import Sent, letters, sdk, verdict

FORM = "application/x-www-form-urlencoded"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
NOW_S = 1_760_000_000

words = st.text(st.characters(codec="utf-8"), max_size=20)
forms = st.dictionaries(words, words, max_size=6)
urls = st.builds(
    "{}://hooks.example{}/sms{}".format,
    st.sampled_from(["https", "http"]),
    st.sampled_from(["", ":443", ":80", ":8443"]),
    st.sampled_from(["", "?a=1", "?a=1&b=%20x", "?a", "?a=1&a=2"]),
)
algorithms = st.sampled_from(["", "HMAC_SHA1", "HMAC_SHA256"])


def _headers(signature: str, algorithm: str) -> dict[str, str]:
    named = {SETTINGS: f"key=webhooks_sharedkey_1,algorithm={algorithm}"} if algorithm else {}
    return {"X-Twilio-Signature": signature, **named}


def _accepts(secret: str, sent: Sent, params: Mapping[str, str] | str) -> bool:
    library = sdk("twilio.request_validator")
    algorithm = library.get_signature_algorithm(sent.headers.get(SETTINGS))
    signature = sent.headers["X-Twilio-Signature"].strip(" \t")
    accepted = library.RequestValidator(secret).validate(sent.url, params, signature, algorithm)
    return bool(accepted)


@settings(max_examples=30, deadline=None)
@given(letters, urls, forms, algorithms, st.sampled_from(["add_port", "remove_port"]))
def test_a_form_that_twilio_signs_is_accepted(
    secret: str, url: str, form: dict[str, str], algorithm: str, port: str
) -> None:
    """Which of the two URLs Twilio signs, it does not say; blank values and any script count."""
    library = sdk("twilio.request_validator")
    signed = getattr(library, port)(library.urlparse(url))
    text = library.RequestValidator(secret).compute_signature(signed, form, algorithm or None)
    sent = Sent(_headers(text, algorithm), urlencode(form), url)
    assert verdict("twilio", secret, sent, NOW_S) == ""
    assert _accepts(secret, sent, form)


@settings(max_examples=30, deadline=None)
@given(letters, urls, words, algorithms)
def test_json_that_twilio_signs_is_accepted_with_its_digest_alone(
    secret: str, url: str, word: str, algorithm: str
) -> None:
    """The URL is signed, and the digest in it speaks for the body: another body is refused."""
    library = sdk("twilio.request_validator")
    validator = library.RequestValidator(secret)
    body = json.dumps({"text": word}, ensure_ascii=False)
    url += f"{'&' if '?' in url else '?'}bodySHA256={validator.compute_hash(body)}"
    text = validator.compute_signature(url, {}, algorithm or None)
    sent = Sent(_headers(text, algorithm), body, url)
    if library.urlparse(url).port is None or ":8443" in url:
        signed = library.remove_port(library.urlparse(url))
        text = validator.compute_signature(signed, {}, algorithm or None)
        sent = Sent(_headers(text, algorithm), body, url)
    assert verdict("twilio", secret, sent, NOW_S) == ""
    assert _accepts(secret, sent, body)
    other = Sent(sent.headers, body + " ", url)
    assert verdict("twilio", secret, other, NOW_S) == "digest_mismatch"
    assert not _accepts(secret, other, other.body)


@settings(max_examples=60, deadline=None)
@given(
    letters,
    forms,
    st.sampled_from(["", "HMAC_SHA1", "HMAC_SHA256", "HMAC_SHA512", "hmac_sha256", "HMAC_MD5"]),
    st.sampled_from(["sha1", "sha256"]),
    st.sampled_from(["X-Twilio-Signature", SETTINGS, "body", "url", ""]),
    st.sampled_from(["x", "=", "&", "+", ",", " "]),
)
def test_what_we_accept_twilio_accepts(
    secret: str, form: dict[str, str], named: str, used: str, edited: str, letter: str
) -> None:
    """Whatever is added to a delivery, and whichever algorithm the settings claim."""
    validator = sdk("twilio.request_validator").RequestValidator(secret)
    url = "https://hooks.example/sms?a=1"
    text = validator.compute_signature(url, form, f"HMAC_{used.upper()}")
    headers, body = _headers(text, named), urlencode(form)
    if edited in headers:
        headers[edited] += letter
    sent = Sent(
        headers,
        body + letter if edited == "body" else body,
        url + quote(letter) if edited == "url" else url,
    )
    if verdict("twilio", secret, sent, NOW_S) == "":
        pairs = sdk("urllib.parse").parse_qsl(sent.body, keep_blank_values=True)
        assert _accepts(secret, sent, dict(pairs))


@pytest.mark.parametrize("named", ["HMAC_SHA256", "HMAC_SHA512", "none"])
def test_the_weaker_hash_is_refused_where_the_settings_name_another(named: str) -> None:
    """The settings are no header to choose an algorithm by: each has one meaning."""
    form = {"From": "+14158675309"}
    validator = sdk("twilio.request_validator").RequestValidator("secret")
    text = validator.compute_signature("https://hooks.example/sms", form)
    sent = Sent(_headers(text, named), urlencode(form), "https://hooks.example/sms")
    assert verdict("twilio", "secret", sent, NOW_S) != ""
    assert not _accepts("secret", sent, form)
    assert verdict("twilio", "secret", Sent(_headers(text, ""), sent.body, sent.url), NOW_S) == ""
