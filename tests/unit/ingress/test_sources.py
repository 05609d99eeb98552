"""What a source must say before its provider's deliveries are relied upon."""

from pathlib import Path
from typing import Any

import pytest

from ingress import sources
from ingress.settings import ConfigurationInvalid, EdgeSettings, KeySettings, SourceSettings
from tests.support.builders import SERVES
from tests.support.signers import EVERY

BY_NAME = {signer.name: signer for signer in EVERY}
CIRCLE = BY_NAME["circle_v2"]
UNCONFIRMED = """
title = "Unconfirmed"
type_prefix = "com.example"
confidence = "D"
coverage = "full"
[signature]
kind = "mac"
hash = "sha256"
header = "X-Sig"
encoding = "hex"
message = "{body}"
[identity]
[[evidence]]
what = "a rumour"
read = 2026-11-22
"""


def _key(directory: Path, key_id: str, secret: bytes, **settings: Any) -> KeySettings:
    (directory / key_id).write_bytes(secret)
    return KeySettings(id=key_id, file=Path(key_id), **settings)


def _build(directory: Path, provider: str, *keys: KeySettings, **settings: Any) -> sources.Source:
    setting = SourceSettings(slug="s", provider=provider, key=list(keys), **settings)
    origin = sources.Origin(directory, profiles=directory)
    return sources.build(SERVES, [setting], EdgeSettings(), origin)["s"]


def test_what_proves_nothing_is_off_until_the_source_says_that_it_takes_hints(
    tmp_path: Path,
) -> None:
    """Anybody can send a hint: to take them must be somebody's decision, and visible."""
    with pytest.raises(ConfigurationInvalid, match="accepts_hints = true"):
        _build(tmp_path, "bitpay")
    source = _build(tmp_path, "bitpay", accepts_hints=True)
    assert (source.ring.ids, source.key_labels) == ((), ("none",))


def test_a_hint_has_no_key(tmp_path: Path) -> None:
    """A secret beside it would look like protection, and is none."""
    with pytest.raises(ConfigurationInvalid, match="signs nothing, so a source of it has no key"):
        _build(tmp_path, "bitpay", _key(tmp_path, "k", b"a-secret"), accepts_hints=True)


def test_what_nobody_confirmed_is_off_until_the_source_says_experimental(tmp_path: Path) -> None:
    """A guess that refuses real deliveries costs more than no profile at all."""
    (tmp_path / "rumour.toml").write_text(UNCONFIRMED)
    key = _key(tmp_path, "k", b"a-secret")
    with pytest.raises(ConfigurationInvalid, match="experimental = true"):
        _build(tmp_path, "rumour", key)
    assert _build(tmp_path, "rumour", key, experimental=True).ring.ids == ("k",)


def test_a_scheme_that_signs_the_url_needs_it(tmp_path: Path) -> None:
    """Without it every delivery of Square's would be refused, and nobody would see why."""
    key = _key(tmp_path, "k", b"a-secret")
    with pytest.raises(ConfigurationInvalid, match="public_url is needed"):
        _build(tmp_path, "square", key)
    url = "https://hooks.example.com/hooks/s"
    assert _build(tmp_path, "square", key, public_url=url).url == url


def test_a_required_parameter_is_asked_for_by_name(tmp_path: Path) -> None:
    """Amazon signs for every topic there is: without the topic, anybody's would verify."""
    with pytest.raises(ConfigurationInvalid, match="'topic_arn' is needed"):
        _build(tmp_path, "aws_sns")


def test_keys_are_fetched_where_they_are_published_for_everybody(tmp_path: Path) -> None:
    """The merchant has nothing to configure: that is what the provider publishes them for."""
    source = _build(tmp_path, "fireblocks_v2")
    assert source.plan is not None
    assert source.plan.declaration.url == "https://keys.fireblocks.io/.well-known/jwks.json"
    assert (source.ring.ids, source.key_labels) == ((), ("fetched",))


def test_a_source_that_may_not_fetch_needs_a_key(tmp_path: Path) -> None:
    """Both closed, it would refuse everything for ever."""
    with pytest.raises(ConfigurationInvalid, match="at least one"):
        _build(tmp_path, "fireblocks_v2", fetch_keys=False)


