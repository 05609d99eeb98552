"""What a secret says of itself: which mode it was made for, and whether it is one at all. Pure.

Some providers write into a credential whether it is for tests; and some secrets are what a sample
or a hurried hand left there. Both are told without the secret: by the provider's own prefix, which
is public, or not at all.
"""

from collections.abc import Collection
from typing import NamedTuple

from ingress.contract.envelope import Mode


class Marked(NamedTuple):
    """A prefix with which a provider marks its credentials: `word` is what tells in it."""

    prefix: bytes
    word: str
    mode: Mode
    whose: str


# From the providers' own pages on their keys: docs.stripe.com/keys, paystack.com/docs (API keys),
# developer.paddle.com (API keys), razorpay.com/docs (API keys), docs.mollie.com (authentication),
# developer.gocardless.com (access tokens).
MARKED = (
    Marked(b"sk_live_", "live", Mode.LIVE, "Stripe and Paystack"),
    Marked(b"sk_test_", "test", Mode.TEST, "Stripe and Paystack"),
    Marked(b"rk_live_", "live", Mode.LIVE, "Stripe"),
    Marked(b"rk_test_", "test", Mode.TEST, "Stripe"),
    Marked(b"pk_live_", "live", Mode.LIVE, "Stripe and Paystack"),
    Marked(b"pk_test_", "test", Mode.TEST, "Stripe and Paystack"),
    Marked(b"pdl_live_", "live", Mode.LIVE, "Paddle"),
    Marked(b"pdl_sdbx_", "sdbx", Mode.TEST, "Paddle"),
    Marked(b"rzp_live_", "live", Mode.LIVE, "Razorpay"),
    Marked(b"rzp_test_", "test", Mode.TEST, "Razorpay"),
    Marked(b"live_", "live", Mode.LIVE, "Mollie and GoCardless"),
    Marked(b"test_", "test", Mode.TEST, "Mollie"),
    Marked(b"sandbox_", "sandbox", Mode.TEST, "GoCardless"),
)

# What samples, tutorials and hurried hands write where a secret should be; in any case of letters,
# and with what stands between the words left out.
_PLACEHOLDERS = frozenset(
    {
        *("changeme", "changethis", "replaceme", "fixme", "todo", "tbd", "placeholder", "dummy"),
        *("secret", "mysecret", "yoursecret", "thesecret", "topsecret", "webhooksecret", "hmackey"),
        *("yourwebhooksecret", "yoursigningsecret", "signingsecret", "yourapikey", "apikey"),
        *("password", "passw0rd", "pass", "admin", "root", "letmein", "qwerty", "default"),
        *("test", "testing", "demo", "example", "sample", "foo", "foobar", "bar", "none", "null"),
        *("12345", "123456", "1234567", "12345678", "123456789", "1234567890", "0123456789"),
        *("whsec", "whsectest", "sktest", "sklive", "undefined", "empty", "key", "token"),
    }
)
_BETWEEN = b" _-.<>{}[]()'\"\t\r\n"


def flaw(secret: bytes, mode: Mode, accepts: Collection[str] = ()) -> str:
    """Say why a secret cannot be used in an environment of this mode; "" where it can be."""
    if len(set(secret.strip())) <= 1:
        return "is blank, or one character again and again; put the provider's secret there"
    if secret.lower().translate(None, _BETWEEN).decode("latin-1") in _PLACEHOLDERS:
        return "is what stands in samples, and no secret; put the provider's own there"
    for marked in MARKED:
        if secret.startswith(marked.prefix):
            if marked.mode.contradicts(mode) and marked.word not in accepts:
                return (
                    f"begins with {marked.prefix.decode()}, which {marked.whose} give to "
                    f"{marked.mode} credentials, and this environment is a {mode} one"
                )
            return ""
    return ""
