"""Profiles as files: what they say, and what a mistake in one is called."""

from pathlib import Path

import pytest

from ingress import providers
from ingress.contract.envelope import Assurance, Coverage
from ingress.delivery import Delivery
from ingress.providers import load, load_file, names

GOOD = """
title = "Example"
type_prefix = "com.example"
confidence = "B"
coverage = "full"

[signature]
kind = "mac"
hash = "sha256"
key = "utf8"
header = "X-Signature"
parser = { form = "plain" }
encoding = "hex"
message = "{body}"

[identity]
event_key = ["/id"]

[[evidence]]
what = "the documentation of Example"
read = 2026-01-01
"""


def _file(folder: Path, text: str) -> Path:
    file = folder / "example.toml"
    file.write_text(text, encoding="utf-8")
    return file


def _mistake(folder: Path, text: str) -> str:
    with pytest.raises(ValueError) as refused:
        load_file(_file(folder, text))
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "assurance", "refusal", "signed"),
    [
        ("btcpay", Assurance.B, 503, (b"btcpay-sig",)),
        ("coinbase_commerce", Assurance.B, 401, (b"x-cc-webhook-signature",)),
        ("kobbopay", Assurance.A, 401, (b"x-kobbopay-signature", b"x-kobbopay-timestamp")),
        (
            "standard_webhooks",
            Assurance.A,
            401,
            (b"webhook-signature", b"webhook-timestamp", b"webhook-id"),
        ),
        ("stripe", Assurance.A, 401, (b"stripe-signature",)),
    ],
)
def test_each_profile_promises_what_its_provider_gives(
    name: str, assurance: Assurance, refusal: int, signed: tuple[bytes, ...]
) -> None:
    """Consumers act on the assurance, the sender on the status, an auditor on the headers."""
    profile = load(name)
    assert (profile.name, profile.scheme) == (name, "hmac-sha256")
    assert profile.coverage is Coverage.FULL
    assert profile.assurance is assurance
    assert (profile.success_status, profile.success_body) == (200, b"")
    assert profile.refusal_status == refusal
    assert profile.signed_headers == signed
    assert profile.methods == ("POST",)


def test_the_names_are_those_of_the_files() -> None:
    """A name in a configuration is a file here, and nothing else."""
    folder = Path(providers.__file__).parent
    assert names() == tuple(sorted(file.stem for file in folder.glob("*.toml")))
    assert len(names()) >= 76


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("strip", "did you mean 'stripe'"),
        ("coinbase-commerce", "did you mean 'coinbase_commerce'"),
        ("../stripe", "did you mean 'stripe'"),
        ("", "`sealgate providers list` shows all"),
        ("hubspot", "did you mean 'hubspot_v3' or 'hubspot_v2' or 'hubspot_v1'"),
        ("stripe.toml", "did you mean 'stripe'"),
    ],
)
def test_an_unknown_name_is_answered_with_a_guess(name: str, hint: str) -> None:
    """A name is looked up among the known and never becomes a path."""
    with pytest.raises(ValueError, match=hint):
        load(name)


