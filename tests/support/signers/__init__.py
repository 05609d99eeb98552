"""How each provider signs, written from its documents with plain `hmac` and `cryptography`.

Nothing of Sealgate is used or imitated here: these are the senders against which the verifiers, the
attacks and the simulator's own signing are held. `test_signers.py` holds the senders themselves
against published vectors and the providers' own libraries.

A `Signer` (shape.py) is one way in which one provider sends; providers with several ways (GET and
POST, two versions of a certificate's hash) have several. What it tells:

`name`, `provider`     the id in a test's name; the profile.
`send(key, body, at_s)`  the delivery on the wire (`Sent`: method, URL as called, headers in lower
                       case, body). `sample(at_s, key)` sends the sample `body`.
`signs(Outgoing)`      the same, where a test chooses URL, method, message id or what is signed too.
`body`                 a report in the provider's own format, with its ids. Where the signature
                       stands in the body, `send` adds it, and takes only bodies of that format.
`old`, `new`           two keys as the SENDER holds them: secret text, or a private key as PEM.
`shown(key)`           what its dashboard shows the merchant, so what is configured: the secret, or
                       the public key as PEM, base64, hex, `whpk_` or certificate.
`kid(key)`             the provider's own name of the key, "" where keys have none.
`parameters`           what the profile must be told beside the key.
`method`, `url`        the registered URL, with the query the provider always calls.
`content_type`         of the body; it is not among the headers sent.
`place`                where the signature stands: "header:name", "json:/pointer", "form:name",
                       "query:name", or "" for providers that do not sign.
`encoding`, `prefix`   how it is written there, and what stands before it.
`timed`                the documented window in seconds; None where the documents name none.
`stamp_place`, `unit`  where the time stands: as `place`, or "member:t=" of the signature's header,
                       or "claim:iat" of the token; in "s", "ms" or "iso".
`covers`               "body": every byte; "canonical": values, not their layout; "fields": some of
                       them; "nothing": not the body.
`covered(body)`        changes in a body as sent what the signature covers: to be refused.
`uncovered(body)`      changes what it does not cover: still verifies.
`joint`, `repeats`     what stands between several signatures in one place; whether the header
                       itself may come several times. `several` is either.
`also`                 headers sent besides and never signed: ids and names of events.
`topic`                such a header that tells two events of the same bytes apart (Shopify).

`wire.py` reads, respells and takes out signature and timestamp at these places.
"""

from tests.support.signers.cards import CARDS, STRIPE
from tests.support.signers.clouds import CLOUDS
from tests.support.signers.crypto_canonical import CRYPTO_CANONICAL
from tests.support.signers.crypto_mac import (
    BTCPAY,
    COINBASE_COMMERCE,
    CRYPTO_MAC,
    KOBBOPAY,
    KOBBOPAY_BODY,
)
from tests.support.signers.crypto_public_key import CRYPTO_PUBLIC_KEY
from tests.support.signers.saas import SAAS
from tests.support.signers.saas_mac import SAAS_MAC
from tests.support.signers.shape import MESSAGE_ID, Headers, Outgoing, Sent, Signer
from tests.support.signers.standard import FAMILY, STANDARD

__all__ = [
    "EVERY",
    "MESSAGE_ID",
    "SIGNERS",
    "Headers",
    "Outgoing",
    "Sent",
    "Signer",
    "btcpay",
    "coinbase_commerce",
    "standard_webhooks",
    "stripe",
]

btcpay = BTCPAY.sign
coinbase_commerce = COINBASE_COMMERCE.sign
stripe = STRIPE.sign
standard_webhooks = STANDARD.sign

EVERY = (
    *CRYPTO_MAC,
    *CRYPTO_CANONICAL,
    *CRYPTO_PUBLIC_KEY,
    *FAMILY,
    *CARDS,
    *SAAS_MAC,
    *SAAS,
    *CLOUDS,
)

# Those whose signature is an HMAC in a header and nothing more: any bytes may be their body.
SIGNERS = (BTCPAY, COINBASE_COMMERCE, STRIPE, STANDARD, KOBBOPAY, KOBBOPAY_BODY)
