"""Watching: what is told is looked at soon, and what nobody tells of is looked at in time."""

import asyncio
from pathlib import Path

from ingress.filestate import ANYTHING
from sealgate.watching import Watch, places


async def test_everything_is_looked_at_in_time_however_much_is_told(tmp_path: Path) -> None:
    """A merchant's file changes every second, and a revoked key is on a mount that is silent."""
    main = tmp_path / "sealgate.toml"
    main.touch()
    watch = Watch()
    watch.follow(places(main, (), ()))
    watching = asyncio.create_task(watch.run())

    async def busy() -> None:
        while True:
            main.write_text("# and again")
            await asyncio.sleep(0.1)

    writing = asyncio.create_task(busy())
    try:
        async with asyncio.timeout(20):
            # The first is the look at what changed before the watch was there.
            for _ in range(3):
                while await watch.touched(1.0) != ANYTHING:
                    pass
    finally:
        writing.cancel()
        watching.cancel()
        await asyncio.wait({writing, watching})
