"""What keeps one environment's settings out of another: every sign, and no other word."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ingress.contract.envelope import Mode
from sealgate import credentials, environment
from sealgate.check import faults
from sealgate.config import examine
from sealgate.role import ALL_ROLES, Role

SECRET = "5f1c8e0a7b94"  # of nobody; in no message may it be seen
KEY = bytes(range(32)).hex()


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("production", Mode.LIVE),
        ("prod-eu", Mode.LIVE),
        ("live", Mode.LIVE),
        ("sandbox", Mode.TEST),
        ("eu-staging", Mode.TEST),
        ("demo-1f2e", Mode.TEST),
        ("shop", Mode.UNKNOWN),
        ("latest", Mode.UNKNOWN),
        ("delivery", Mode.UNKNOWN),
        ("prod-test", Mode.UNKNOWN),
    ],
)
def test_a_name_says_whether_money_is_real_by_whole_words_alone(name: str, mode: Mode) -> None:
    """`latest` is no test and `delivery` is not live; a name that says both says nothing."""
    assert environment.named_mode(name) is mode


@pytest.mark.parametrize(
    ("host", "mode", "word"),
    [
        ("api.sandbox.example.com", Mode.LIVE, "sandbox"),
        ("db-staging.internal", Mode.LIVE, "staging"),
        ("db.TEST.example.com", Mode.LIVE, "test"),
        ("kafka.prod.svc.cluster.local", Mode.TEST, "prod"),
        ("db.live.example.com", Mode.TEST, "live"),
        # Nothing of the other mode:
        ("latest.example.com", Mode.LIVE, ""),
        ("contest-entries.example.com", Mode.LIVE, ""),
        ("delivery.example.com", Mode.TEST, ""),
        ("product.example.com", Mode.TEST, ""),
        ("kafka.svc.cluster.local", Mode.LIVE, ""),
        ("hooks.example.dev", Mode.LIVE, ""),
        ("hooks.example.live", Mode.TEST, ""),
        ("localhost", Mode.LIVE, ""),
        ("127.0.0.1", Mode.LIVE, ""),
    ],
)
def test_a_host_is_of_the_other_mode_by_a_whole_word(host: str, mode: Mode, word: str) -> None:
    """A check that cries at `latest` is switched off within a week."""
    assert environment.stray_in_host(host, environment.STRAY_WORDS[mode]) == word


@pytest.mark.parametrize(
    ("secret", "mode", "flaw"),
    [
        (b"sk_test_4eC39HqLyjWDarjtT1zdp7dc", Mode.LIVE, "sk_test_"),
        (b"sk_live_4eC39HqLyjWDarjtT1zdp7dc", Mode.TEST, "sk_live_"),
        (b"pdl_sdbx_apikey_01", Mode.LIVE, "Paddle"),
        (b"rzp_test_1DP5mmOlF5G5ag", Mode.LIVE, "Razorpay"),
        (b"test_dHar4XY7LxsDOtmnkVtjNVWXLSlXsM", Mode.LIVE, "Mollie"),
        (b"sandbox_token", Mode.LIVE, "GoCardless"),
        (b"sk_live_4eC39HqLyjWDarjtT1zdp7dc", Mode.LIVE, ""),
        (b"sk_test_4eC39HqLyjWDarjtT1zdp7dc", Mode.TEST, ""),
        (b"whsec_test_of_nothing", Mode.LIVE, ""),
        (b"latest_sk_test_", Mode.LIVE, ""),
        # In no environment:
        (b" \t ", Mode.TEST, "blank"),
        (b"0000000000000000", Mode.TEST, "one character"),
        (bytes(32), Mode.LIVE, "one character"),
        (b"changeme", Mode.TEST, "samples"),
        (b"Change-Me", Mode.LIVE, "samples"),
        (b"<your_webhook_secret>", Mode.TEST, "samples"),
        (b"password", Mode.TEST, "samples"),
        (b"a secret of a test", Mode.TEST, ""),
        (b"passwords-are-long", Mode.TEST, ""),
    ],
)
def test_a_secret_says_of_itself_what_is_wrong_with_it(
    secret: bytes, mode: Mode, flaw: str
) -> None:
    """Prefixes are from the providers' own pages on keys; the rest of a secret is never shown."""
    told = credentials.flaw(secret, mode)
    assert bool(told) == bool(flaw)
    assert flaw in told
    assert "4eC39" not in told


