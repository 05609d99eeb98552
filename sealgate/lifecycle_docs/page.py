"""Write the documents of the lifecycle into the files named on the command line.

``python -m sealgate.lifecycle_docs.page docs``: the folder they belong to.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sealgate.lifecycle_docs import codes, states, words

PAGES: Mapping[str, Callable[[], str]] = {
    "lifecycle.md": states.page,
    "exceptions.md": codes.page,
    "events.md": words.page,
}


if __name__ == "__main__":
    for name, write in PAGES.items():
        Path(sys.argv[1], name).write_text(write(), encoding="utf-8")
