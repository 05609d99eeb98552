"""`sealgate vectors FILE`, as a stranger runs it on a file of their own."""

import base64
import io
import json
from pathlib import Path

import pytest

from sealgate import vectors

TREE = Path(__file__).parents[3] / "tests" / "vectors"

# RFC 4231, test case 2.
DATA = "what do ya want for nothing?"
DIGEST = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
GOOD = {
    "id": "rfc4231-2",
    "provider": "btcpay",
    "secret": "Jefe",
    "headers": {"BTCPay-Sig": f"sha256={DIGEST}"},
    "body": DATA,
    "expect": "valid",
}
STRIPE_OLD = json.loads((TREE / "stripe" / "sdk.json").read_bytes())[1]


def _run(folder: Path, entries: object, *, known_only: bool = False) -> tuple[int, list[str]]:
    file = folder / "vectors.json"
    file.write_text(json.dumps(entries))
    out = io.StringIO()
    return vectors.run(file, known_only=known_only, out=out), out.getvalue().splitlines()


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(TREE.glob("*/*.json")) if file.parent.name != "wire"],
    ids=lambda file: file.parent.name,
)
def test_the_vectors_we_ship_all_pass(file: Path) -> None:
    """Anybody can repeat this with the command line."""
    out = io.StringIO()
    assert vectors.run(file, known_only=False, out=out) == 0
    assert out.getvalue().splitlines()[-1].endswith(" passed, 0 failed")


def test_a_wrong_verdict_is_named_and_fails(tmp_path: Path) -> None:
    """Both ways round: accepting too much is as wrong as accepting too little."""
    tampered = {**GOOD, "id": "tampered", "body": DATA + "!"}
    too_strict = {**GOOD, "id": "not-really-invalid", "expect": "invalid"}
    status, lines = _run(tmp_path, [GOOD, tampered, too_strict])
    assert status == 1
    assert lines == [
        "tampered: btcpay: expected valid, got no_matching_signature",
        "not-really-invalid: btcpay: expected invalid, got valid",
        "1 passed, 2 failed",
    ]


@pytest.mark.parametrize("expect", ["valid", "invalid"])
def test_a_provider_without_a_profile_fails(tmp_path: Path, expect: str) -> None:
    """What cannot be verified here has not passed, whatever it expects."""
    status, lines = _run(tmp_path, [GOOD, {**GOOD, "provider": "nobody", "expect": expect}])
    assert status == 1
    assert lines == [
        f"rfc4231-2: nobody: expected {expect}, got unusable: no such profile",
        "1 passed, 1 failed",
    ]


def test_a_provider_without_a_profile_may_be_left_out(tmp_path: Path) -> None:
    """And is counted, so that nobody believes it was tried."""
    status, lines = _run(tmp_path, [GOOD, {**GOOD, "provider": "nobody"}], known_only=True)
    assert (status, lines) == (0, ["1 skipped: nobody have no profile", "1 passed, 0 failed"])


def test_a_vector_without_a_moment_is_received_when_it_was_signed(tmp_path: Path) -> None:
    """Old vectors say nothing about age; their signature is what they are for."""
    timeless = {name: value for name, value in STRIPE_OLD.items() if name != "now"}
    assert _run(tmp_path, [timeless]) == (0, ["1 passed, 0 failed"])


def test_a_moment_counts_where_it_is_given(tmp_path: Path) -> None:
    """A vector may be about age and nothing else."""
    late = {**STRIPE_OLD, "now": STRIPE_OLD["now"] + 301}
    assert _run(tmp_path, [late])[1][0].endswith("expected valid, got timestamp_too_old")


def test_any_of_several_secrets_may_have_signed(tmp_path: Path) -> None:
    """A vector of a rotation carries both."""
    rotated = {**GOOD, "secret": "other", "secrets": ["other", "Jefe"]}
    assert _run(tmp_path, [rotated]) == (0, ["1 passed, 0 failed"])


def test_a_secret_or_parameter_that_does_not_fit_is_a_failure(tmp_path: Path) -> None:
    """Even for a vector that expects a refusal: it was refused for another reason."""
    broken = {**GOOD, "provider": "standard_webhooks", "secret": "whsec_!", "expect": "invalid"}
    wrong = {**GOOD, "config": {"winow_s": 5}, "expect": "invalid"}
    status, lines = _run(tmp_path, [broken, wrong])
    assert status == 1
    assert "got unusable: the secret must be base64 behind whsec_" in lines[0]
    assert "got unusable: parameter 'winow_s': this profile takes no parameters" in lines[1]
    assert lines[2] == "0 passed, 2 failed"


