"""Write the boards into the folder named on the command line.

``python -m dashboards.grafana.page dashboards/grafana``: the folder they belong to.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana.board import BOARDS, read
from dashboards.grafana.build import build


def files() -> Mapping[str, str]:
    """Write every file that is generated here, by its name in the folder."""
    return {
        f"boards/{name}.json": json.dumps(build(read(name)), cls=JSONEncoder, indent=1) + "\n"
        for name in BOARDS
    }


if __name__ == "__main__":
    for name, text in files().items():
        path = Path(sys.argv[1], name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