def _write(directory: Path, top: str, source: str = "", secret: str = SECRET) -> Path:
    (directory / "keys").mkdir(exist_ok=True)
    (directory / "keys" / "shop").write_text(secret)
    path = directory / "sealgate.toml"
    path.write_text(
        f'{top}\n[[source]]\nslug = "shop"\nprovider = "btcpay"\n{source}\n'
        '[[source.key]]\nid = "k1"\nfile = "keys/shop"\n'
    )
    return path


def _told(path: Path, roles: tuple[Role, ...] = ALL_ROLES) -> list[str]:
    reading = examine(path, {})
    found = [*reading.mistakes, *faults(reading.configuration, roles)]
    return [f"{mistake.place}: {mistake.message}" for mistake in found]


LIVE = 'environment = "production"'
TEST = 'environment = "sandbox"'


@pytest.mark.parametrize("top", [LIVE, TEST, 'environment = "shop"\nmode = "live"'])
def test_a_configuration_of_one_environment_starts(tmp_path: Path, top: str) -> None:
    """Whatever else is asked here, what is right passes."""
    assert _told(_write(tmp_path, top)) == []


@pytest.mark.parametrize(
    ("top", "source", "place"),
    [
        ('environment = "shop"', "", "mode"),
        ('environment = "production"\nmode = "test"', "", "mode"),
        ('environment = "sandbox"\nmode = "live"', "", "mode"),
        (LIVE, 'environment = "staging"', "source 'shop' environment"),
        (LIVE, 'environment = "prod"', "source 'shop' environment"),
        (LIVE, 'public_url = "https://sandbox.example.com/x"', "source 'shop' public_url"),
        (TEST, 'public_url = "https://live.example.com/x"', "source 'shop' public_url"),
        (f'{LIVE}\n[log]\nurl = "kafka://k1.example:9092,staging:9092"', "", "log.url"),
        (f'{LIVE}\n[log]\nurl = "embedded:./sandbox.db"', "", "log.url"),
        (f'{LIVE}\n[store]\nurl = "postgresql://u@db.test.internal/pay"', "", "store.url"),
        (f'{LIVE}\n[store]\nurl = "postgresql://u@db.internal/pay_staging"', "", "store.url"),
        (f'{TEST}\n[store]\nurl = "postgresql://u@prod-db:5432/pay"', "", "store.url"),
        (f'{LIVE}\n[store]\nurl = "sqlite:./test-store.db"', "", "store.url"),
        (f'{LIVE}\n[consumer]\ngroup = "sealgate-sandbox"', "", "consumer.group"),
    ],
)
def test_what_was_meant_for_another_environment_keeps_a_process_from_starting(
    tmp_path: Path, top: str, source: str, place: str
) -> None:
    """A copied file is the usual way in; the message names the one place that tells."""
    (told,) = _told(_write(tmp_path, top, source))
    assert told.startswith(f"{place}: ")


def test_the_file_of_a_secret_tells_where_it_was_meant_for(tmp_path: Path) -> None:
    """secrets/staging/stripe in a production configuration is an incident before it is one."""
    path = _write(tmp_path, LIVE)
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "shop").write_text(SECRET)
    path.write_text(path.read_text().replace("keys/shop", "staging/shop"))
    (told,) = _told(path)
    assert told.startswith("source 'shop' key 'k1': the path of its file has the word 'staging'")


def test_a_word_that_means_something_else_can_be_explained(tmp_path: Path) -> None:
    """A company called Test Kitchen must be able to go live; and it says so in its own file."""
    top = f'{LIVE}\n[store]\nurl = "postgresql://u@db.internal/test_kitchen"'
    (told,) = _told(_write(tmp_path, top))
    assert 'say accepts_labels = ["test"]' in told
    assert _told(_write(tmp_path, top.replace("\n", '\naccepts_labels = ["test"]\n', 1))) == []


def test_an_account_may_be_called_anything(tmp_path: Path) -> None:
    """Names that customers chose are not ours to judge."""
    assert _told(_write(tmp_path, LIVE, 'account = "test-kitchen"')) == []


@pytest.mark.parametrize(
    ("top", "secret"),
    [
        (LIVE, "sk_test_5f1c8e0a7b94"),
        (TEST, "sk_live_5f1c8e0a7b94"),
        (LIVE, "changeme"),
        (TEST, "changeme"),
        (TEST, "    "),
        (TEST, ""),
    ],
)
def test_a_secret_that_cannot_be_right_keeps_a_process_from_starting(
    tmp_path: Path, top: str, secret: str
) -> None:
    """A blank key was once taken for 'no check'; a test's key in production verifies tests."""
    (told,) = _told(_write(tmp_path, top, secret=secret))
    assert told.startswith("source 'shop' key 'k1': ")
    assert SECRET not in told


