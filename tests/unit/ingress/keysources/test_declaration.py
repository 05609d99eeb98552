"""What a profile may say about fetched keys, and the one request that flows from it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ingress.keyring import Secret
from ingress.keysources.address import Address
from ingress.keysources.declaration import (
    WHOLE_SET,
    Declaration,
    Request,
    check_credential,
)
from tests.support.key_sources import CANARY, CERT_URL, CIRCLE, FIREBLOCKS, PAYPAL, PLAID, UUID


def test_a_set_is_asked_for_at_its_one_url() -> None:
    """Whatever name is missing, the question is the same."""
    host, path = "eu2-keys.fireblocks.io", "/.well-known/jwks.json"
    assert FIREBLOCKS.request(WHOLE_SET, None) == Request(Address(host, path))


def test_a_key_is_asked_for_by_its_id_with_the_credential_in_a_header() -> None:
    """Circle gives its keys to its customers only."""
    request = CIRCLE.request(UUID, Secret(CANARY.encode()))
    assert request.address == Address("api.circle.com", f"/v2/notifications/publicKey/{UUID}")
    assert request.headers == {"Authorization": f"Bearer {CANARY}"}
    assert request.body is None


def test_a_key_is_asked_for_by_its_id_with_the_credential_in_the_body() -> None:
    """Plaid wants everything in the body, as JSON; a quote in a secret must not end its string."""
    secret = 'pl"aid\\'
    request = PLAID.request(UUID, Secret(secret.encode()))
    assert request.body is not None
    assert json.loads(request.body) == {"client_id": "abc", "secret": secret, "key_id": UUID}
    assert request.headers == {"Content-Type": "application/json"}


def test_a_certificate_is_asked_for_at_the_url_that_names_it() -> None:
    """And nowhere else, and without any credential."""
    request = PAYPAL.request(CERT_URL, Secret(b"unused"))
    assert request == Request(Address("api.paypal.com", "/v1/notifications/certs/CERT-360caa42"))


@pytest.mark.parametrize(
    ("declaration", "name"),
    [
        (CIRCLE, ""),
        (CIRCLE, "not-a-uuid"),
        (CIRCLE, UUID.upper()),
        (CIRCLE, UUID + "\n"),
        (CIRCLE, UUID + "/../../users"),
        (CIRCLE, "../" + UUID),
        (CIRCLE, UUID + "?x"),
        (CIRCLE, UUID[:-1] + "\u0665"),
        (CIRCLE, UUID[:-1] + "\ud800"),
        (replace(CIRCLE, kid=r".*"), "../../users"),
        (replace(CIRCLE, kid=r".*"), "a/b"),
        (replace(CIRCLE, kid=r".*"), "a" * 129),
        (replace(CIRCLE, kid=r".*"), ".."),
        (FIREBLOCKS, ""),
        (FIREBLOCKS, "k" * 257),
        (PAYPAL, UUID),
        (PAYPAL, CERT_URL.replace("https", "http")),
        (PAYPAL, CERT_URL.replace("api.paypal.com", "127.0.0.1")),
        (PAYPAL, CERT_URL + "?x"),
    ],
)
def test_a_name_that_looks_like_no_key_is_not_asked_for(
    declaration: Declaration, name: str
) -> None:
    """The name comes from a stranger, and the request would bear our credential."""
    assert not declaration.admits(name)


@pytest.mark.parametrize(
    ("declaration", "name"),
    [(CIRCLE, UUID), (PLAID, UUID), (FIREBLOCKS, "any name"), (PAYPAL, CERT_URL)],
)
def test_a_name_that_looks_like_a_key_may_be_asked_for(declaration: Declaration, name: str) -> None:
    """A rule that refuses the real ones refuses every payment."""
    assert declaration.admits(name)


@pytest.mark.parametrize(
    ("declaration", "changes", "hint"),
    [
        (FIREBLOCKS, {"url": "http://keys.fireblocks.io/jwks.json"}, "no plain https URL"),
        (FIREBLOCKS, {"url": "https://keys.fireblocks.io:8443/jwks.json"}, "no plain https URL"),
        (FIREBLOCKS, {"url": "https://keys.evil.io/jwks.json"}, "host is none of those allowed"),
        (FIREBLOCKS, {"url": "https://keys.fireblocks.io.evil.io/x"}, "host is none"),
        (FIREBLOCKS, {"url": ""}, "no plain https URL"),
        (FIREBLOCKS, {"paths": "/keys"}, "path is none of those allowed"),
        (FIREBLOCKS, {"hosts": "("}, "no regular expression"),
        (CIRCLE, {"kid": "["}, "no regular expression"),
        (CIRCLE, {"url": "https://api.circle.com/v2/publicKey"}, "needs {kid}"),
        (CIRCLE, {"key": ""}, "needs the pointer"),
        (CIRCLE, {"key": "data"}, "no JSON pointer"),
        (CIRCLE, {"body": '{"secret": "{credential}"}'}, "if its place is the body"),
        (PLAID, {"body": '{"key_id": "{kid}"}'}, "if its place is the body"),
        (PLAID, {"body": '{"key_id": "{kid}", "secret": {credential}'}, "not JSON"),
        (PAYPAL, {"url": "https://api.paypal.com/x"}, "no url"),
        (PAYPAL, {"subjects": ()}, "needs subjects"),
    ],
)
def test_a_mistake_is_told_when_it_is_declared(
    declaration: Declaration, changes: dict[str, Any], hint: str
) -> None:
    """Not when the first delivery wants a key, which is in the middle of the night."""
    with pytest.raises(ValueError, match=hint.replace("{", r"\{")):
        replace(declaration, **changes)


@pytest.mark.parametrize(
    "credential",
    [
        None,
        Secret(f"{CANARY}\r\nX-Evil: 1".encode()),
        Secret(f"{CANARY}\n".encode()),
        Secret(f"{CANARY}é".encode()),
        Secret(f"{CANARY}\x00".encode()),
        Secret(CANARY.encode() + b"\xff"),
    ],
    ids=["none", "header", "line end", "not ASCII", "NUL", "not UTF-8"],
)
@pytest.mark.parametrize("declaration", [CIRCLE, PLAID])
def test_a_credential_that_cannot_be_sent_is_told_at_the_start_and_not_shown(
    declaration: Declaration, credential: Secret | None
) -> None:
    """A line end in it would be a header of its own; and an error text ends in a log."""
    with pytest.raises(ValueError, match="credential") as wrong:
        check_credential(declaration, credential)
    assert CANARY not in str(wrong.value)
    assert wrong.value.__context__ is None


def test_no_credential_is_asked_of_those_who_need_none() -> None:
    """Google's keys are everybody's."""
    check_credential(FIREBLOCKS, None)
    check_credential(PAYPAL, None)
    check_credential(CIRCLE, Secret(b"key"))


def test_a_period_of_a_week_and_an_hour_is_what_nobody_has_to_say() -> None:
    """The defaults are promises of the documentation."""
    assert FIREBLOCKS.refresh_s == 3600
    assert FIREBLOCKS.apart_s == 30
    assert FIREBLOCKS.stale_s == 7 * 24 * 3600
