"""Reloading: what is on the disk is served as a whole, or what was served before is."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ingress import telemetry
from ingress.sealing import new_key
from sealgate.building import Fresh, build
from sealgate.config import examine
from sealgate.reload import Means, Reloader
from sealgate.watching import SETTLE_S
from tests.support.gateway import LogLines, log_lines
from tests.support.reloading import MAIN, MORE, Edge, ids, material, reloading, write


@pytest.fixture(name="said")
def _said() -> LogLines:
    return log_lines()


async def test_a_source_in_a_new_file_of_conf_d_is_served(tmp_path: Path) -> None:
    """Onboarding a merchant is one more file, even where there was no directory for it yet."""
    async with reloading(tmp_path) as running:
        write(tmp_path, "secrets/second", "another-key")
        write(tmp_path, "conf.d/second.toml", MORE.format(slug="second"))
        await running.until(lambda: "second" in running.edge.sources)
        assert running.gauge("generation") == 2
        write(tmp_path, "secrets/third", "a-third-key")
        write(tmp_path, "conf.d/third.toml", MORE.format(slug="third"))
        await running.until(lambda: "third" in running.edge.sources)
        (tmp_path / "conf.d" / "second.toml").unlink()
        await running.until(lambda: "second" not in running.edge.sources)


async def test_a_directory_that_was_empty_when_it_came_is_watched(tmp_path: Path) -> None:
    """Made by hand first, filled a minute later: who waits half a minute thinks it is broken."""
    async with reloading(tmp_path) as running:
        looks = running.count("unchanged")
        (tmp_path / "conf.d").mkdir()
        await running.until(lambda: running.count("unchanged") > looks)
        # The look at what may have changed before the directory was watched.
        await asyncio.sleep(2 * SETTLE_S)
        write(tmp_path, "secrets/late", "the-late-key")
        write(tmp_path, "conf.d/late.toml", MORE.format(slug="late"))
        await running.until(lambda: "late" in running.edge.sources)


async def test_only_what_changed_is_built_again(tmp_path: Path) -> None:
    """With ten thousand sources, one changed file must cost one file."""
    for name in ("second", "third"):
        write(tmp_path, f"secrets/{name}", f"key-of-{name}")
        write(tmp_path, f"conf.d/{name}.toml", MORE.format(slug=name))
    async with reloading(tmp_path) as running:
        before = running.edge.sources
        changed = MORE.format(slug="second").replace('provider = "btcpay"', 'provider = "stripe"')
        write(tmp_path, "conf.d/second.toml", changed)
        await running.until(lambda: running.edge.sources is not before)
        after = running.edge.sources
        assert after["second"].profile.name == "stripe"
        assert after["third"] is before["third"]
        assert after["shop"] is before["shop"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("sealgate.toml", MAIN + "[[", "not valid TOML"),
        ("conf.d/second.toml", MORE.format(slug="second"), "cannot be read"),
        ("conf.d/second.toml", MORE.format(slug="shop"), "used twice"),
        ("conf.d/second.toml", "[edge]\nport = 1\n", "only [[source]]"),
        ("sealgate.toml", MAIN.replace('"btcpay"', '"btcpoy"'), "btcpay"),
        ("secrets/k1", "\n", "it is empty"),
    ],
)
async def test_a_mistake_keeps_all_that_was_served_and_is_told(
    tmp_path: Path, said: LogLines, name: str, text: str, told: str
) -> None:
    """Half of a bad change would be worse than none: a payment provider does not try for ever."""
    async with reloading(tmp_path) as running:
        before = running.edge.sources
        write(tmp_path, name, text)
        await running.until(lambda: running.count("rejected") >= 1)
        assert len(running.edge.placed) == 1
        assert running.edge.sources is before
        assert running.gauge("last_reload_ok") == 0
        assert told in running.told()
        assert all(not check.is_required for check in running.reloader.checks())
        (line,) = said("configuration_rejected")
        assert any(told in mistake for mistake in line["mistakes"])


async def test_what_belongs_to_another_environment_is_not_reloaded(tmp_path: Path) -> None:
    """A key of production is copied into a running sandbox more often than into its first start."""
    async with reloading(tmp_path) as running:
        write(tmp_path, "secrets/production", "a-key-of-another-place")
        write(tmp_path, "sealgate.toml", MAIN.replace("secrets/k1", "secrets/production"))
        await running.until(lambda: running.count("rejected") == 1)
        assert "the word 'production'" in running.told()
        assert len(running.edge.placed) == 1


async def test_a_seal_of_another_environment_is_not_reloaded(tmp_path: Path) -> None:
    """It would open there what was refused here, and no source needs to change for that."""
    sealed = MAIN + '[[quarantine.key]]\nid = "q1"\nfile = "secrets/production-seal"\n'
    async with reloading(tmp_path) as running:
        (tmp_path / "secrets/production-seal").write_bytes(new_key())
        write(tmp_path, "sealgate.toml", sealed)
        await running.until(lambda: running.count("rejected") == 1)
        assert "quarantine.key 'q1': the path of its file has the word" in running.told()
        assert len(running.edge.placed) == 1


async def test_mistakes_are_logged_once_and_their_end_is_seen(
    tmp_path: Path, said: LogLines
) -> None:
    """A file that stays wrong over the weekend must not fill the log, nor hide a second mistake."""
    async with reloading(tmp_path) as running:
        write(tmp_path, "sealgate.toml", MAIN + "[[")
        await running.until(lambda: running.count("rejected") >= 1)
        running.reloader.watch.ask()
        await running.until(lambda: running.count("rejected") >= 2)
        assert len(said("configuration_rejected")) == 1
        write(tmp_path, "sealgate.toml", MAIN + "\n[egde]\n")
        await running.until(lambda: "egde" in running.told())
        assert len(said("configuration_rejected")) == 2
        write(tmp_path, "sealgate.toml", MAIN)
        await running.until(lambda: running.gauge("last_reload_ok") == 1)
        assert running.told() == ""
        assert len(running.edge.placed) == 1


async def test_a_secret_is_in_no_word_about_a_mistake(tmp_path: Path, said: LogLines) -> None:
    """What is wrong with a secret is told without the secret."""
    canary = "canary-4f1d2c9b"
    write(tmp_path, "secrets/second", canary)
    write(tmp_path, "conf.d/second.toml", MORE.format(slug="second"))
    async with reloading(tmp_path) as running:
        write(tmp_path, "secrets/third", canary)
        write(tmp_path, "conf.d/third.toml", MORE.format(slug="third"))
        await running.until(lambda: running.count("rejected") >= 1)
        assert "the same secret" in running.told()
        assert canary not in running.told() + str(said("configuration_rejected"))


async def test_the_swap_of_a_kubernetes_secret_is_seen(tmp_path: Path) -> None:
    """The named file is a link that never changes; what it leads through is renamed."""
    mount = tmp_path / "mounted"
    for number, secret in ((1, "first-key-of-it"), (2, "second-key-of-it")):
        (mount / f"..2026_{number}").mkdir(parents=True)
        (mount / f"..2026_{number}" / "k1").write_text(secret)
    (mount / "..data").symlink_to("..2026_1")
    (mount / "k1").symlink_to("..data/k1")
    async with reloading(tmp_path, MAIN.replace("secrets/k1", "mounted/k1")) as running:
        assert running.edge.sources["shop"].ring.keys[0].key.material == b"first-key-of-it"
        (mount / "..data_tmp").symlink_to("..2026_2")
        (mount / "..data_tmp").rename(mount / "..data")
        await running.until(lambda: len(running.edge.placed) > 1)
        assert running.edge.sources["shop"].ring.keys[0].key.material == b"second-key-of-it"


async def test_a_configuration_that_is_mounted_is_seen_to_be_swapped(tmp_path: Path) -> None:
    """A ConfigMap is the same kind of link, with the main file in it."""
    mount = tmp_path / "config"
    added = '[[source.key]]\nid = "k2"\nfile = "/{}"\n'.format(tmp_path / "k2")
    (tmp_path / "k2").write_text("the-second-key")
    for number, text in ((1, MAIN), (2, MAIN + added)):
        write(mount, f"..2026_{number}/sealgate.toml", text)
    write(mount, "secrets/k1", "the-first-key")
    (mount / "..data").symlink_to("..2026_1")
    (mount / "sealgate.toml").symlink_to("..data/sealgate.toml")
    path = mount / "sealgate.toml"
    served = build(examine(path, {}).configuration, is_edge=True)
    edge = Edge([served])
    means = Means(lambda cache: examine(path, {}, cache), is_edge=True, apply=edge.replace)
    reloader = Reloader(means, served, CollectorRegistry(), telemetry.now_ms)
    task = asyncio.create_task(reloader.run())
    await asyncio.sleep(0.6)
    (mount / "..data_tmp").symlink_to("..2026_2")
    (mount / "..data_tmp").rename(mount / "..data")
    async with asyncio.timeout(10):
        while len(edge.placed) == 1:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert ids(edge.sources) == ("k1", "k2")


async def test_a_file_that_is_half_written_for_a_moment_is_no_mistake(
    tmp_path: Path, said: LogLines
) -> None:
    """An editor truncates and then writes; nobody is to be woken for the time in between."""
    second = '[[source.key]]\nid = "k2"\nfile = "secrets/k2"\n'
    async with reloading(tmp_path) as running:
        write(tmp_path, "secrets/k2", "the-second-key")
        (tmp_path / "sealgate.toml").write_text((MAIN + second)[:-12])
        await asyncio.sleep(0.1)
        (tmp_path / "sealgate.toml").write_text(MAIN + second)
        await running.until(lambda: len(running.edge.placed) > 1)
        assert ids(running.edge.sources) == ("k1", "k2")
        assert (running.count("rejected"), said("configuration_rejected")) == (0, [])


async def test_what_changes_between_two_reads_is_not_served_by_halves(tmp_path: Path) -> None:
    """A deployment of several files is seen in the middle: new secrets under the old settings."""
    steps: list[Callable[[], None]] = []

    def deploy() -> None:
        while steps:
            steps.pop()()

    def rest() -> None:
        write(tmp_path, "secrets/k1", "the-second-key")
        write(tmp_path, "sealgate.toml", MAIN.replace('id = "k1"', 'id = "k2"'))

    async with reloading(tmp_path, after_read=deploy) as running:
        steps.append(rest)
        running.reloader.watch.ask()
        await running.until(lambda: ids(running.edge.sources) == ("k2",))
        served = [(ids(one.sources), material(one.sources)) for one in running.edge.placed]
        assert served == [(("k1",), b"the-first-key"), (("k2",), b"the-second-key")]


async def test_a_hundred_changes_in_a_second_are_a_few_reloads(tmp_path: Path) -> None:
    """A script that edits file by file must not keep the edge busy; and its last word counts."""
    async with reloading(tmp_path) as running:
        for number in range(100):
            write(tmp_path, "secrets/k1", f"key-number-{number}")
            write(tmp_path, f"secrets/not-used-{number}", "nobody names it")
            await asyncio.sleep(0.01)
        assert running.count("ok") >= 1, "the first waited for the last"
        await running.until(
            lambda: running.edge.sources["shop"].ring.keys[0].key.material == b"key-number-99"
        )
        assert running.count("ok") <= 50


async def test_what_takes_a_restart_is_named_and_the_rest_is_reloaded(
    tmp_path: Path, said: LogLines
) -> None:
    """A port cannot be moved under a running edge, and a key must not wait for it."""
    async with reloading(tmp_path) as running:
        second = '[[source.key]]\nid = "k2"\nfile = "secrets/k2"\n'
        write(tmp_path, "secrets/k2", "the-second-key")
        head = "[log]\npartitions = 12\n[edge]\nport = 9999"
        write(tmp_path, "sealgate.toml", MAIN.replace("[edge]\nport = 0", head) + second)
        await running.until(lambda: len(running.edge.placed) > 1)
        assert ids(running.edge.sources) == ("k1", "k2")
        assert running.told() == "restart needed: edge.port, log.partitions"
        assert running.edge.placed[-1].configuration.settings.edge.port == 0
        (line,) = said("restart_needed")
        assert line["settings"] == ["edge.port", "log.partitions"]


async def test_a_fault_nobody_thought_of_is_told_and_survived(
    tmp_path: Path, said: LogLines
) -> None:
    """A reloader that died silently would be found at the next rotation, when it is too late."""
    async with reloading(tmp_path) as running:
        replace = running.edge.replace
        faults = [RuntimeError("a secret may stand here")]

        async def failing(before: Fresh, fresh: Fresh) -> None:
            if faults:
                raise faults.pop()
            await replace(before, fresh)

        running.reloader._means = running.reloader._means._replace(apply=failing)
        write(tmp_path, "secrets/k1", "the-second-key")
        await running.until(lambda: running.count("failed") == 1)
        assert "may stand here" not in running.told() + str(said("configuration_reload_failed"))
        running.reloader.watch.ask()
        await running.until(lambda: running.count("ok") == 1)
        assert running.edge.sources["shop"].ring.keys[0].key.material == b"the-second-key"


async def test_a_directory_that_is_replaced_is_watched_on(tmp_path: Path) -> None:
    """A deployment that writes a new directory and renames it: the old one is what was watched."""
    async with reloading(tmp_path) as running:
        write(tmp_path, "fresh/k1", "the-second-key")
        (tmp_path / "secrets").rename(tmp_path / "old")
        (tmp_path / "fresh").rename(tmp_path / "secrets")
        running.reloader.watch.ask()
        await running.until(lambda: running.count("ok") == 1)
        await asyncio.sleep(0.6)
        write(tmp_path, "secrets/k1", "the-third-key")
        await running.until(lambda: running.count("ok") == 2)
        assert running.edge.sources["shop"].ring.keys[0].key.material == b"the-third-key"


async def test_a_mistake_is_not_forgotten_when_another_file_changes(tmp_path: Path) -> None:
    """What was built before the mistake must not be taken for what the file says now."""
    for name in ("second", "third"):
        write(tmp_path, f"secrets/{name}", f"key-of-{name}")
        write(tmp_path, f"conf.d/{name}.toml", MORE.format(slug=name))
    async with reloading(tmp_path) as running:
        write(tmp_path, "secrets/second", "\n")
        await running.until(lambda: running.count("rejected") >= 1)
        rejected = running.count("rejected")
        write(tmp_path, "secrets/third", "another-key-of-third")
        await running.until(lambda: running.count("rejected") > rejected)
        assert len(running.edge.placed) == 1
        write(tmp_path, "secrets/second", "a-good-key-again")
        await running.until(lambda: len(running.edge.placed) == 2)
        assert running.edge.sources["third"].ring.keys[0].key.material == b"another-key-of-third"


@pytest.mark.parametrize("content", ["x" * 32, "sk_live_of-another-mode"], ids=["blank", "foreign"])
async def test_a_key_that_is_revoked_and_overwritten_at_once_is_revoked(
    tmp_path: Path, content: str
) -> None:
    """What stands in its file now is no secret of ours, and no reason to go on believing it."""
    revoked = '[[source.key]]\nid = "k2"\nfile = "secrets/k2"\nstatus = "{}"\n'
    write(tmp_path, "secrets/k2", "the-leaked-key")
    async with reloading(tmp_path, MAIN + revoked.format("active")) as running:
        assert running.edge.sources["shop"].ring.at(0).ids == ("k1", "k2")
        write(tmp_path, "secrets/k2", content)
        write(tmp_path, "sealgate.toml", MAIN + revoked.format("revoked"))
        await running.until(lambda: running.edge.sources["shop"].ring.at(0).ids == ("k1",))
        assert running.gauge("last_reload_ok") == 1
