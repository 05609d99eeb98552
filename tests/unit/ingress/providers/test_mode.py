"""What a verified delivery says about money being real: each provider's own word, and no other."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.contract.envelope import Mode
from ingress.delivery import Delivery
from ingress.providers import load, load_file, names
from tests.support.builders import delivery

WITH_MODE = [name for name in names() if load(name).identifier.modes]
MINE = """
title = "Mine"
type_prefix = "com.example.mine"
confidence = "B"
coverage = "full"
[signature]
kind = "mac"
hash = "sha256"
header = "X-Sig"
encoding = "hex"
message = "{body}"
[identity]
[[evidence]]
what = "a test"
read = 2026-11-22
"""


def _said(document: object) -> bytes:
    return json.dumps(document).encode()


def _mode(provider: str, body: bytes, *headers: tuple[bytes, bytes]) -> Mode:
    return load(provider).mode(delivery(body=body, headers=headers))


@pytest.mark.parametrize(
    ("provider", "document", "mode"),
    [
        # stripe-python: Event.livemode, "true if the object exists in live mode"
        ("stripe", {"id": "evt_1", "livemode": True}, Mode.LIVE),
        ("stripe", {"id": "evt_1", "livemode": False}, Mode.TEST),
        # Adyen's own sample of a standard notification has it as a text, beside the items.
        ("adyen_standard", {"live": "false", "notificationItems": []}, Mode.TEST),
        ("adyen_standard", {"live": "true", "notificationItems": []}, Mode.LIVE),
        ("adyen_header", {"environment": "test", "type": "x"}, Mode.TEST),
        ("adyen_header", {"environment": "live", "type": "x"}, Mode.LIVE),
        ("plaid", {"environment": "sandbox"}, Mode.TEST),
        ("plaid", {"environment": "production"}, Mode.LIVE),
        ("paystack", {"event": "charge.success", "data": {"domain": "test"}}, Mode.TEST),
        ("paystack", {"event": "charge.success", "data": {"domain": "live"}}, Mode.LIVE),
        ("alchemy", {"event": {"network": "ETH_MAINNET"}}, Mode.LIVE),
        ("alchemy", {"event": {"network": "ETH_SEPOLIA"}}, Mode.TEST),
        ("alchemy", {"event": {"network": "MATIC_AMOY"}}, Mode.TEST),
        ("fireblocks_v2", {"data": {"assetId": "AMOY_POLYGON_TEST"}}, Mode.TEST),
        ("fireblocks_v1", {"data": {"assetId": "ETH_TEST5"}}, Mode.TEST),
        ("bitpay", {"data": {"url": "https://test.bitpay.com/invoice?id=a"}}, Mode.TEST),
        ("bitpay", {"url": "https://bitpay.com/invoice?id=a"}, Mode.LIVE),
        ("tatum", {"chain": "tron-testnet"}, Mode.TEST),
    ],
)
def test_a_provider_says_in_its_own_words_whether_money_is_real(
    provider: str, document: object, mode: Mode
) -> None:
    """Each row is from the provider's own pages or library; a mix-up is found by these words."""
    assert _mode(provider, _said(document)) is mode


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("api.paypal.com", Mode.LIVE),
        ("api-m.paypal.com", Mode.LIVE),
        ("api.sandbox.paypal.com", Mode.TEST),
        ("api-m.sandbox.paypal.com", Mode.TEST),
    ],
)
def test_the_certificate_that_proves_a_delivery_tells_of_its_environment(
    host: str, mode: Mode
) -> None:
    """PayPal's body is not signed; the key that proved it is the one thing that cannot lie."""
    url = f"https://{host}/v1/notifications/certs/CERT-1".encode()
    assert _mode("paypal", b"{}", (b"paypal-cert-url", url)) is mode


