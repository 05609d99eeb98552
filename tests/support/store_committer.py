"""A process to be killed: commits one batch after another and says so after each."""

import asyncio
import sys

from consumers.store.connect import connect
from consumers.store.port import Advance
from tests.support.store_builders import GROUP, PARTITION, claimed, whole_batch


async def main(url: str) -> None:
    """Commit until somebody kills us."""
    store = connect(url)
    await store.open("sandbox")
    epoch = await claimed(store)
    for number in range(100_000):
        came, changes = whole_batch(number)
        async with store.transaction() as tx:
            await tx.advance(GROUP, [Advance(PARTITION, epoch, number or None, number + 1)])
            await tx.claim([came])
            await tx.save(changes)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