def test_a_database_with_the_password_of_the_sample_is_refused(tmp_path: Path) -> None:
    """It is a secret like any other."""
    (tmp_path / "pw").write_text("password")
    store = '[store]\nurl = "postgresql://u@db.internal/pay"\npassword_file = "pw"'
    path = _write(tmp_path, f"{LIVE}\n{store}")
    (told,) = _told(path)
    assert told.startswith("store.password_file: its secret is what stands in samples")
    assert _told(path, (Role.EDGE,)) == []  # an edge has no database, and may hold no password


@pytest.mark.parametrize(
    ("top", "chosen", "refused"),
    [(LIVE, "sandbox", True), (LIVE, "production", False), (TEST, "production", True)],
)
def test_keys_are_not_fetched_from_the_other_environments_host(
    tmp_path: Path, top: str, chosen: str, refused: bool
) -> None:
    """With a sandbox's keys, production would believe every delivery of the sandbox."""
    (tmp_path / "api").write_text(SECRET)
    path = tmp_path / "sealgate.toml"
    path.write_text(
        f'{top}\n[[source]]\nslug = "bank"\nprovider = "plaid"\n'
        f'parameters = {{ environment = "{chosen}", client_id = "c" }}\n'
        '[[source.key]]\nid = "api"\nrole = "api"\nfile = "api"\n'
    )
    told = _told(path)
    assert any("key_source" in line for line in told) == refused
    assert bool(told) == refused


def _fingerprints(directory: Path, foreign: Mapping[str, str]) -> str:
    (directory / "fp").write_text(KEY)
    for name, text in foreign.items():
        (directory / name).write_text(text)
    return f'[fingerprints]\nkey_file = "fp"\nforeign_files = {list(foreign)}'.replace("'", '"')


# HMAC-SHA256 under the bytes 00..1f, by `openssl dgst -sha256 -mac HMAC -macopt hexkey:...`
MARK = "c8efe60961fad8bcaa1805254d1f36593cb80ce7ecf3bc2d2199067fb1e104a4"
OF_SECRET = "fb08e976bee5a5987de30491da67cd5a4d1720bfe77f53d5711e0c2510ee0e3b"


def test_a_secret_that_another_environment_holds_keeps_a_process_from_starting(
    tmp_path: Path,
) -> None:
    """Production compares itself with staging, and holds nothing of staging's."""
    listed = f"sealgate-fingerprints-1 staging {MARK}\n{OF_SECRET} source 'btc' key 'k9'\n"
    path = _write(tmp_path, f"{LIVE}\n{_fingerprints(tmp_path, {'s.list': listed})}")
    (told,) = _told(path)
    assert told.startswith("source 'shop' key 'k1': the same secret is source 'btc' key 'k9'")
    assert SECRET not in told
    (tmp_path / "keys" / "shop").write_text("another-secret")
    assert _told(path) == []


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (f"sealgate-fingerprints-1 staging {'0' * 64}\n", "made under another key"),
        ("5f1c\n", "is no list of fingerprints"),
        ("", "is no list of fingerprints"),
        (f"sealgate-fingerprints-1 production {MARK}\n", "this environment's own list"),
    ],
)
def test_a_list_that_could_never_match_is_refused(tmp_path: Path, listed: str, told: str) -> None:
    """A comparison that silently compares nothing is worse than none."""
    path = _write(tmp_path, f"{LIVE}\n{_fingerprints(tmp_path, {'s.list': listed})}")
    (line,) = _told(path)
    assert told in line


@pytest.mark.parametrize("key", ["", "abcd", "00" * 32, "x" * 64])
def test_fingerprints_need_a_random_key(tmp_path: Path, key: str) -> None:
    """Under a key that can be guessed, so can every short secret in the list."""
    top = f"{LIVE}\n{_fingerprints(tmp_path, {})}"
    (tmp_path / "fp").write_text(key)
    (line,) = _told(_write(tmp_path, top))
    assert line.startswith("fingerprints.key_file: ")


def test_the_key_of_fingerprints_is_kept_as_a_secret_is(tmp_path: Path) -> None:
    """Whoever has it and the list can try to guess."""
    top = f"{LIVE}\n{_fingerprints(tmp_path, {})}"
    (tmp_path / "fp").chmod(0o644)
    (line,) = _told(_write(tmp_path, top))
    assert "chmod 600" in line