@pytest.mark.parametrize(
    ("provider", "document"),
    [
        ("stripe", {"id": "evt_1"}),
        ("stripe", {"livemode": None}),
        ("stripe", {"livemode": "TRUE"}),
        ("stripe", {"livemode": 0}),
        ("stripe", {"data": {"object": {"livemode": False}}}),
        ("stripe", [{"livemode": False}]),
        ("fireblocks_v2", {"data": {"assetId": "ETH"}}),
        ("alchemy", {"event": {"network": "ETH_MAINNET_NEXT"}}),
        ("btcpay", {"livemode": False}),
    ],
)
def test_what_says_nothing_contradicts_nothing(provider: str, document: object) -> None:
    """A shop's plugin that refused every event without livemode lost orders that were paid."""
    mode = _mode(provider, _said(document))
    assert mode is Mode.UNKNOWN
    assert not mode.contradicts(Mode.LIVE)
    assert not mode.contradicts(Mode.TEST)


@pytest.mark.parametrize("provider", WITH_MODE)
@given(body=st.binary(max_size=64))
def test_no_body_makes_the_question_fail(provider: str, body: bytes) -> None:
    """It is asked behind verification: an exception there would turn a payment into a 500."""
    asked = Delivery("shop", "POST", b"", ((b"paypal-cert-url", body),), body, 0)
    assert load(provider).mode(asked) in Mode


def _own(tmp_path: Path, mode: str) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text(MINE + mode)
    return file


def test_one_test_item_among_live_ones_makes_the_delivery_a_test(tmp_path: Path) -> None:
    """What a test moves in production is a loss; so one word of it is enough to keep it out."""
    profile = load_file(
        _own(tmp_path, '[[mode]]\nat = "/items/*/net"\nlive = ["main"]\ntest = ["test*"]\n')
    )

    def mode(*words: object) -> Mode:
        return profile.mode(delivery(body=_said({"items": [{"net": word} for word in words]})))

    assert mode("main", "test-3") is Mode.TEST
    assert mode("test-3", "main") is Mode.TEST
    assert mode("main", "other") is Mode.LIVE
    assert mode("other") is Mode.UNKNOWN
    assert mode() is Mode.UNKNOWN


def test_a_star_is_any_run_and_every_other_character_is_itself(tmp_path: Path) -> None:
    """A dot that matched anything would take somebody else's host for the provider's."""
    rule = '[mode]\nat = "/url"\nlive = ["https://pay.example/*"]\ntest = ["[a]?"]\n'
    profile = load_file(_own(tmp_path, rule))

    def mode(url: str) -> Mode:
        return profile.mode(delivery(body=_said({"url": url})))

    assert mode("https://pay.example/") is Mode.LIVE
    assert mode("https://pay.example/a\nb") is Mode.LIVE
    assert mode("https://payxexample/a") is Mode.UNKNOWN
    assert mode("see https://pay.example/a") is Mode.UNKNOWN
    assert mode("[a]?") is Mode.TEST
    assert mode("ab") is Mode.UNKNOWN


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('at = "header:x-mode"\nlive = "1"', "which signature.message does not sign"),
        ('at = "unsigned:header:x-mode"\nlive = "1"', "what nobody signed tells nothing"),
        ('at = "/livemode"', "it tells nothing"),
        ('at = "/livemode"\nlive = ["a", "b"]\ntest = ["b"]', "'b' cannot mean both"),
        ('at = "livemode"\nlive = "1"', "is no place"),
    ],
)
def test_a_profile_cannot_be_told_by_what_anybody_could_write(
    tmp_path: Path, rule: str, told: str
) -> None:
    """A header that is not signed would let whoever forwards a delivery divert it."""
    with pytest.raises(ValueError, match=told):
        load_file(_own(tmp_path, f"[[mode]]\n{rule}\n"))


def test_a_signed_header_may_tell(tmp_path: Path) -> None:
    """Whoever changes it breaks the signature."""
    text = MINE.replace('"{body}"', '"{header:x-mode}.{body}"')
    file = tmp_path / "mine.toml"
    file.write_text(text + '[[mode]]\nat = "header:x-mode"\ntest = "sandbox"\n')
    sent = delivery(headers=((b"x-mode", b"sandbox"),))
    assert load_file(file).mode(sent) is Mode.TEST


def test_only_live_and_test_contradict_each_other() -> None:
    """Of nine pairs two: one more would divert good money, one less would publish play money."""
    contradicting = {(one, other) for one in Mode for other in Mode if one.contradicts(other)}
    assert contradicting == {(Mode.LIVE, Mode.TEST), (Mode.TEST, Mode.LIVE)}
