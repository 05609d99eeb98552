"""The simulator's sender for any built-in profile, and its deliveries as the edge sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from ingress import providers
from ingress.delivery import Delivery
from ingress.providers import Profile
from ingress.schemes.parts.keys import Key
from sealgate.simulator import keys, minimal
from sealgate.simulator.draft import Draft
from sealgate.simulator.events import Occasion
from sealgate.simulator.keys import NewKey, SigningKey
from sealgate.simulator.twist import Request, Signer, Twist

NOW_MS = 1_790_000_000_000
URL = "https://hooks.example/payments?tenant=7"
OCCASION = Occasion("pay-1", "event-1", NOW_MS, NOW_MS, NOW_MS, NOW_MS)
# What a source of these must say; all others take their profile's defaults.
PARAMETERS: Mapping[str, Mapping[str, object]] = {
    "aws_sns": {"topic_arn": "arn:aws:sns:us-east-1:123456789012:payments"},
    "circle_v1": {"topic_arn": "arn:aws:sns:us-east-1:123456789012:payments"},
    "braintree": {"public_key": "public-key-of-a-test"},
    "google_pubsub": {"audience": "https://hooks.example/", "email": "push@project.example"},
    "paypal": {"webhook_id": "1JE4291016473214C"},
}
# Deliveries of these name the certificate of their key.
KIDS = {
    "aws_sns": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
    "circle_v1": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
    "paypal": "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77",
}
UNSIGNED = SigningKey(b"")


@dataclass(frozen=True)
class Simulated:
    """A profile, its simulated sender, and the keys of the gateway's side."""

    profile: Profile
    signer: Signer
    keys: tuple[Key, ...]

    @property
    def draft(self) -> Draft:
        """The smallest event, addressed to a URL that has a query of its own."""
        smallest = minimal.draft(self.profile, OCCASION)
        return replace(
            smallest, url=URL, query=b"&".join(filter(None, (b"tenant=7", smallest.query)))
        )

    def request(self, twist: Twist = Twist.GENUINE, draft: Draft | None = None) -> Request:
        """Make one request of the event, or of another draft."""
        return self.signer.request(twist, draft or self.draft, NOW_MS, "msg_1")

    def verify(self, request: Request) -> int:
        """Judge a request as the edge does: first without the body, then with it."""
        delivery = received(request)
        self.profile.precheck(delivery.headers)
        return self.profile.verify(delivery, self.keys)


def received(request: Request) -> Delivery:
    """Return what the edge makes of a request."""
    headers = tuple(
        (name.lower().encode(), text.encode()) for name, text in request.headers.items()
    )
    return Delivery("s", request.method, request.query, headers, request.body, NOW_MS, URL)


@cache
def simulated(provider: str) -> Simulated:
    """Return the sender of one provider, made once, with keys that are made once for each kind."""
    profile = providers.load(provider, PARAMETERS.get(provider))
    if not profile.is_signed:
        return Simulated(profile, Signer(profile, UNSIGNED, UNSIGNED), ())
    right, wrong = _new_keys(profile)
    kid = KIDS.get(provider, "")
    signer = Signer(
        profile,
        keys.read(profile, right.sender.encode(), kid),
        keys.read(profile, wrong.sender.encode(), kid),
    )
    return Simulated(profile, signer, (profile.key(right.gateway.encode(), kid),))


def new_key_of(profile: Profile) -> NewKey:
    """Return the key of a profile's sender, as the texts of both sides."""
    return _new_keys(profile)[0]


def _new_keys(profile: Profile) -> tuple[NewKey, NewKey]:
    kind = keys.pair_kind(profile)
    if kind:
        return _pairs(kind, profile.name)
    return keys.new_key(profile, b"r" * 32), keys.new_key(profile, b"w" * 32)


@cache
def _of_kind(kind: str) -> list[tuple[NewKey, NewKey]]:
    return []


def _pairs(kind: str, provider: str) -> tuple[NewKey, NewKey]:
    """Make a kind's two pairs once: RSA takes its time."""
    made = _of_kind(kind)
    if not made:
        profile = providers.load(provider, PARAMETERS.get(provider))
        made.append((keys.new_key(profile, b""), keys.new_key(profile, b"")))
    return made[0]
