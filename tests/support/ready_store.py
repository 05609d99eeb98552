"""A SQLite store of the sandbox, made once: most tests begin on a copy of its file.

To make one takes every migration there is, and some waits for the disk, for each of hundreds of
tests. What making it does is tried where files begin empty (tests/conformance/test_migrations.py).
"""

import asyncio
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from consumers.store.connect import connect

ENVIRONMENT = "sandbox"
# Outlives the tests: whatever begins later begins on a copy of it.
_READY = tempfile.TemporaryDirectory(prefix="sealgate-store-", ignore_cleanup_errors=True)


def lay(file: Path) -> None:
    """Put a store of the sandbox where there is no file yet, as opening it would have made it."""
    if not file.exists():
        shutil.copyfile(_ready(), file)


@cache
def _ready() -> Path:
    """Make it, in a thread and so apart from the test's own event loop."""
    file = Path(_READY.name) / "store.db"

    async def make() -> None:
        store = connect(f"sqlite://{file}")
        await store.open(ENVIRONMENT)
        await store.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    beside = [path.name for path in file.parent.iterdir() if path != file]
    assert beside == [], f"the file is not whole: {beside}"
    return file
