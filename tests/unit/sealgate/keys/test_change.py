"""What a change writes, and which changes are refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingress.keyring import Status
from ingress.settings import KeySettings, SourceSettings
from sealgate.keys import change
from sealgate.keys.change import New, Refused

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ELEVEN = datetime(2026, 12, 1, 11, tzinfo=UTC)
ONE = datetime(2026, 12, 1, 13, tzinfo=UTC)


def _source(*keys: dict[str, Any]) -> SourceSettings:
    found = [KeySettings(file=Path("f"), **key) for key in keys]
    return SourceSettings(slug="shop", provider="btcpay", key=found)


def test_a_new_key_says_only_what_is_not_usual() -> None:
    """Defaults that are written out are read as if they meant something."""
    assert change.added(_source(), New("k"), Path("s/k")) == {"id": "k", "file": "s/k"}
    everything = New("k", Status.VERIFY_ONLY, ELEVEN, NOON, "handshake", "kid-1")
    assert change.added(_source(), everything, Path("s/k")) == {
        "id": "k",
        "file": "s/k",
        "kid": "kid-1",
        "role": "handshake",
        "status": "verify-only",
        "not_before": ELEVEN,
        "not_after": NOON,
    }


def test_an_id_is_never_used_twice_even_after_revocation() -> None:
    """Events that were accepted long ago carry it."""
    with pytest.raises(Refused, match="has a key 'k' already"):
        change.added(_source({"id": "k", "status": "revoked"}), New("k"), Path("s"))


def test_a_retired_key_verifies_until_its_end_and_signs_nothing() -> None:
    """The provider's retries are still signed with it."""
    source = _source({"id": "new"}, {"id": "old"})
    found = change.retired(source, "old", NOON, fetches=False)
    assert found == {"status": "verify-only", "not_after": NOON}


@pytest.mark.parametrize(
    "others",
    [
        [],
        [{"id": "new", "status": "revoked"}],
        [{"id": "new", "not_after": NOON}],
        [{"id": "new", "not_before": ONE}],
        [{"id": "new", "role": "handshake"}],
    ],
)
def test_a_key_without_whom_nothing_verifies_is_not_retired(others: list[dict[str, Any]]) -> None:
    """At noon the old one ends, and whatever comes then must have a key."""
    with pytest.raises(Refused, match=r"no other key .* would be usable .*12:00:00Z"):
        change.retired(_source(*others, {"id": "old"}), "old", NOON, fetches=False)


@pytest.mark.parametrize("other", [{"not_before": NOON}, {"status": "verify-only"}])
def test_a_key_is_retired_when_another_takes_over(other: dict[str, Any]) -> None:
    """One that opens in the moment in which the old one ends leaves no gap."""
    source = _source({"id": "new", **other}, {"id": "old"})
    assert change.retired(source, "old", NOON, fetches=False)


def test_fetched_keys_are_others_too() -> None:
    """A key that was configured until the provider published its own is retired at last."""
    assert change.retired(_source({"id": "old"}), "old", NOON, fetches=True)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ({"status": "revoked"}, "is revoked; that is final"),
        ({"role": "api"}, "knows no window: revoke it"),
        ({"not_before": ONE}, "opens at 2026-12-01T13:00:00Z, when it would be closed"),
    ],
)
def test_what_cannot_be_retired_is_told_what_to_do(key: dict[str, Any], message: str) -> None:
    """Retiring a revoked key would bring it back to life."""
    source = _source({"id": "new"}, {"id": "old", **key})
    with pytest.raises(Refused, match=message):
        change.retired(source, "old", NOON, fetches=False)


def test_any_key_is_revoked_once() -> None:
    """The only key too: a leaked key is worse than none."""
    found = change.revoked(_source({"id": "k"}), "k", NOON)
    assert found == {"status": "revoked", "not_after": NOON}
    with pytest.raises(Refused, match="revoked already"):
        change.revoked(_source({"id": "k", "status": "revoked"}), "k", NOON)


@pytest.mark.parametrize(
    ("key", "ends"),
    [
        ({}, NOON),
        ({"not_after": ONE}, NOON),
        ({"status": "verify-only", "not_after": NOON - timedelta(seconds=1)}, None),
        ({"not_before": NOON - timedelta(seconds=1)}, NOON),
        ({"not_before": NOON}, None),
        ({"not_before": ONE}, None),
        ({"role": "api"}, None),
        ({"role": "handshake"}, None),
    ],
)
def test_a_revocation_says_from_when_on(key: dict[str, Any], ends: datetime | None) -> None:
    """What names the key later is held against it; no window is made longer, or turned around."""
    said = change.revoked(_source({"id": "k", **key}), "k", NOON)
    assert said == {"status": "revoked"} | ({} if ends is None else {"not_after": ends})


def test_a_key_that_is_not_there_is_not_repeated() -> None:
    """What is no id may be the secret, typed in the wrong place."""
    with pytest.raises(Refused, match="has no key of that id; it has: k") as told:
        change.revoked(_source({"id": "k"}), "canary", NOON)
    assert "canary" not in str(told.value)


def test_what_an_edge_will_show_is_the_change_over_what_stood_there() -> None:
    """A window that stood there before is in force still."""
    noon_ms = 1_796_126_400_000
    source = _source({"id": "k", "not_after": NOON})
    assert change.expected(source, "k", {"status": "revoked"}) == change.Expected(
        "shop", "k", "verify", Status.REVOKED, None, noon_ms
    )
    assert change.expected(source, "new", {"id": "new", "role": "api"}) == change.Expected(
        "shop", "new", "api", Status.ACTIVE
    )
