"""Secrets that do not show, and rings that hold no key twice."""

import copy
import dataclasses
import json
import pickle
import random
from pathlib import Path

import orjson
import pytest

from ingress.keyring import (
    KEYS_MAX,
    Key,
    Keyring,
    Live,
    Ring,
    Secret,
    Status,
    secret_from_file_bytes,
)
from ingress.schemes.parts import keys as schemes
from ingress.settings import EdgeSettings, SourceSettings
from ingress.sources import Origin, build
from tests.support.builders import SERVES

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


LIVE = Live("k", schemes.Key(CANARY, "kid-7"))


@pytest.mark.parametrize("show", [repr, str, ascii, format, lambda one: f"{one!r}{one}"])
@pytest.mark.parametrize("one", [LIVE.key, LIVE, Ring([LIVE])], ids=lambda one: type(one).__name__)
def test_what_holds_a_key_does_not_show_it(one: object, show: object) -> None:
    """A traceback prints whatever stood around it."""
    assert callable(show)
    assert "canary" not in show(one)


@pytest.mark.parametrize(
    "store",
    [
        pickle.dumps,
        copy.deepcopy,
        json.dumps,
        orjson.dumps,
        lambda one: copy.copy(getattr(one, "key", one)),
        lambda one: vars(getattr(one, "key", one)),
        lambda one: hash(getattr(one, "key", one)),
        dataclasses.asdict,
        dataclasses.astuple,
    ],
)
@pytest.mark.parametrize("one", [LIVE.key, LIVE, Ring([LIVE])], ids=lambda one: type(one).__name__)
def test_no_way_of_storing_takes_what_holds_a_key(one: object, store: object) -> None:
    """A decoded key signs as well as the text that it was decoded from."""
    assert callable(store)
    if isinstance(one, Ring) and store not in (pickle.dumps, copy.deepcopy, json.dumps):
        one = one.keys[0]
    with pytest.raises(TypeError) as refused:
        store(one)
    assert "canary" not in str(refused.value)


def test_a_source_shows_none_of_its_keys(tmp_path: Path) -> None:
    """The edge holds thousands, and any error may print one."""
    for name in ("key", "token"):
        (tmp_path / name).write_bytes(CANARY + name.encode())
    keys = [{"id": "k1", "file": "key"}, {"id": "t1", "file": "token", "role": "handshake"}]
    setting = SourceSettings.model_validate({"slug": "shop", "provider": "btcpay", "key": keys})
    source = build(SERVES, [setting], EdgeSettings(), Origin(tmp_path))["shop"]
    assert source.tokens
    assert "k1" in repr(source)
    assert "canary" not in repr(source) + str(source) + f"{source}" + repr({"shop": source})


def test_keys_are_equal_by_their_bytes_and_name() -> None:
    """Public keys are not compared: nobody asks."""
    assert schemes.Key(b"a") == schemes.Key(b"a")
    assert schemes.Key(b"a") != schemes.Key(b"b")
    assert schemes.Key(b"a", "kid") != schemes.Key(b"a")
    assert schemes.Key(b"a") != b"a"


def _live(
    name: str, opens: int | None = None, closes: int | None = None, status: Status = Status.ACTIVE
) -> Live:
    return Live(name, schemes.Key(name.encode()), status, opens, closes)


# Old until 200, new from 100; a spare from 300 until 400; nothing between 200 and 300 but the new.
ROTATION = (
    _live("new", 100),
    _live("old", None, 200),
    _live("spare", 300, 400),
    _live("leaked", None, None, Status.REVOKED),
    _live("leaving", 150, 350, Status.VERIFY_ONLY),
)


@pytest.mark.parametrize(
    ("at", "usable"),
    [
        (0, "old"),
        (99, "old"),
        (100, "new old"),  # a window opens at its instant
        (149, "new old"),
        (150, "new old leaving"),
        (199, "new old leaving"),
        (200, "new leaving"),  # and is closed at its end
        (299, "new leaving"),
        (300, "new spare leaving"),
        (349, "new spare leaving"),
        (350, "new spare"),
        (399, "new spare"),
        (400, "new"),
        (10**15, "new"),
    ],
)
def test_a_window_opens_at_its_beginning_and_is_closed_at_its_end(at: int, usable: str) -> None:
    """Worked by hand. The order of the keys is the order in which they are tried."""
    found = Ring(ROTATION).at(at)
    assert list(found.ids) == usable.split()
    assert [key.material for key in found.keys] == [name.encode() for name in usable.split()]


def test_a_key_on_its_way_out_proves_and_signs_nothing() -> None:
    """An answer that is signed with it would be the last to need it."""
    found = Ring(ROTATION).at(300)
    assert [key.material for key in found.signing] == [b"new", b"spare"]


def test_between_two_windows_nothing_verifies() -> None:
    """A gap is the operator's mistake, and is not filled by guessing."""
    ring = Ring([_live("first", None, 100), _live("second", 200)])
    assert [ring.at(at).ids for at in (99, 100, 199, 200)] == [("first",), (), (), ("second",)]


def test_a_revoked_key_proves_nothing_whatever_its_window() -> None:
    """Its window was open a moment ago."""
    ring = Ring([_live("k", 0, 10**15, Status.REVOKED)])
    assert ring.at(5).ids == ()
    assert ring.ids == ("k",), "that it was revoked is still to be known"


@pytest.mark.parametrize("seed", range(5))
def test_time_may_jump_and_the_answer_is_that_of_the_moment(seed: int) -> None:
    """What is usable is remembered between two bounds, and a clock may be set back."""
    ring = Ring(ROTATION)
    instants = [0, 99, 100, 150, 199, 200, 299, 300, 350, 400, 1000] * 3
    random.Random(seed).shuffle(instants)
    for at in instants:
        assert ring.at(at).ids == Ring(ROTATION).at(at).ids


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