def test_keys_that_are_shown_to_customers_need_a_credential_or_a_file(tmp_path: Path) -> None:
    """Circle gives its keys to those it knows; whoever has one in a file needs to ask nobody."""
    with pytest.raises(ConfigurationInvalid, match='role = "api"'):
        _build(tmp_path, "circle_v2")
    api = _key(tmp_path, "api", b"an-api-key", role="api")
    fetching = _build(tmp_path, "circle_v2", api)
    assert (fetching.ring.ids, fetching.key_labels) == ((), ("fetched",))
    pinned = _key(tmp_path, "pem", CIRCLE.shown(CIRCLE.old), kid=CIRCLE.kid(CIRCLE.old))
    filed = _build(tmp_path, "circle_v2", pinned)
    assert filed.plan is None
    assert filed.ring.keys[0].key.kid == CIRCLE.kid(CIRCLE.old)


def test_a_credential_that_cannot_be_sent_is_told_at_once_and_not_shown(tmp_path: Path) -> None:
    """With a line end inside it would write headers of its own, at the first fetch."""
    api = _key(tmp_path, "api", b"a-canary\nX: y", role="api")
    with pytest.raises(ConfigurationInvalid, match="one line of printable ASCII") as raised:
        _build(tmp_path, "circle_v2", api)
    assert "canary" not in str(raised.value)


def test_a_handshake_key_verifies_no_delivery(tmp_path: Path) -> None:
    """Meta shows it in a URL, where logs and proxies read it: it must not sign anything."""
    key = _key(tmp_path, "app", b"app-secret")
    token = _key(tmp_path, "token", b"verify-token", role="handshake")
    source = _build(tmp_path, "meta", key, token)
    assert source.ring.ids == ("app",)
    assert [one.material for one in source.tokens] == [b"verify-token"]
    with pytest.raises(ConfigurationInvalid, match="at least one"):
        _build(tmp_path, "meta", token)


def test_a_source_shows_none_of_its_secrets(tmp_path: Path) -> None:
    """A repr ends in a log sooner or later."""
    api = _key(tmp_path, "api", b"a-canary-credential", role="api")
    token = _key(tmp_path, "token", b"a-canary-token", role="handshake")
    shown = repr(_build(tmp_path, "circle_v2", api, token))
    assert "canary" not in shown


@pytest.mark.parametrize(
    "name",
    ["../elsewhere/rumour", "own/../rumour", "./rumour", "", "Rumour", "rumour.toml", "a" * 65],
)
def test_a_provider_name_leads_to_no_file_outside_of_its_directory(
    tmp_path: Path, name: str
) -> None:
    """A file that somebody may write elsewhere must not decide what verifies here."""
    (tmp_path / "providers" / "own").mkdir(parents=True)
    for directory in (tmp_path / "elsewhere", tmp_path / "providers"):
        directory.mkdir(exist_ok=True)
        (directory / "rumour.toml").write_text(UNCONFIRMED)
    for directory in (tmp_path / "providers", tmp_path / "elsewhere"):
        (directory / "Rumour.toml").write_text(UNCONFIRMED)
        (directory / f"{'a' * 65}.toml").write_text(UNCONFIRMED)
        (directory / "rumour.toml.toml").write_text(UNCONFIRMED)
        (directory / ".toml").write_text(UNCONFIRMED)
    setting = SourceSettings(
        slug="s", provider=name, experimental=True, key=[_key(tmp_path, "k", b"a-secret")]
    )
    origin = sources.Origin(tmp_path, profiles=tmp_path / "providers")
    with pytest.raises(ConfigurationInvalid, match=r"no name of a provider.*64"):
        sources.build(SERVES, [setting], EdgeSettings(), origin)