def test_a_profile_of_ones_own_is_a_file(tmp_path: Path) -> None:
    """A provider that is not here yet is one file away."""
    profile = load_file(_file(tmp_path, GOOD))
    assert (profile.name, profile.title, profile.assurance) == ("example", "Example", Assurance.B)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"sha256"', '"sha265"', "or 'keccak256'; did you mean 'sha256'?"),
        (
            "header =",
            "haeder =",
            "signature.haeder: there is no such field; did you mean 'header'?",
        ),
        ('"X-Signature"', '"X Signature"', "signature.header: must be a header's name"),
        ('"X-Signature"', '"X_Signature"', "signature.header: must be a header's name"),
        ('"mac"', '"max"', "'none', not 'max'; did you mean 'mac'?"),
        ('"plain"', '"plane"', "not 'plane'; did you mean 'plain'?"),
        ('["/id"]', '["id"]', "identity.event_key.0: 'id' is no place; there are /json/pointer"),
        ('["/id"]', "[[]]", "identity.event_key.0: "),
        (
            '["/id"]',
            '["header:x-id"]',
            "identity uses the header x-id, which signature.message does",
        ),
        ('"{body}"', '"{bdy}"', "signature.message: {bdy} is no part of a message"),
        ('"{body}"', '"{body"', "signature.message: a brace is left open"),
        ('"{body}"', '"{timestamp}.{body}"', "signature.message has {timestamp}, and freshness"),
        ('"{body}"', '"{header:x-id}"', "coverage is not full: signature.message does not contain"),
        (
            'coverage = "full"',
            'coverage = "full"\nassurance = "A"',
            "claims more than the signature",
        ),
        ('coverage = "full"', 'coverage = "ful"', "coverage: must be 'full', 'partial' or 'none'"),
        ('confidence = "B"', 'confidence = "E"', "confidence: must be 'A', 'B', 'C' or 'D'"),
        (
            "2026-01-01",
            '"last year"',
            "evidence.0.read: must be a date, without quotes: 2026-11-22",
        ),
        ('title = "Example"', "", "title: is missing"),
        (
            "title",
            "titel",
            "title: is missing\nexample.toml: titel: there is no such field; did you",
        ),
        ('"com.example"', '"example"', "type_prefix: must be small words with dots between"),
        ('"/id"', '"$id"', "$id is used and not declared under parameters"),
        ('title = "Example"', "title = ", "example.toml: not TOML"),
        ("[identity]", "[parameters.x]\ndefault = 1\n[identity]", "x.meaning: is missing"),
        (
            "[identity]",
            '[freshness]\nheader = "X-At"\nwindow_s = 300\n[identity]',
            "signature.message does not sign the timestamp that freshness judges",
        ),
        (
            "[identity]",
            '[freshness]\nheader = "X-At"\nfield = "t"\nwindow_s = 300\n[identity]',
            "freshness: a timestamp has one place",
        ),
        (
            'message = "{body}"',
            'message = "{timestamp}{body}"\n[freshness]\nfield = "t"\nwindow_s = 300',
            'freshness.field needs signature.parser.form = "kv"',
        ),
        ("[identity]", "[answers]\nrefusal_status = 200\n[identity]", "answers.refusal_status"),
        ("[identity]", "[answers]\nsuccess_status = true\n[identity]", "answers.success_status"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    """Whoever writes a profile sees the file, the field and what was meant."""
    assert expected in _mistake(tmp_path, GOOD.replace(old, new, 1))


def test_a_file_that_is_no_text_is_called_so(tmp_path: Path) -> None:
    """A binary file by the name of a profile is a mistake like any other."""
    file = tmp_path / "example.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"example\.toml: not TOML"):
        load_file(file)


def test_a_profile_may_claim_less_than_it_proves(tmp_path: Path) -> None:
    """Caution is allowed."""
    text = GOOD.replace('"full"', '"partial"\nassurance = "D"', 1)
    profile = load_file(_file(tmp_path, text))
    assert (profile.coverage, profile.assurance) == (Coverage.PARTIAL, Assurance.D)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"heder": "X"}, "parameter 'heder': not known; did you mean 'header'?"),
        ({"hash": "sha1"}, "parameter 'hash': must be one of 'sha256', 'sha512'"),
        ({"hash": 256}, "parameter 'hash': must be a text"),
        ({"window_s": "300"}, "parameter 'window_s': must be a number"),
        ({"window_s": True}, "parameter 'window_s': must be a number"),
        ({"window_s": -1}, "kobbopay.toml: parameter 'window_s': must be at least 0"),
        ({"window_s": 90_000}, "kobbopay.toml: parameter 'window_s': must be at most 86400"),
        ({"header": "X Y"}, "kobbopay.toml: parameter 'header': must be a header's name"),
        ({"event_key": "id"}, "kobbopay.toml: parameter 'event_key': 'id' is no place"),
        ({"prefix": "\n"}, "kobbopay.toml: parameter 'prefix'"),
        ({"message": "{body}.{timestamp}"}, "parameter 'message': must be one of"),
        ({"message": "{body}"}, "add {timestamp} to the message, or name no place"),
        ({"timestamp_header": ""}, "signature.message has {timestamp}, and freshness does not say"),
        ({"header": ""}, "kobbopay.toml: signature: say where it stands"),
    ],
)
def test_a_wrong_parameter_is_named(given: dict[str, object], expected: str) -> None:
    """The parameters come from an operator's configuration, so their mistakes are explained."""
    with pytest.raises(ValueError) as refused:
        load("kobbopay", given)
    assert expected in str(refused.value)


