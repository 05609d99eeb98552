"""All targets, and the inputs from which their fuzzing starts.

Any bytes flow into a target, and nothing may come out but the refusal that is documented.
"""

from tests.fuzz import captures, parts, providers
from tests.fuzz.providers import JWS
from tests.fuzz.registry import TARGETS
from tests.support.attacks import SENDERS, sample
from tests.support.signers import pairs

__all__ = ["SEEDS", "TARGETS", "captures", "parts", "providers"]

SEEDS: dict[str, list[bytes]] = {
    "json_lexemes": [b'{"a":[1,-2.5e-7,"\\u00e9",null,true]}', b'"\\ud83d\\ude00"'],
    "form": [b"a=1&b=%C3%A9&p_signature=x"],
    "signature_text": [b"t=1,v1=aa,v1=bb", b"v1,aa v1,bb", b"sha256=aa", b"key|aa&other|bb"],
    "timestamp": [b"1760000000", b"1760000000000", b"2025-10-09T08:53:20.5+01:00"],
    "place": [b"/a/0/b~1c", b"header:x-id", b"form:id", b"query:hub.mode"],
    "json_pointer": [b"/a/0/b~1c~0"],
    "template": [
        b"{timestamp}.{body}",
        b"{header:x}|{json?:/a}{url:no-port}{form_php:p}{json_without:sign,php,base64}{secret}",
    ],
    "encodings": [b"00ff", b"QUJD", b"QUI="],
    "secrets": [b"whsec_" + b"QUJD" * 8, b"00ff", b" text "],
    "public_key": [pairs.public_pem(pairs.P256.old), pairs.public_hex(pairs.ED25519.old)],
    "jwks": [
        b'{"keys":[{"kty":"EC","crv":"P-256","kid":"a","use":"sig","alg":"ES256","x":"","y":""}]}'
    ],
    "certificate": [pairs.certificate("sns.amazonaws.com")(pairs.RSA.old)],
    "token": [dict(sample(one).headers)[one.header] for one in JWS if one.header],
    "claims": [b'{"iat":1760000000,"exp":1760000100.5,"aud":["a"],"h":"00"}'],
    "url": [b"https://h.example:8443/p?a=1\na=2"],
    "certificate_url": [b"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ec.pem"],
    "handshakes": [
        b"GET /?hub.mode=subscribe&hub.challenge=1&hub.verify_token=token",
        b'POST /\n\n{"type":"url_verification","challenge":"x"}',
        b'POST /\naeg-event-type: SubscriptionValidation\n\n[{"data":{"validationCode":"x"}}]',
    ],
    "handshake_template": [b'{"a":"{/b/c}"}', b"{hmac:query:x}{header:y}"],
    "deliveries": [
        bytes([index, where, 0, 9, 1]) + b"xyz" for index in range(len(SENDERS)) for where in (0, 3)
    ],
    "strangers": [b"POST /?x=1\nstripe-signature: t=1,v1=aa\n\n{}"],
    "captured": [
        b"POST /a?b=c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b'{"method":"POST","url":"/a","headers":{"a":["b"]},"body_base64":"e30="}',
        b'{"requestContext":{"http":{"method":"PUT"}},"rawPath":"/a","rawQueryString":"b=c"}',
        b'{"rawPath":"/a","headers":{},"body":"e30=","isBase64Encoded":true}',
        b"curl -X POST https://h.example/a -H 'a: b' --data-raw $'{\\u00e9}'",
    ],
    "accidents": [
        b'POST /a?b=%2f&c=d+e\n\n{"a":1.10,"b":[1e-07,"\\u00e9"]}',
        b"GET /?a=1\n\npayload=%7B%7D&b=&quot;",
        b"2\r\n{}\r\n0\r\n\r\n",
    ],
    "declarations": [bytes([index, 1, 2, 3]) + b"xyz" for index in range(0, 80, 7)],
    "key_answers": [b'{"keys":[]}', b'{"key":{"kty":"EC"}}'],
}
