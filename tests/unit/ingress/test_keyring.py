"""Secrets that do not show, and rings that hold no key twice."""

import copy
import dataclasses
import json
import pickle

import orjson
import pytest

from ingress.keyring import KEYS_MAX, Key, Keyring, Secret, secret_from_file_bytes

CANARY = b"canary-5f2c"


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        lambda secret: f"{secret!r:>40}{secret:>40}",
        lambda secret: f"{secret}",
        lambda secret: repr(Key("k", secret)),
        lambda secret: str(Keyring((Key("k", secret),))),
        lambda secret: repr([secret]),
        "{0!s} {0!r} {0}".format,
    ],
)
def test_no_way_of_printing_shows_a_secret(show: object) -> None:
    """Every log, error and debugger prints things one way or another."""
    assert callable(show)
    assert "canary" not in show(Secret(CANARY))


@pytest.mark.parametrize(
    "store",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        orjson.dumps,
        hash,
        vars,
        lambda secret: dataclasses.asdict(Key("k", secret)),
    ],
)
def test_no_way_of_storing_takes_a_secret(store: object) -> None:
    """What can be copied can be left lying about."""
    assert callable(store)
    with pytest.raises(TypeError) as refused:
        store(Secret(CANARY))
    assert "canary" not in str(refused.value)


def test_a_secret_is_revealed_when_asked_by_name() -> None:
    """There is one way out, and one can search for it."""
    assert Secret(CANARY).reveal() == CANARY


def test_secrets_are_equal_by_their_bytes() -> None:
    """A secret that was pasted twice must be found."""
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"


def test_an_empty_secret_is_refused() -> None:
    """Anybody can sign with it."""
    with pytest.raises(ValueError, match="empty"):
        Secret(b"")


def test_several_keys_are_live_at_once_and_keep_their_order() -> None:
    """The verifier's answer is an index into this ring."""
    ring = Keyring((Key("2026-old", Secret(b"a")), Key("2026-new", Secret(b"b"))))
    assert ring.ids == ("2026-old", "2026-new")


def test_a_ring_may_be_empty_and_may_not_be_endless() -> None:
    """Without a key nothing verifies; with too many, every forgery costs us more."""
    assert Keyring(()).ids == ()
    keys = tuple(Key(f"k{n}", Secret(b"%d" % n)) for n in range(KEYS_MAX + 1))
    assert len(Keyring(keys[:KEYS_MAX]).keys) == KEYS_MAX
    with pytest.raises(ValueError, match="at most 8"):
        Keyring(keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((("a", b"1"), ("b", b"2"), ("a", b"3")), "the key id 'a' is used twice"),
        ((("a", CANARY), ("c", b"2"), ("b", CANARY)), "'a' and 'b' hold the same secret"),
    ],
)
def test_a_key_is_not_in_a_ring_twice(keys: tuple[tuple[str, bytes], ...], message: str) -> None:
    """A rotation to the same secret is none, and an id used twice tells nothing."""
    with pytest.raises(ValueError, match=message) as refused:
        Keyring(tuple(Key(name, Secret(secret)) for name, secret in keys))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("name", ["", " ", "canary 5f2c", "canary\n", "-canary", "c" * 65, "é"])
def test_an_id_that_is_none_is_refused_and_not_repeated(name: str) -> None:
    """It may be the secret, put in the wrong place."""
    with pytest.raises(ValueError, match="a key id is") as refused:
        Key(name, Secret(b"x"))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "secret"),
    [
        (b"s", b"s"),
        (b"s\n", b"s"),
        (b"s\r\n", b"s"),
        (b"s\n\n", b"s\n"),
        (b"s\r", b"s\r"),
        (b"s\r\n\r\n", b"s\r\n"),
        (b" s \n", b" s "),
        (b"\ns", b"\ns"),
    ],
)
def test_one_line_end_is_not_part_of_a_secret(raw: bytes, secret: bytes) -> None:
    """Editors add one; more, or blanks, may be meant."""
    assert secret_from_file_bytes(raw) == secret


@pytest.mark.parametrize("raw", [b"", b"\n", b"\r\n"])
def test_a_file_without_a_secret_is_refused(raw: bytes) -> None:
    """An empty file is a mount that failed."""
    with pytest.raises(ValueError, match="it is empty; write the provider's signing secret"):
        secret_from_file_bytes(raw)