@pytest.mark.parametrize("name", ["btcpay", "github", "shopify", "coinbase_commerce"])
def test_a_profile_without_parameters_takes_none(name: str) -> None:
    """A public contract is not the operator's to change."""
    with pytest.raises(ValueError, match="takes no parameters"):
        load(name, {"window_s": 86_400})


@pytest.mark.parametrize(
    "name", [name for name in names() if load(name).declaration.timed and name != "kobbopay"]
)
def test_a_source_may_choose_the_window_of_a_timestamp(name: str) -> None:
    """Five seconds are too few behind a queue, and 0 judges no age, which the class then says."""
    for window_s in (7, 0):
        timed = load(name, {"window_s": window_s}).declaration.timed
        assert timed is not None
        assert timed.window_s == window_s
    assert load(name, {"window_s": 0}).assurance >= load(name, {"window_s": 7}).assurance


def test_assurance_follows_from_what_kobbopay_signs() -> None:
    """Without a signed timestamp a capture can be replayed, and consumers must know."""
    timed = load("kobbopay")
    untimed = load("kobbopay", {"message": "{body}", "timestamp_header": ""})
    assert (timed.assurance, untimed.assurance) == (Assurance.A, Assurance.B)


def test_an_empty_parameter_leaves_its_place_out() -> None:
    """A contract may have no event id; then the bytes identify an event."""
    profile = load("kobbopay", {"event_key": "", "payment_ref": "", "occurred_at": ""})
    body = b'{"event_id":"e1","payment_id":"p1"}'
    found = profile.identify(Delivery("shop", "POST", b"", (), body, 0))
    assert found.event_key.startswith("sha256:")
    assert (found.payment_ref, found.occurred_ms) == ("", None)


def test_a_parameters_value_is_never_read_as_a_parameter(tmp_path: Path) -> None:
    """What an operator writes is a value, even where it looks like a reference."""
    text = GOOD.replace('form = "plain"', 'form = "plain", prefix = "$prefix"') + (
        '[parameters.prefix]\nmeaning = "before the signature"\ndefault = ""\n'
    )
    profile = load_file(_file(tmp_path, text), {"prefix": "$prefix"})
    assert profile.declaration.signature[0].model_dump()["parser"]["prefix"] == "$prefix"


@pytest.mark.parametrize(
    ("name", "headers", "expected"),
    [
        ("stripe", {"stripe-signature": "t=1760000000,v1=" + "0" * 64}, 1_760_000_000_000),
        ("btcpay", {"btcpay-sig": "sha256=" + "0" * 64}, None),
    ],
)
def test_the_claimed_time_is_readable_before_it_is_proven(
    name: str, headers: dict[str, str], expected: int | None
) -> None:
    """Whoever explains a refusal wants to say how old the delivery says it is."""
    sent = tuple((key.encode(), value.encode()) for key, value in headers.items())
    delivery = Delivery("shop", "POST", b"", sent, b"{}", 0)
    assert load(name).claimed_ms(delivery) == expected


@pytest.mark.parametrize("name", names())
def test_every_profile_is_dated_and_says_how_sure_it_is(name: str) -> None:
    """A reader decides how far to trust a profile by its evidence."""
    declaration = load(name).declaration
    assert declaration.confidence in "ABCD"
    assert all(source.read.year >= 2026 for source in declaration.evidence)
