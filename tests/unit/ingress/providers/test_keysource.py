"""What a profile's file may say about its keys is told before anything is fetched."""

from pathlib import Path

import pytest

from ingress.fetching import plan
from ingress.keyring import Secret
from ingress.providers import load_file

PAYPAL = Path(__file__).parents[4] / "ingress" / "providers" / "paypal.toml"
PLAID = PAYPAL.with_name("plaid.toml")
HOSTS = r"hosts = '(?:api|api-m)(?:\.sandbox)?\.paypal\.com'"


def _own(tmp_path: Path, profile: Path, old: str, new: str) -> Path:
    text = profile.read_text()
    assert text.count(old) == 1
    own = tmp_path / "own.toml"
    own.write_text(text.replace(old, new))
    return own


@pytest.mark.parametrize(
    "hosts", [".*", r"[a-z.]+\.com", r"[^/]*", r"api\.[^/]+", r"api\.paypal\.com|.*"]
)
@pytest.mark.parametrize("more", ["", "\nis_chained = false"])
def test_hosts_that_let_a_stranger_pass_are_refused_when_the_profile_is_loaded(
    tmp_path: Path, hosts: str, more: str
) -> None:
    """Whoever sends a delivery names the certificate, and would name their own."""
    own = _own(tmp_path, PAYPAL, HOSTS, f"hosts = '{hosts}'{more}")
    with pytest.raises(ValueError, match=r"own\.toml: key_source\.hosts: .*any stranger's host"):
        load_file(own)


@pytest.mark.parametrize(
    ("profile", "old", "new", "hint"),
    [
        (PAYPAL, 'subject = ".paypal.com"\n', "", "subject"),
        (PLAID, 'key = "/key"\n', "", "pointer"),
        (PLAID, '"key_id":"{kid}"', '"key_id":""', r"needs \{kid\}"),
        (PLAID, 'url = "https://', 'url = "http://', "no plain https URL"),
    ],
)
def test_what_cannot_be_asked_for_is_told_before_a_source_starts(
    tmp_path: Path, profile: Path, old: str, new: str, hint: str
) -> None:
    """Not when the first delivery wants a key."""
    said = load_file(_own(tmp_path, profile, old, new)).declaration
    with pytest.raises(ValueError, match=hint):
        plan(said, Secret(b"credential"))


def test_a_key_source_has_no_method_of_its_own(tmp_path: Path) -> None:
    """What has a body is posted, and nothing else is; a second word for it could contradict it."""
    own = _own(tmp_path, PLAID, 'key = "/key"', 'key = "/key"\nmethod = "GET"')
    with pytest.raises(ValueError, match="method"):
        load_file(own)