def test_an_empty_secret_refuses_what_it_signed(tmp_path: Path) -> None:
    """BTCPay Server may sign with an empty secret, as anybody can: no such delivery is valid."""
    # HMAC-SHA256 of nothing under an empty key, as published in many places.
    anybodys = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    empty = {**GOOD, "secret": "", "body": "", "headers": {"BTCPay-Sig": f"sha256={anybodys}"}}
    assert _run(tmp_path, [{**empty, "expect": "invalid"}]) == (0, ["1 passed, 0 failed"])
    status, lines = _run(tmp_path, [empty])
    assert (status, lines[0]) == (1, "rfc4231-2: btcpay: expected valid, got no_usable_key")


def test_a_header_may_come_several_times(tmp_path: Path) -> None:
    """Mollie sends one header for each secret, and either may hold; of GitHub's there is one."""
    both = [f"sha256={'0' * 64}", f"sha256={DIGEST}"]
    mollie = {**GOOD, "provider": "mollie", "headers": {"X-Mollie-Signature": both}}
    github = {**GOOD, "provider": "github", "headers": {"X-Hub-Signature-256": both}}
    entries = [mollie, {**github, "expect": "invalid"}]
    assert _run(tmp_path, entries) == (0, ["2 passed, 0 failed"])


def test_a_body_that_is_no_text_and_a_moment_between_two_seconds_are_read(tmp_path: Path) -> None:
    """A vector of any provider can be written, and the edge of a window be tried to the letter."""
    # RFC 4231, test case 3: fifty bytes of 0xdd under twenty of 0xaa, which stand here in hex.
    digest = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    binary = {
        **{name: value for name, value in GOOD.items() if name != "body"},
        "provider": "kobbopay",
        "secret": "aa" * 20,
        "config": {"key": "hex", "message": "{body}", "timestamp_header": ""},
        "headers": {"X-Kobbopay-Signature": digest},
        "body_base64": base64.b64encode(b"\xdd" * 50).decode(),
    }
    early, late = (
        {**STRIPE_OLD, "now": STRIPE_OLD["now"] + 300 + part, "expect": expect}
        for part, expect in ((0.0, "valid"), (0.001, "invalid"))
    )
    assert _run(tmp_path, [binary, early, late]) == (0, ["3 passed, 0 failed"])


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    """A field that nobody reads might have decided; where a vector comes from never does."""
    odd = {**GOOD, "kind": "official", "note": "", "source": "", "mehtod": "GET", "query": "a=b"}
    assert _run(tmp_path, [odd, {**odd, "id": "again"}]) == (
        0,
        [
            "not read: the field 'mehtod' of 2 vectors; did you mean 'method'?",
            "not read: the field 'query' of 2 vectors",
            "2 passed, 0 failed",
        ],
    )


def test_a_provider_that_is_misspelt_is_guessed(tmp_path: Path) -> None:
    """Names are written in many ways, and there are eighty-eight of them."""
    _, lines = _run(tmp_path, [{**GOOD, "provider": "zero_xpay", "id": "x\x1b[2J"}])
    assert lines[0].endswith("unusable: no such profile; did you mean 'zeroxpay'?")
    assert lines[0].startswith(r"x\x1b[2J: zero_xpay")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not JSON"),
        (b"# a heading", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "holds no vector, so nothing was tried"),
        (b"{}", "each needs id, provider, secret, headers, body, expect"),
        (b"{}", "not a list of vectors: the file"),
        (b'[{"id": "x"}]', "not a list of vectors: 0.provider: Field required (5 mistakes)"),
        (json.dumps([{**GOOD, "expect": "perhaps"}]).encode(), "0.expect: String should match"),
        (json.dumps([{**GOOD, "secret": 5}]).encode(), "0.secret: Input should be a valid string"),
        (json.dumps([{**GOOD, "body": "\ud800"}]).encode(), "not JSON"),
        (json.dumps([{**GOOD, "body_base64": ""}]).encode(), "0: Value error, say either body or"),
        (
            json.dumps([{**GOOD, "body": "", "body_base64": "e30"}]).encode(),
            "0.body_base64: Value error, must be base64 with its padding",
        ),
        (json.dumps([{**GOOD, "now": -1}]).encode(), "0.now: Input should be greater than"),
    ],
)
def test_an_unusable_file_is_called_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, complaint: str
) -> None:
    """Exit 2 is a mistake of the caller's, on the error stream, without a traceback."""
    file = tmp_path / "vectors.json"
    file.write_bytes(content)
    out = io.StringIO()
    assert vectors.run(file, known_only=False, out=out) == 2
    assert out.getvalue() == ""
    assert complaint in capsys.readouterr().err


def test_a_missing_file_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path is repeated, because it is what was wrong."""
    assert vectors.run(tmp_path / "none.json", known_only=False, out=io.StringIO()) == 2
    assert "none.json: cannot be read: No such file or directory" in capsys.readouterr().err
