"""Providers of everything else that sign more than the body, or less.

From the documentation, and from the libraries in the dependency group `oracles`.
"""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qsl

from tests.support.signers import pairs
from tests.support.signers import saas_bodies as bodies
from tests.support.signers.shape import (
    FORM,
    Outgoing,
    Sent,
    Signer,
    hexed,
    mac,
    sent,
    sha256,
    swap,
    with_extra,
)

SETTINGS = b"x-twilio-webhooks-signature-settings"


def versioned(signature: bytes, stamp: bytes, out: Outgoing) -> Sent:
    """Sign version, timestamp and body with colons between: Slack, Zoom."""
    text = hexed(mac(out.key, b"v0:" + out.stamp + b":" + out.body))
    return sent(out, (stamp, out.stamp), (signature, b"v0=" + text))


def discord(out: Outgoing) -> Sent:
    """Ed25519 over timestamp and body, in hex."""
    text = hexed(pairs.ed25519_sign(out.key, out.stamp + out.body))
    return sent(out, (b"x-signature-ed25519", text), (b"x-signature-timestamp", out.stamp))


def twilio(out: Outgoing) -> Sent:
    """HMAC-SHA1 of the URL and of every name and value of the form, in order of names."""
    return sent(out, (b"x-twilio-signature", _twilio(out, "sha1")))


def twilio_shared_key(out: Outgoing) -> Sent:
    """Sign the same with SHA-256, and say so in a header of its own."""
    settings = b"key=webhooks_sharedkey_123,algorithm=HMAC_SHA256"
    return sent(out, (b"x-twilio-signature", _twilio(out, "sha256")), (SETTINGS, settings))


def twilio_json(out: Outgoing) -> Sent:
    """For a body that is no form, sign the URL with the SHA-256 of the body in its query."""
    mark = "&" if "?" in out.url else "?"
    hashed = replace(out, url=f"{out.url}{mark}bodySHA256={sha256(out.body).decode()}")
    text = base64.b64encode(mac(out.key, hashed.url.encode(), "sha1"))
    return sent(hashed, (b"x-twilio-signature", text))


def _twilio(out: Outgoing, algorithm: str) -> bytes:
    fields = sorted(set(parse_qsl(out.body.decode(), keep_blank_values=True)))
    message = out.url + "".join(name + value for name, value in fields)
    return base64.b64encode(mac(out.key, message.encode(), algorithm))


def sendgrid(out: Outgoing) -> Sent:
    """ECDSA P-256 over timestamp and body, with the line end of the body."""
    text = base64.b64encode(pairs.ecdsa_sign(out.key, out.stamp + out.body))
    name = b"x-twilio-email-event-webhook-"
    return sent(out, (name + b"signature", text), (name + b"timestamp", out.stamp))


def mailgun(out: Outgoing) -> Sent:
    """Sign timestamp and a random token, and put all three into the body."""
    token = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"
    token = with_extra(out, token=token).extra["token"]
    told = {
        "timestamp": str(out.at_s),
        "token": token,
        "signature": mac(out.key, f"{out.at_s}{token}".encode()).hex(),
    }
    body = json.dumps({"signature": told} | json.loads(out.body), separators=(",", ":"))
    return sent(out, body=body.encode())


def hubspot_v1(out: Outgoing) -> Sent:
    """Plain SHA-256 of secret and body."""
    return _hubspot(out, b"v1", sha256(out.key + out.body))


def hubspot_v2(out: Outgoing) -> Sent:
    """Plain SHA-256 of secret, method, URL and body."""
    return _hubspot(out, b"v2", sha256(out.key + (out.method + out.url).encode() + out.body))


def _hubspot(out: Outgoing, version: bytes, text: bytes) -> Sent:
    return sent(out, (b"x-hubspot-signature", text), (b"x-hubspot-signature-version", version))


def hubspot_v3(out: Outgoing) -> Sent:
    """HMAC of method, URL, body and milliseconds."""
    text = mac(out.key, (out.method + out.url).encode() + out.body + out.stamp_ms)
    return sent(
        out,
        (b"x-hubspot-signature-v3", base64.b64encode(text)),
        (b"x-hubspot-request-timestamp", out.stamp_ms),
    )


