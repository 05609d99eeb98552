"""Clouds that push messages: they sign with certificates and tokens, or not at all."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from cryptography.hazmat.primitives import hashes

from tests.support.signers import json_text, pairs
from tests.support.signers import saas_bodies as bodies
from tests.support.signers.shape import Outgoing, Sent, Signer, sent, swap, token, with_extra

AUDIENCE = "https://hooks.example/pubsub"
EMAIL = "pubsub@example.iam.gserviceaccount.com"
SIGNED = (
    "Message",
    "MessageId",
    "Subject",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)


def aws_sns(out: Outgoing) -> Sent:
    """RSA over name and value of the signed members, each on a line; version 1 is SHA-1."""
    message = json.loads(out.body)
    moment = datetime.fromtimestamp(out.at_s, UTC)
    message["Timestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{out.beyond_ms:03d}Z"
    text = "".join(f"{name}\n{message[name]}\n" for name in SIGNED if name in message)
    algorithm = hashes.SHA1() if message["SignatureVersion"] == "1" else hashes.SHA256()
    signature = pairs.rsa_sign(out.key, text.encode(), algorithm)
    message["Signature"] = base64.b64encode(signature).decode()
    return sent(
        out,
        (b"x-amz-sns-message-type", message["Type"].encode()),
        (b"x-amz-sns-message-id", message["MessageId"].encode()),
        (b"x-amz-sns-topic-arn", message["TopicArn"].encode()),
        body=json.dumps(message, indent=2).encode(),
    )


def google_pubsub(out: Outgoing) -> Sent:
    """Show an OIDC token for the subscription's audience and service account."""
    out = with_extra(out, audience=AUDIENCE, email=EMAIL)
    claims = {
        "aud": out.extra["audience"],
        "azp": "113774264463038321964",
        "email": out.extra["email"],
        "email_verified": True,
        "exp": out.at_s + 3600,
        "iat": out.at_s,
        "iss": "https://accounts.google.com",
        "sub": "113774264463038321964",
    }
    header = {"alg": "RS256", "kid": out.kid, "typ": "JWT"}
    sign = partial(pairs.rsa_sign, out.key, algorithm=hashes.SHA256())
    jwt = json_text.jwt(header, json_text.compact(claims), sign)
    return sent(out, (b"authorization", b"Bearer " + jwt))


_SNS = Signer(
    "aws_sns",
    "aws_sns",
    aws_sns,
    bodies.SNS,
    "json:/Signature",
    "base64",
    old=pairs.RSA.old,
    new=pairs.RSA.new,
    shown=pairs.certificate("sns.amazonaws.com"),
    content_type=b"text/plain; charset=UTF-8",
    stamp_place="json:/Timestamp",
    unit="iso",
    covers="fields",
    covered=swap(b"paid 10.50", b"paid 99.50"),
    uncovered=swap(b"Unsubscribe&x=1", b"Unsubscribe&x=2"),
)

CLOUDS = (
    _SNS,
    replace(
        _SNS,
        name="aws_sns of version 1",
        body=swap(b'"SignatureVersion":"2"', b'"SignatureVersion":"1"')(bodies.SNS),
    ),
    replace(
        _SNS,
        name="aws_sns confirming a subscription",
        body=bodies.SNS_CONFIRMATION,
        covered=swap(b"ConfirmSubscription&", b"ConfirmSubscription&y=2&"),
        uncovered=swap(b'"Type"', b'"UnsubscribeURL": "x", "Type"'),
    ),
    replace(
        _SNS,
        name="circle_v1",
        provider="circle_v1",
        body=bodies.CIRCLE_V1,
        covered=swap(b"134.78", b"934.78"),
    ),
    Signer(
        "google_pubsub",
        "google_pubsub",
        google_pubsub,
        bodies.PUBSUB,
        "header:authorization",
        "base64url",
        b".",
        old=pairs.RSA.old,
        new=pairs.RSA.new,
        shown=pairs.public_pem,
        kid=pairs.kid_sha1,
        parameters={"audience": AUDIENCE, "email": EMAIL},
        stamp_place="claim:iat",
        covers="nothing",
        uncovered=swap(b"MTAuNTA=", b"OTkuNTA="),
    ),
    replace(
        token("azure_event_grid", "x-delivery-secret", bodies.EVENT_GRID, swap(b"10.50", b"99.50")),
        parameters={"secret_at": "header:x-delivery-secret"},
        also=(
            (b"aeg-event-type", b"Notification"),
            (b"aeg-subscription-name", b"MYSUB"),
            (b"aeg-delivery-count", b"0"),
        ),
    ),
)
