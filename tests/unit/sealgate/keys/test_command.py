"""The commands that change keys: what is written, what is refused, and what is left behind."""

import io
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sealgate.keys import command
from sealgate.keys.edit import Ask

NOW_MS = 1_796_126_400_000  # 2026-12-01T12:00:00Z
CANARY = b"canary-5f2c-new-secret"
MAIN = """\
environment = "test"
[admin]
port = 0

[[source]]
slug = "shop"
provider = "btcpay"
# of May
[[source.key]]
id = "old"
file = "secrets/shop-old"
"""
FRAGMENT = """\
# from the team of the second shop
[[source]]
slug = "second"
provider = "btcpay"
[[source.key]]
id = "k"
file = "secrets/second"
"""
WORDS = {
    "id": "new",
    "status": "active",
    "not_before": "",
    "not_after": "",
    "role": "verify",
    "kid": "",
}


@pytest.fixture(name="main")
def _main(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop-old").write_bytes(b"old-secret\n")
    (tmp_path / "secrets" / "second").write_bytes(b"second-secret\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "second.toml").write_text(FRAGMENT)
    main = tmp_path / "sealgate.toml"
    main.write_text(MAIN)
    return main


@pytest.fixture(name="secret")
def _secret(tmp_path: Path) -> Path:
    path = tmp_path / "from-the-dashboard"
    path.write_bytes(CANARY + b"\n")
    return path


def _ask(main: Path, **more: Any) -> Ask:
    return Ask(main, {}, NOW_MS, **more)


def _keys(file: Path) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = tomllib.loads(file.read_text())["source"][0]["key"]
    return keys


def _tree(main: Path) -> dict[str, bytes]:
    files = (path for path in main.parent.rglob("*") if path.is_file())
    return {str(path.relative_to(main.parent)): path.read_bytes() for path in files}


def test_a_key_is_added_with_its_file_and_its_lines(
    main: Path, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The secret lies beside the others, for its owner alone, and is said nowhere."""
    assert command.add(_ask(main), "shop", WORDS, secret) == 0
    assert _keys(main)[0] == {"id": "new", "file": "secrets/shop-new"}
    written = main.parent / "secrets" / "shop-new"
    assert written.read_bytes() == CANARY + b"\n"
    assert written.stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr()
    assert f"written: {main}" in said.out
    assert "reads the change within a second, or on SIGHUP" in said.err
    assert "canary" not in said.out + said.err


def test_a_key_of_a_fragment_is_changed_there(main: Path) -> None:
    """One file per team: only theirs is touched."""
    before = main.read_bytes()
    assert command.revoke(_ask(main), "second", "k", now=True) == 0
    fragment = main.parent / "conf.d" / "second.toml"
    assert fragment.read_text() == FRAGMENT + (
        'status = "revoked"\nnot_after = 2026-12-01T12:00:00Z\n'
    )
    assert main.read_bytes() == before


def test_a_secret_may_come_from_standard_input(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password manager writes there, and no file is left over."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CANARY)))
    assert command.add(_ask(main), "shop", WORDS, Path("-")) == 0
    assert (main.parent / "secrets" / "shop-new").read_bytes() == CANARY


def test_a_dry_run_shows_the_change_and_makes_none(
    main: Path, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the review of somebody else, and for a repository that is the truth."""
    before = _tree(main)
    assert command.add(_ask(main, dry_run=True), "shop", WORDS, secret) == 0
    assert command.retire(_ask(main, dry_run=True), "shop", "old", "") == 1
    assert command.revoke(_ask(main, dry_run=True), "shop", "old", now=False) == 0
    assert _tree(main) == before
    said = capsys.readouterr().out
    assert '+[[source.key]]\n+id = "new"\n+file = "secrets/shop-new"\n' in said
    assert '+status = "revoked"\n' in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        # the same secret as the old key's, under another name
        (b"old-secret\n", 78, "hold the same secret"),
        (b"second-secret", 78, "the same secret is a key of source"),
        (b"new", 78, "its id is the secret itself"),
        (b"", 2, "the secret cannot be used: it is empty"),
        (b"\n", 2, "the secret cannot be used: it is empty"),
        (b"\xef\xbb\xbfs", 2, "byte order mark"),
        (b"x" * 65_537, 2, "at most 65536 bytes"),
    ],
)
def test_a_secret_that_no_edge_would_take_is_not_written(
    main: Path,
    secret: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    code: int,
    message: str,
) -> None:
    """A running edge would keep its old keys, and the operator would wait for the new one."""
    secret.write_bytes(content)
    before = _tree(main)
    assert command.add(_ask(main), "shop", WORDS, secret) == code
    assert _tree(main) == before
    assert message in capsys.readouterr().err


BROKEN = '[[source]]\nslug = "broken"\nprovider = "none-such"\n'


def test_mistakes_of_others_stop_a_change_and_are_told_apart(
    main: Path, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With them, no edge would take the change: better known now than believed."""
    assert command.add(_ask(main), "shop", WORDS, secret) == 0
    other = main.parent / "conf.d" / "broken.toml"
    other.write_text(BROKEN)
    before = _tree(main)
    capsys.readouterr()
    assert command.retire(_ask(main), "shop", "old", "") == 78
    assert command.add(_ask(main), "shop", WORDS | {"id": "third"}, secret) == 78
    assert _tree(main) == before
    said = capsys.readouterr().err
    assert f"{other}: source 'broken' provider 'none-such'" in said
    assert "1 of them were there before" in said
    assert "sealgate-" not in said, "no name of a temporary file"


def test_mistakes_of_before_do_not_hold_up_a_revocation_and_are_told_loudly(
    main: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has the key uses it while a colleague's file is mended; nobody believes it is done.

    Nobody has seen it in force, and most mistakes keep every edge from it: that is no success.
    """
    other = main.parent / "conf.d" / "broken.toml"
    other.write_text(BROKEN)
    assert command.revoke(_ask(main, dry_run=True), "shop", "old", now=True) == 0
    assert main.read_text() == MAIN
    capsys.readouterr()
    assert command.revoke(_ask(main), "shop", "old", now=True) == 1
    assert _keys(main)[0]["status"] == "revoked"
    said = capsys.readouterr()
    assert f"written: {main}" in said.out
    assert f"{other}: source 'broken' provider 'none-such'" in said.err
    assert "key old of source shop may NOT be revoked there" in said.err
    assert said.err.splitlines()[-1].startswith("key old of source shop is NOT known to be revoked")
    assert "sealgate-" not in said.err, "no name of a temporary file"


def test_a_profile_that_was_broken_does_not_hold_up_a_revocation(main: Path) -> None:
    """Running edges have the profile of before, and go on taking what the key signs."""
    main.write_text(MAIN.replace('"btcpay"', '"own"'))
    assert command.revoke(_ask(main), "shop", "old", now=True) == 1
    assert _keys(main)[0]["status"] == "revoked"


def test_a_mistake_that_a_revocation_uncovers_is_not_one_of_before(
    main: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key whose file everybody may read hid that its source shares another with the second."""
    (main.parent / "secrets" / "shop-old").chmod(0o644)
    (main.parent / "secrets" / "shop-more").write_bytes(b"second-secret\n")
    (main.parent / "secrets" / "shop-more").chmod(0o600)
    (main.parent / "secrets" / "second").chmod(0o600)
    more = '[[source.key]]\nid = "more"\nfile = "secrets/shop-more"\n'
    main.write_text(MAIN + more)
    assert command.revoke(_ask(main), "shop", "old", now=True) == 78
    assert main.read_text() == MAIN + more
    assert "the same secret is a key of source" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a/b", "../up", "", ".hidden", "a b", "x" * 65, "a\n"])
def test_an_id_that_is_none_is_refused_before_it_names_a_file(
    main: Path, secret: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A draft would lie where the path leads, and the advice would send the secret there."""
    (main.parent / "secrets" / "shop-a").mkdir()
    before = _tree(main)
    assert command.add(_ask(main), "shop", WORDS | {"id": name}, secret) == 2
    assert _tree(main) == before
    said = capsys.readouterr().err
    assert "the id of a key is 1-64 of A-Z" in said
    assert "put the secret into" not in said


@pytest.mark.parametrize(
    ("mode", "is_warned"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)]
)
def test_a_secret_file_that_everybody_may_read_is_told(
    main: Path,
    secret: Path,
    capsys: pytest.CaptureFixture[str],
    mode: int,
    is_warned: bool,
) -> None:
    """The copy is closed to others; what it was copied from goes on lying open."""
    secret.chmod(mode)
    assert command.add(_ask(main), "shop", WORDS, secret) == 0
    said = capsys.readouterr().err
    assert (f"everybody on this machine can read {secret} (mode {mode:04o})" in said) is is_warned
    assert (main.parent / "secrets" / "shop-new").stat().st_mode & 0o777 == 0o600


def test_the_file_of_a_public_key_may_be_read_by_everybody(
    main: Path, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is told to hide what is public learns to pass over what is told."""
    main.write_text(MAIN.replace('"btcpay"', '"discord"'))
    # RFC 8032, 7.1: the public keys of tests 1 and 2.
    (main.parent / "secrets" / "shop-old").write_text(
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    secret.write_text("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    secret.chmod(0o644)
    assert command.add(_ask(main), "shop", WORDS, secret) == 0
    assert "can read" not in capsys.readouterr().err


def test_a_file_that_is_managed_elsewhere_is_left_and_the_lines_are_told(
    main: Path, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ConfigMap: what to change there is printed, and no secret is left here."""
    real = main.parent / "..data"
    main.rename(real)
    main.symlink_to(real)
    before = _tree(main)
    assert command.add(_ask(main), "shop", WORDS, secret) == 1
    assert _tree(main) == before
    said = capsys.readouterr().err
    assert "is a link: it is managed where it points to" in said
    assert '+file = "secrets/shop-new"' in said


class _Editor(dict[str, str]):
    """An environment that is looked at twice: while it is, the second time, somebody saves."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._looks = 0

    def items(self) -> Any:
        self._looks += 1
        if self._looks == 2:
            self._file.write_text(MAIN + "# edited\n")
        return super().items()


def test_a_change_by_somebody_else_in_between_leaves_no_secret(main: Path, secret: Path) -> None:
    """The new secret had its name already when the configuration turned out to be another."""
    assert command.add(Ask(main, _Editor(main), NOW_MS), "shop", WORDS, secret) == 1
    assert main.read_text() == MAIN + "# edited\n"
    assert {path.name for path in (main.parent / "secrets").iterdir()} == {"shop-old", "second"}


def test_a_secret_file_that_is_there_is_not_written_over(main: Path, secret: Path) -> None:
    """It may be the only copy of a key."""
    taken = main.parent / "secrets" / "shop-new"
    taken.write_bytes(b"precious")
    before = _tree(main)
    assert command.add(_ask(main), "shop", WORDS, secret) == 1
    assert _tree(main) == before


def test_an_old_key_is_retired_for_the_providers_horizon(
    main: Path, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """BTCPay Server tries for 3670 s: 12:00:00 and that is 13:01:10."""
    assert command.add(_ask(main), "shop", WORDS, secret) == 0
    assert command.retire(_ask(main), "shop", "old", "") == 0
    old = _keys(main)[1]
    assert (old["status"], old["not_after"].isoformat()) == (
        "verify-only",
        "2026-12-01T13:01:10+00:00",
    )
    said = capsys.readouterr().err
    assert "proves deliveries until 2026-12-01T13:01:10Z (in 1 hour 1 minute)" in said
    assert "careful: key old is not known to be out of use" in said
    # Retired again an hour later, it does not live an hour longer.
    assert command.retire(Ask(main, {}, NOW_MS + 3_600_000), "shop", "old", "") == 0
    assert _keys(main)[1]["not_after"] == old["not_after"]


def test_the_only_key_is_revoked_and_never_retired(
    main: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Retiring it is an accident; revoking it is an emergency, and says what it costs."""
    assert command.retire(_ask(main), "shop", "old", "") == 1
    assert "add the new key first" in capsys.readouterr().err
    assert main.read_text() == MAIN
    assert command.revoke(_ask(main), "shop", "old", now=True) == 0
    assert _keys(main)[0]["status"] == "revoked"
    assert "EVERYTHING that comes for this source will be refused" in capsys.readouterr().err


def test_without_now_a_revocation_says_what_it_would_do(
    main: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no way back, so the way there is two steps."""
    assert command.revoke(_ask(main), "shop", "old", now=False) == 2
    said = capsys.readouterr().err
    assert "say --now to do it" in said
    assert "EVERYTHING" in said
    assert main.read_text() == MAIN


@pytest.mark.parametrize(
    ("slug", "key", "message", "code"),
    [
        ("shp", "old", "did you mean 'shop'?", 2),
        ("shop", "none", "has no key of that id; it has: old", 1),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(
    main: Path, capsys: pytest.CaptureFixture[str], slug: str, key: str, message: str, code: int
) -> None:
    """In an emergency names are mistyped."""
    assert command.revoke(_ask(main), slug, key, now=True) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["not_before", "not_after"])
def test_a_window_without_a_zone_is_refused(main: Path, secret: Path, name: str) -> None:
    """Noon is not noon everywhere."""
    assert command.add(_ask(main), "shop", WORDS | {name: "2026-12-01T12:00:00"}, secret) == 2
    assert main.read_text() == MAIN
