"""Files that hold secrets: how they are read, and which of them are refused.

A path flows in, and the bytes of a secret flow out, or a `ValueError` that says what is wrong with
the file without its name: the name may be the secret, put there instead.
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from ingress.keyring import secret_from_file_bytes

SECRET_BYTES_MAX = 64 * 1024


class Found(NamedTuple):
    """What a file holds, and its permissions."""

    content: bytes
    mode: int

    def check_private(self) -> None:
        """Raise `ValueError` if everybody on this machine can read the file."""
        if self.mode & stat.S_IROTH:
            raise ValueError(
                "everybody on this machine can read the file named there "
                f"(mode {self.mode & 0o7777:04o}); chmod 600 it, or 640 for a group"
            )


def read_secret_file(base: Path, name: Path) -> bytes:
    """Read a secret from the file `name`, counted from `base`. Raises `ValueError`."""
    found = read(base, name)
    found.check_private()
    return found.content


def read(base: Path, name: Path) -> Found:
    """Read a file that may hold a secret or a public key. Raises `ValueError`."""
    path = base / name
    try:
        # Not to wait for ever, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise ValueError("what is named there is not a regular file")
            raw = _whole(descriptor)
        finally:
            os.close(descriptor)
    except OSError as wrong:
        counted = "" if name.is_absolute() else f" (its path counts from {base})"
        raise ValueError(
            f"the file named there cannot be read: {wrong.strerror}{counted}"
        ) from None
    if len(raw) > SECRET_BYTES_MAX:
        raise ValueError(f"the file named there is larger than {SECRET_BYTES_MAX} bytes")
    try:
        return Found(secret_from_file_bytes(raw), mode)
    except ValueError as wrong:
        raise ValueError(f"the file named there cannot be used: {wrong}") from None


def _whole(descriptor: int) -> bytes:
    """Read to the end, or one byte more than may be."""
    content = b""
    while chunk := os.read(descriptor, SECRET_BYTES_MAX + 1 - len(content)):
        content += chunk
    return content
