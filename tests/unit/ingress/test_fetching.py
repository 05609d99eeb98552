"""The tasks that fetch keys: what stays, what goes, and what happens to one that dies."""

import asyncio

import pytest

from ingress.fetching import Fetching, Plan, _run, plan
from ingress.keyring import Secret
from ingress.keysources.declaration import Request
from ingress.providers import load
from tests.support.gateway import log_lines

pytestmark = pytest.mark.looptime
NOW_MS = 1_767_225_600_000


async def _away(request: Request) -> bytes:
    raise OSError("away")


def _plan(credential: bytes = b"an-api-key") -> Plan:
    return plan(load("circle_v2").declaration, Secret(credential))


def _fetching(plans: dict[str, Plan]) -> Fetching:
    return Fetching(plans, lambda slug, result, held: None, lambda: NOW_MS, _away)


async def test_a_source_whose_plan_stays_keeps_its_keys() -> None:
    """A reload of another source must not forget keys that a provider may not give again."""
    fetching = _fetching({"a": _plan(), "b": _plan()})
    fetching.start()
    before = dict(fetching.by_slug)
    fetching.replace({"a": _plan(), "b": _plan(b"another-api-key"), "c": _plan()})
    assert fetching.by_slug["a"] is before["a"]
    assert fetching.by_slug["b"] is not before["b"]
    assert set(fetching.by_slug) == {"a", "b", "c"}
    await fetching.stop()


async def test_a_source_that_is_gone_fetches_no_more_and_a_new_one_does() -> None:
    """A task for every source that ever was would ask providers for ever."""
    fetching = _fetching({"a": _plan()})
    fetching.start()
    await asyncio.sleep(1)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    fetching.replace({"b": _plan()})
    await asyncio.sleep(1)
    assert all(task.done() for task in others)
    assert len(asyncio.all_tasks() - {asyncio.current_task()}) >= 1
    await fetching.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_task_that_dies_is_told_and_begun_again() -> None:
    """Gone without a word, it would be missed when the provider's next key comes: in months."""
    said = log_lines()
    begun: list[int] = []

    class Dying:
        async def run(self) -> None:
            begun.append(len(begun))
            if len(begun) <= 2:
                raise RuntimeError("with a credential in it")
            await asyncio.Event().wait()

    task = asyncio.create_task(_run("a", Dying()))
    await asyncio.sleep(60)
    assert begun == [0, 1, 2]
    lines = said("key_fetching_failed")
    assert [(line["source"], line["kind"]) for line in lines] == [("a", "RuntimeError")] * 2
    assert "credential" not in str(lines)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
