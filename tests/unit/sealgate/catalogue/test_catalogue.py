"""The catalogue: what a merchant reads before anything is configured, so it must be right."""

import io
import json
import re
import tomllib
from pathlib import Path

import pytest

from ingress import providers
from ingress.providers import Profile
from ingress.settings import ConfigurationInvalid, EdgeSettings, SourceSettings
from ingress.sources import Origin, build
from sealgate.catalogue import command, listing, page, showing
from sealgate.catalogue.entries import YOURS, entries, find
from sealgate.explain.asked import Keys
from sealgate.simulator.keys import new_key, pair_kind
from tests.support.builders import SERVES

ROOT = Path(__file__).parents[4]
BTCPAY = (ROOT / "ingress" / "providers" / "btcpay.toml").read_text()


def test_the_page_is_current() -> None:
    """A page that is not generated anew lies from the next commit on: run `make docs`."""
    assert (ROOT / "docs" / "providers.md").read_text() == page.page(list(entries(None)))


def test_the_readme_counts_right() -> None:
    """The first number a visitor reads about providers."""
    assert f"\n{len(providers.names())} profiles, " in (ROOT / "README.md").read_text()


def test_the_list_names_every_profile_and_fits_a_terminal() -> None:
    """A hundred columns, so that it can be read in a pair of panes."""
    lines = listing.as_text(entries(None)).splitlines()
    names = list(providers.names())
    assert [line.split()[0] for line in lines[1 : len(names) + 1]] == names
    assert max(map(len, lines)) <= 100


def test_the_list_fits_a_narrow_terminal() -> None:
    """Eighty columns are what a terminal has that nobody resized; no need is cut off."""
    lines = listing.as_text(entries(None), 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("paypal ") and line.endswith(" params,keys") for line in lines)


def test_the_list_as_json_tells_what_the_edge_will_answer() -> None:
    """BTCPay drops an event after a 4xx: whoever monitors refusals must know of the 503."""
    rows = {row["name"]: row for row in json.loads(listing.as_json(entries(None)))["items"]}
    btcpay = rows["btcpay"]
    assert (btcpay["class"], btcpay["refusal_status"], btcpay["scheme"]) == (
        "B",
        503,
        "hmac-sha256",
    )
    assert rows["stripe"]["class"] == "A"


@pytest.mark.parametrize("name", providers.names())
def test_the_block_shown_is_a_source_that_loads(tmp_path: Path, name: str) -> None:
    """It is there to be pasted: a field that does not exist would cost the first hour."""
    profile = find(name, {}, None).profile
    text = showing.as_text(profile, "built in")
    block = text[text.index("[[source]]") : text.index("\nclass ")]
    table = tomllib.loads(block)["source"][0]
    setting = SourceSettings.model_validate(table)
    assert setting.provider == name
    _write_keys(tmp_path, profile, setting)
    if profile.lacking:
        with pytest.raises(ConfigurationInvalid, match="is needed"):
            build(SERVES, [setting], EdgeSettings(), Origin(tmp_path))
    else:
        assert build(SERVES, [setting], EdgeSettings(), Origin(tmp_path))


def _write_keys(folder: Path, profile: Profile, setting: SourceSettings) -> None:
    (folder / "secrets").mkdir()
    for key in setting.key:
        text = "a-credential" if key.role == "api" else new_key(profile, bytes(range(32))).gateway
        assert key.role == "api" or key.file.suffix == (".pub" if pair_kind(profile) else "")
        (folder / key.file).write_text(text)


@pytest.mark.parametrize("name", ["aws_sns", "paypal"])
def test_a_host_is_shown_as_a_host(name: str) -> None:
    """A regular expression is nothing to read at a firewall."""
    source = find(name, {}, None).profile.declaration.key_source
    assert source is not None
    shown = showing.origin(source).rpartition(" at ")[2]
    assert re.fullmatch(source.hosts, shown)
    assert re.fullmatch(r"[a-z0-9.-]+", shown)


def test_a_profile_that_moves_no_payment_yet_says_so() -> None:
    """It verifies, and the merchant waits for money that nobody books."""
    shown = {name: showing.as_text(find(name, {}, None).profile, "") for name in ("stripe", "wise")}
    assert "they move no payment yet" in shown["wise"]
    assert "they move no payment yet" not in shown["stripe"]


def test_a_name_nearly_right_is_answered_with_near_ones(tmp_path: Path) -> None:
    """The user's own among them, and without the other eighty."""
    own = tmp_path / "providers"
    own.mkdir()
    (own / "acmepay.toml").write_text(BTCPAY)
    with pytest.raises(ValueError, match="did you mean 'acmepay'") as told:
        find("acmepai", {}, own)
    assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("read = 2026", "read = 2126", "is yet to come"),
        (
            'message = "{body}"',
            'message = "{timestamp}{body}"\n[freshness]\nheader = "X-At*"\nwindow_s = 300',
            "freshness.header: name one header",
        ),
    ],
)
def test_an_author_hears_of_what_can_never_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    """No schema finds it, and no delivery would ever say why."""
    file = tmp_path / "mine.toml"
    assert old in BTCPAY
    file.write_text(BTCPAY.replace(old, new, 1))
    assert command.test(str(file), None, None, Keys(), 1_800_000_000_000) == 2
    assert said in capsys.readouterr().err


def test_a_profile_of_the_users_own_takes_the_place_and_is_marked(tmp_path: Path) -> None:
    """An operator who overrides a profile must see that they did."""
    own = tmp_path / "providers"
    own.mkdir()
    (own / "btcpay.toml").write_text(BTCPAY.replace('title = "BTCPay Server"', 'title = "Ours"'))
    (own / "mine.toml").write_text(BTCPAY)
    out = io.StringIO()
    assert command.list_all(tmp_path / "sealgate.toml", as_json=True, out=out) == 0
    rows = {row["name"]: row for row in json.loads(out.getvalue())["items"]}
    assert (rows["btcpay"]["title"], rows["btcpay"]["origin"]) == ("Ours", YOURS)
    assert rows["mine"]["origin"] == YOURS
    assert rows["stripe"]["origin"] == "built in"


def test_a_broken_profile_is_listed_with_its_mistake(tmp_path: Path) -> None:
    """One bad file must not hide the others, and must not pass unseen either."""
    own = tmp_path / "providers"
    own.mkdir()
    (own / "mine.toml").write_text(BTCPAY.replace("sha256", "sha257", 1))
    out = io.StringIO()
    assert command.list_all(tmp_path / "sealgate.toml", as_json=False, out=out) == 1
    assert re.search(r"mine\*: cannot be used: mine\.toml: .*sha257|sha256", out.getvalue())


def test_an_author_tests_a_file_by_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a profile is being written it is in no directory that anything reads."""
    file = tmp_path / "mine.toml"
    file.write_text(BTCPAY)
    assert command.test(str(file), None, None, Keys(), 1_800_000_000_000) == 0
    file.write_text(BTCPAY.replace('header = "BTCPay-Sig"', 'haeder = "BTCPay-Sig"'))
    assert command.test(str(file), None, None, Keys(), 0) == 2
    captured = capsys.readouterr()
    assert "the profile is whole (hmac-sha256, class B)" in captured.out
    assert "did you mean 'header'?" in captured.err