def zendesk(out: Outgoing) -> Sent:
    """Sign an ISO timestamp and the body, with nothing between."""
    stamp = datetime.fromtimestamp(out.at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return sent(
        out,
        (b"x-zendesk-webhook-signature", base64.b64encode(mac(out.key, stamp + out.body))),
        (b"x-zendesk-webhook-signature-timestamp", stamp),
    )


def linear(out: Outgoing) -> Sent:
    """Sign the body, which carries the moment of sending in milliseconds."""
    body = re.sub(rb'("webhookTimestamp": ?)\d+', rb"\g<1>" + out.stamp_ms, out.body)
    return sent(out, (b"linear-signature", hexed(mac(out.key, body))), body=body)


def workos(out: Outgoing) -> Sent:
    """Sign milliseconds, dot, body."""
    text = hexed(mac(out.key, out.stamp_ms + b"." + out.body))
    return sent(out, (b"workos-signature", b"t=" + out.stamp_ms + b", v1=" + text))


_TWILIO = Signer(
    "twilio",
    "twilio",
    twilio,
    bodies.TWILIO,
    "header:x-twilio-signature",
    "base64",
    content_type=FORM,
    covers="canonical",
    covered=swap(b"delivered", b"undelivered"),
    uncovered=swap(b"Caf%C3%A9+cr", b"Caf%c3%a9%20cr"),
)

SAAS = (
    Signer(
        "slack",
        "slack",
        partial(versioned, b"x-slack-signature", b"x-slack-request-timestamp"),
        bodies.SLACK,
        "header:x-slack-signature",
        prefix=b"v0=",
        timed=300,
        stamp_place="header:x-slack-request-timestamp",
        covered=swap(b"C024BE91L", b"C024BE91M"),
    ),
    Signer(
        "zoom",
        "zoom",
        partial(versioned, b"x-zm-signature", b"x-zm-request-timestamp"),
        bodies.ZOOM,
        "header:x-zm-signature",
        prefix=b"v0=",
        stamp_place="header:x-zm-request-timestamp",
        covered=swap(b"meeting.started", b"meeting.ended"),
    ),
    Signer(
        "discord",
        "discord",
        discord,
        bodies.DISCORD,
        "header:x-signature-ed25519",
        old=pairs.ED25519.old,
        new=pairs.ED25519.new,
        shown=pairs.public_hex,
        stamp_place="header:x-signature-timestamp",
        covered=swap(b"AUTHORIZED", b"DEAUTHORIZED"),
    ),
    _TWILIO,
    replace(_TWILIO, name="twilio with a shared key", signs=twilio_shared_key),
    replace(
        _TWILIO,
        name="twilio sending JSON",
        signs=twilio_json,
        body=bodies.TWILIO_JSON,
        content_type=b"application/json",
        covers="body",
        covered=swap(b"true", b"false"),
        uncovered=None,
    ),
    Signer(
        "sendgrid",
        "sendgrid",
        sendgrid,
        bodies.SENDGRID,
        "header:x-twilio-email-event-webhook-signature",
        "base64",
        old=pairs.P256.old,
        new=pairs.P256.new,
        shown=pairs.public_der,
        stamp_place="header:x-twilio-email-event-webhook-timestamp",
        covered=swap(b"dropped", b"delivered"),
    ),
    Signer(
        "mailgun",
        "mailgun",
        mailgun,
        bodies.MAILGUN,
        "json:/signature/signature",
        timed=900,
        stamp_place="json:/signature/timestamp",
        covers="fields",
        covered=swap(b"a8ce0edb2dd8301d", b"b8ce0edb2dd8301d"),
        uncovered=swap(b"delivered", b"failed"),
    ),
    Signer(
        "hubspot_v1",
        "hubspot_v1",
        hubspot_v1,
        bodies.HUBSPOT,
        "header:x-hubspot-signature",
        covered=swap(b"10.50", b"99.50"),
    ),
    Signer(
        "hubspot_v2",
        "hubspot_v2",
        hubspot_v2,
        bodies.HUBSPOT,
        "header:x-hubspot-signature",
        covered=swap(b"10.50", b"99.50"),
    ),
    Signer(
        "hubspot_v3",
        "hubspot_v3",
        hubspot_v3,
        bodies.HUBSPOT,
        "header:x-hubspot-signature-v3",
        "base64",
        timed=300,
        stamp_place="header:x-hubspot-request-timestamp",
        unit="ms",
        covered=swap(b"10.50", b"99.50"),
    ),
    Signer(
        "zendesk",
        "zendesk",
        zendesk,
        bodies.ZENDESK,
        "header:x-zendesk-webhook-signature",
        "base64",
        stamp_place="header:x-zendesk-webhook-signature-timestamp",
        unit="iso",
        covered=swap(b"SOLVED", b"OPENED"),
        also=((b"x-zendesk-webhook-id", b"01GDXE"), (b"x-zendesk-webhook-invocation-id", b"7f3a")),
    ),
    Signer(
        "linear",
        "linear",
        linear,
        bodies.LINEAR,
        "header:linear-signature",
        timed=60,
        stamp_place="json:/webhookTimestamp",
        unit="ms",
        covered=swap(b"create", b"remove"),
        also=(
            (b"linear-delivery", b"234d1a4e-b617-4388-90fe-adc3633d6b72"),
            (b"linear-event", b"Comment"),
        ),
    ),
    Signer(
        "workos",
        "workos",
        workos,
        bodies.WORKOS,
        "header:workos-signature",
        prefix=b"v1=",
        timed=180,
        stamp_place="member:t=",
        unit="ms",
        covered=swap(b"active", b"suspended"),
    ),
)
