"""A tail that waits: it says so, once, to people, and on standard error alone."""

import io
import threading
import time
from pathlib import Path

import pytest

from consumers.lifecycle import State
from sealgate.tail import command
from sealgate.tail.asked import Asked
from sealgate.tail.command import Means, run
from tests.support.tailed import LIFECYCLE, VERIFIED, Shop, notice

Messages = pytest.CaptureFixture[str]


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    return Shop.at(tmp_path)


@pytest.mark.parametrize(
    ("waits", "as_json", "lines"), [(True, False, 1), (True, True, 0), (False, False, 0)]
)
def test_a_tail_that_waits_says_so_once_and_to_people(
    shop: Shop,
    capsys: Messages,
    monkeypatch: pytest.MonkeyPatch,
    *,
    waits: bool,
    as_json: bool,
    lines: int,
) -> None:
    """A command that stands still without a word is taken for one that hangs."""
    monkeypatch.setattr(command, "QUIET_S", 0.0 if waits else 3600.0)
    out = io.StringIO()

    def follow() -> None:
        run(Means(shop.ground.config, {}, out), Asked(count=1, json=as_json))

    following = threading.Thread(target=follow)
    following.start()
    time.sleep(1)
    for version in range(2, 200):
        if not following.is_alive():
            break
        shop.put(notice("inv-1", version, State.PENDING, State.PAID))
        time.sleep(0.05)
    following.join(20)
    told = capsys.readouterr().err.splitlines()
    names = f"{VERIFIED} and {LIFECYCLE}"
    assert told == [f"waiting for records in {names} (2 partitions) ..."] * lines
    assert "waiting" not in out.getvalue()
