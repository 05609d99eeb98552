"""Providers of everything else that sign the raw body alone, or show a token.

From the documentation, and from the libraries in the dependency group `oracles`.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.support.signers import saas_bodies as bodies
from tests.support.signers.shape import (
    Outgoing,
    Sent,
    Signer,
    hexed,
    mac,
    over_body,
    plain,
    sent,
    swap,
    token,
)


def _with_sha1(header: str) -> Callable[[Outgoing], Sent]:
    """Send the SHA-256 of the body, and in front of it the SHA-1 of old, as GitHub and Meta do."""

    def signs(out: Outgoing) -> Sent:
        return sent(
            out,
            (b"x-hub-signature", b"sha1=" + hexed(mac(out.key, out.body, "sha1"))),
            (header.encode(), b"sha256=" + hexed(mac(out.key, out.body))),
        )

    return signs


GITHUB = plain(
    "github", "x-hub-signature-256", bodies.GITHUB, swap(b"opened", b"closed"), prefix="sha256="
)
META = plain(
    "meta",
    "x-hub-signature-256",
    bodies.META,
    swap(b"caf\\u00e9", b"caf\xc3\xa9"),
    prefix="sha256=",
)
SHOPIFY = plain(
    "shopify",
    "x-shopify-hmac-sha256",
    bodies.SHOPIFY,
    swap(b"10.50", b"99.50"),
    encoding="base64",
)
INTERCOM = plain(
    "intercom",
    "x-hub-signature",
    bodies.INTERCOM,
    swap(b"147", b"148"),
    algorithm="sha1",
    prefix="sha1=",
)

SAAS_MAC: tuple[Signer, ...] = (
    replace(
        GITHUB,
        signs=_with_sha1("x-hub-signature-256"),
        also=(
            (b"x-github-event", b"issues"),
            (b"x-github-delivery", b"72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ),
    ),
    replace(META, signs=_with_sha1("x-hub-signature-256")),
    replace(
        plain(
            "bitbucket",
            "x-hub-signature",
            bodies.BITBUCKET,
            swap(b'"main"', b'"evil"'),
            prefix="sha256=",
        ),
        also=(
            (b"x-event-key", b"repo:push"),
            (b"x-request-uuid", b"7f3a1b2c-0001-4c1d-9e5f-6a7b8c9d0e1f"),
        ),
    ),
    replace(
        SHOPIFY,
        topic=((b"x-shopify-topic", b"orders/paid"),),
        also=(
            (b"x-shopify-webhook-id", b"b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
            (b"x-shopify-event-id", b"98880550-7158-44d4-b7cd-2c97c8a091b5"),
            (b"x-shopify-triggered-at", b"2025-10-09T08:53:20.123456789Z"),
        ),
    ),
    replace(
        SHOPIFY,
        name="shopify by its Events family",
        signs=over_body(b"shopify-hmac-sha256", encoding="base64"),
        place="header:shopify-hmac-sha256",
        topic=((b"shopify-topic", b"Order"),),
        also=(
            (b"shopify-webhook-id", b"b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
            (b"shopify-event-id", b"98880550-7158-44d4-b7cd-2c97c8a091b5"),
        ),
    ),
    INTERCOM,
    plain("xero", "x-xero-signature", bodies.XERO, swap(b"Update", b"Create"), encoding="base64"),
    plain(
        "typeform",
        "typeform-signature",
        bodies.TYPEFORM,
        swap(b"lT4Z3j", b"lT4Z3k"),
        encoding="base64",
        prefix="sha256=",
    ),
    replace(
        plain("sentry", "sentry-hook-signature", bodies.SENTRY, swap(b"created", b"ignored")),
        also=(
            (b"sentry-hook-resource", b"issue"),
            (b"request-id", b"0c2f3a4b5c6d7e8f"),
            (b"sentry-hook-timestamp", b"1760000000"),
        ),
    ),
    replace(
        plain(
            "pagerduty",
            "x-pagerduty-signature",
            bodies.PAGERDUTY,
            swap(b"triggered", b"resolved"),
            prefix="v1=",
        ),
        joint=b",v1=",
    ),
    plain(
        "line",
        "x-line-signature",
        bodies.LINE,
        swap(b'message","t', b'unsend","t'),
        encoding="base64",
    ),
    plain("dropbox", "x-dropbox-signature", bodies.DROPBOX, swap(b"AAH4f99T", b"AAH4f99U")),
    replace(
        plain(
            "docusign",
            "x-docusign-signature-1",
            bodies.DOCUSIGN,
            swap(b"envelope-completed", b"envelope-declined"),
            encoding="base64",
        ),
        repeats=True,
    ),
    token(
        "telegram", "x-telegram-bot-api-secret-token", bodies.TELEGRAM, swap(b"/start", b"/stop")
    ),
    token("okta", "authorization", bodies.OKTA, swap(b"lifecycle.create", b"lifecycle.delete")),
    token("auth0", "authorization", bodies.AUTH0, swap(b"created", b"deleted"), b"Bearer "),
    replace(
        token("gitlab_token", "x-gitlab-token", bodies.GITLAB, swap(b"heads/main", b"heads/evil")),
        also=(
            (b"x-gitlab-event", b"Push Hook"),
            (b"x-gitlab-event-uuid", b"13792a34-cac6-4fda-95a8-c58e00a3954e"),
        ),
    ),
)
