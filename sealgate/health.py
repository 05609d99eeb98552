"""Ask a running process over its admin port how it is: for a container's own health check.

Hardly anything is loaded, and no configuration is read: it is asked every few seconds, and must
cost next to nothing beside the process that it asks. An orchestrator asks the port itself. Whoever
has the port may answer anything: what is printed is bounded, and harmless to a terminal.
"""

import http.client
import sys
from http import HTTPStatus

from sealgate import adminport
from sealgate.adminport import Bounds
from sealgate.plain import block, plain

EXIT_OK = 0
EXIT_UNWELL = 1
EXIT_AWAY = 69
# Longer than any turn of the event loop that is still well, shorter than whoever asks waits.
TIMEOUT_S = 0.8
# Of an answer so much is read: a few lines from our own process, and no end from another one.
ANSWER_BYTES_MAX = 4096


def ask(host: str, port: int, path: str) -> int:
    """Print what is answered; return the exit code."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        answer = adminport.ask(connection, path, Bounds(TIMEOUT_S, ANSWER_BYTES_MAX))
    except (OSError, http.client.HTTPException) as wrong:
        told = f"nobody answers at {host}:{port}: {wrong}. Is admin.port another one? --port"
        print(plain(told), file=sys.stderr)
        return EXIT_AWAY
    print(block(answer.body.decode("utf-8", "replace").strip()))
    return EXIT_OK if answer.status == HTTPStatus.OK else EXIT_UNWELL