@pytest.mark.parametrize(
    ("provider", "said", "edge", "expected"),
    [
        ("btcpay", None, 512, 512),  # an HMAC over the bytes, which nobody parses before it holds
        ("paypal", None, 512, 512),
        ("nowpayments", None, 512, 64),  # JSON is sorted before it is known who sent it
        ("cryptomus", None, 512, 64),
        ("transak", None, 512, 64),
        ("paddle_classic", None, 512, 64),
        ("linear", None, 512, 256),  # its timestamp is in the body
        ("mailgun", None, 512, 256),
        ("aws_sns", None, 512, 512),
        ("nowpayments", None, 32, 32),
        ("aws_sns", None, 128, 128),
        ("nowpayments", 300, 512, 300),  # whoever runs the source knows better
        ("btcpay", 100, 512, 100),
    ],
)
def test_what_must_be_parsed_before_it_is_verified_is_bounded_more_closely(
    tmp_path: Path, provider: str, said: int | None, edge: int, expected: int
) -> None:
    """To read a stranger's JSON costs a hundred times what it costs to hash it."""
    settings: dict[str, Any] = {"experimental": True, "public_url": "https://a.example/hooks/s"}
    if said is not None:
        settings["body_bytes_max"] = said * 1024
    settings["parameters"] = {
        "aws_sns": {"topic_arn": "arn:aws:sns:us-east-1:1:t"},
        "paypal": {"webhook_id": "1JE4291016473214C"},
    }.get(provider, {})
    keys = []
    if not settings["parameters"]:
        signer = BY_NAME[provider]
        keys = [_key(tmp_path, "k", signer.shown(signer.old))]
    setting = SourceSettings(slug="s", provider=provider, key=keys, **settings)
    origin = sources.Origin(tmp_path)
    built = sources.build(SERVES, [setting], EdgeSettings(body_bytes_max=edge * 1024), origin)
    assert built["s"].body_bytes_max == expected * 1024


@pytest.mark.parametrize(
    ("provider", "content", "mode"),
    [
        ("btcpay", b"the-old-secret", 0o644),
        ("btcpay", b"old", 0o600),
        ("standard_webhooks", b"REVOKED", 0o600),
        ("standard_webhooks", b"", 0o600),
    ],
)
def test_whatever_became_of_its_file_a_revoked_key_is_revoked(
    tmp_path: Path, provider: str, content: bytes, mode: int
) -> None:
    """A secret that everybody could read, or that was shredded, is why its key is revoked."""
    signer = BY_NAME[provider]
    old = _key(tmp_path, "old", content, status="revoked")
    (tmp_path / "old").chmod(mode)
    built = _build(tmp_path, provider, _key(tmp_path, "new", signer.shown(signer.new)), old)
    assert built.ring.at(0).ids == ("new",)


def test_revoked_keys_that_were_overwritten_with_one_word_are_no_mistake(tmp_path: Path) -> None:
    """Of two keys that prove nothing, that they are the same proves nothing either."""
    settings = []
    for slug in ("one", "other"):
        used = _key(tmp_path, f"{slug}-used", f"secret-of-{slug}".encode())
        gone = [_key(tmp_path, f"{slug}-{n}", b"REVOKED", status="revoked") for n in (1, 2)]
        settings.append(SourceSettings(slug=slug, provider="btcpay", key=[used, *gone]))
    built = sources.build(SERVES, settings, EdgeSettings(), sources.Origin(tmp_path))
    assert [source.ring.at(0).ids for source in built.values()] == [("one-used",), ("other-used",)]


def test_a_revoked_secret_is_no_new_key_of_any_source(tmp_path: Path) -> None:
    """Whoever has it may use it, under whatever id and at whatever source it is taken again."""
    old = _key(tmp_path, "old", b"leaked", status="revoked")
    with pytest.raises(ConfigurationInvalid, match="hold the same secret"):
        _build(tmp_path, "btcpay", _key(tmp_path, "new", b"leaked"), old)
    settings = [
        SourceSettings(slug="one", provider="btcpay", key=[_key(tmp_path, "used", b"sound"), old]),
        SourceSettings(slug="other", provider="btcpay", key=[_key(tmp_path, "new", b"leaked")]),
    ]
    with pytest.raises(ConfigurationInvalid, match="is a key of source 'one'"):
        sources.build(SERVES, settings, EdgeSettings(), sources.Origin(tmp_path))
