"""Who signed: by which name a key is shown, and when a missing one is wished for."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingress import sources
from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts.keys import Key
from ingress.settings import EdgeSettings, KeySettings, SourceSettings
from ingress.verification import KeyAwaited, verify
from tests.support.builders import SERVES
from tests.support.signers import EVERY

AT_S = 1_800_000_000
FIREBLOCKS = next(signer for signer in EVERY if signer.name == "fireblocks_v2")
PAYPAL = next(signer for signer in EVERY if signer.name == "paypal")


@dataclass
class Held:
    """Keys as a key source holds them, without a provider behind."""

    held: tuple[Key, ...] = ()
    wanted: list[str] = field(default_factory=list)

    def keys(self) -> tuple[Key, ...]:
        return self.held

    def want(self, kid: str) -> None:
        self.wanted.append(kid)


def _source(tmp_path: Path, *, pinned: bool = False, kid: str = "") -> sources.Source:
    keys = []
    if pinned:
        (tmp_path / "k").write_bytes(FIREBLOCKS.shown(FIREBLOCKS.old))
        keys = [KeySettings(id="pinned", file=Path("k"), kid=kid)]
    setting = SourceSettings(slug="s", provider="fireblocks_v2", key=keys)
    return sources.build(SERVES, [setting], EdgeSettings(), sources.Origin(tmp_path))["s"]


def _delivery(key: bytes, body: bytes | None = None) -> Delivery:
    sent = FIREBLOCKS.sample(AT_S, key)
    content = sent.body if body is None else body
    return Delivery("s", "POST", b"", sent.headers, content, AT_S * 1000)


def _key(source: sources.Source, key: bytes, kid: str | None = None) -> Key:
    return source.profile.key(FIREBLOCKS.shown(key), FIREBLOCKS.kid(key) if kid is None else kid)


def test_a_fetched_key_is_shown_by_its_name_and_counted_with_all_others(tmp_path: Path) -> None:
    """The name is in the log for people; as a label, every rotation would make a series."""
    source = _source(tmp_path)
    held = Held((_key(source, FIREBLOCKS.new), _key(source, FIREBLOCKS.old)))
    signer = verify(_delivery(FIREBLOCKS.old), source, held)
    assert (signer.key_id, signer.label) == (FIREBLOCKS.kid(FIREBLOCKS.old), "fetched")
    assert signer.key == held.held[1]
    assert held.wanted == []


def test_a_configured_key_keeps_its_own_name(tmp_path: Path) -> None:
    """The operator chose it, and looks for it."""
    source = _source(tmp_path, pinned=True)
    held = Held((_key(source, FIREBLOCKS.new),))
    signer = verify(_delivery(FIREBLOCKS.old), source, held)
    assert (signer.key_id, signer.label) == ("pinned", "pinned")
    assert verify(_delivery(FIREBLOCKS.new), source, held).label == "fetched"


def test_a_name_that_is_no_key_id_is_shown_as_its_digest(tmp_path: Path) -> None:
    """A certificate's name is a URL: as long as it likes, with whatever is in it."""
    setting = SourceSettings(
        slug="s", provider="paypal", parameters=dict(PAYPAL.parameters), fetch_keys=True
    )
    source = sources.build(SERVES, [setting], EdgeSettings(), sources.Origin(tmp_path))["s"]
    sent = PAYPAL.sample(AT_S)
    delivery = Delivery("s", "POST", b"", sent.headers, sent.body, AT_S * 1000)
    (url,) = [value.decode() for name, value in sent.headers if name == b"paypal-cert-url"]
    held = Held((source.profile.key(PAYPAL.shown(PAYPAL.old), url),))
    digest = hashlib.sha256(url.encode()).hexdigest()[:32]
    assert verify(delivery, source, held).key_id == "sha256-" + digest


@pytest.mark.parametrize("holds_another", [True, False])
def test_a_key_that_is_not_held_is_wished_for_by_name(
    tmp_path: Path, *, holds_another: bool
) -> None:
    """The provider has changed its key: its retry must find it."""
    source = _source(tmp_path)
    held = Held((_key(source, FIREBLOCKS.new),) if holds_another else ())
    with pytest.raises(KeyAwaited):
        verify(_delivery(FIREBLOCKS.old), source, held)
    assert held.wanted == [FIREBLOCKS.kid(FIREBLOCKS.old)]


def test_beside_a_nameless_key_another_is_wished_for_too(tmp_path: Path) -> None:
    """A pinned file fits any name, so a change of key is a mismatch, and would be so for ever."""
    source = _source(tmp_path, pinned=True)
    held = Held()
    with pytest.raises(KeyAwaited):
        verify(_delivery(FIREBLOCKS.new), source, held)
    assert held.wanted == [FIREBLOCKS.kid(FIREBLOCKS.new)]


@pytest.mark.parametrize("pinned", [True, False])
def test_a_forgery_under_a_key_that_is_held_wishes_for_nothing(
    tmp_path: Path, *, pinned: bool
) -> None:
    """Else whoever sends junk would have us fetch."""
    source = _source(tmp_path, pinned=pinned, kid=FIREBLOCKS.kid(FIREBLOCKS.old))
    held = Held(() if pinned else (_key(source, FIREBLOCKS.old),))
    with pytest.raises(Rejected) as raised:
        verify(_delivery(FIREBLOCKS.old, b"another body"), source, held)
    assert not isinstance(raised.value, KeyAwaited)
    assert held.wanted == []


def test_a_source_that_does_not_fetch_wishes_for_nothing(tmp_path: Path) -> None:
    """There is nobody to ask, so the refusal is the provider's own."""
    with pytest.raises(Rejected) as raised:
        verify(_delivery(FIREBLOCKS.old), _source(tmp_path), None)
    assert not isinstance(raised.value, KeyAwaited)


def test_a_body_cut_out_of_another_message_is_refused_though_its_signature_holds(
    tmp_path: Path,
) -> None:
    """Zendesk signs timestamp and body with nothing between: the edge itself must ask for JSON."""
    (tmp_path / "k").write_bytes(b"secret of this test")
    setting = SourceSettings(
        slug="s", provider="zendesk", key=[KeySettings(id="k", file=Path("k"))]
    )
    source = sources.build(SERVES, [setting], EdgeSettings(), sources.Origin(tmp_path))["s"]
    stamp = b"2027-01-15T08:00:00Z"

    def sent(body: bytes) -> Delivery:
        digest = hmac.digest(b"secret of this test", stamp + body, "sha256")
        headers = (
            (b"x-zendesk-webhook-signature", base64.b64encode(digest)),
            (b"x-zendesk-webhook-signature-timestamp", stamp),
        )
        return Delivery("s", "POST", b"", headers, body, AT_S * 1000)

    assert verify(sent(b'{"id":"1"}'), source, None).key_id == "k"
    with pytest.raises(Rejected) as refused:
        verify(sent(b'Z{"id":"1"}'), source, None)
    assert refused.value.reason is Reason.BODY_MALFORMED
