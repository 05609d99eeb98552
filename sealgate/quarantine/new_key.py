"""`sealgate quarantine new-key`: a key that seals what is refused, in a file of its own."""

import json
import os
import re
import sys
from pathlib import Path

from ingress.sealing import new_key
from ingress.settings import KEY_ID
from sealgate.plain import plain

EXIT_DONE = 0
EXIT_USAGE = 2
_MODE = 0o600
_KEY_ID = re.compile(KEY_ID)


def run(key_file: Path) -> int:
    """Write the file and say what to configure; return the exit code."""
    try:
        create(key_file, new_key())
    except ValueError as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_USAGE
    key_id = key_file.stem if _KEY_ID.fullmatch(key_file.stem) else "sealing"
    print(f"{key_file} is written. Add to the configuration, before any other of its kind:\n")
    print("[[quarantine.key]]")
    print(f"id = {json.dumps(key_id)}")
    print(f"file = {json.dumps(str(key_file.absolute()))}\n")
    print("Keep a copy where secrets are kept: without this file, nothing that it sealed opens.")
    print("The first key seals and every key opens: an older one stays for `quarantine.days` more.")
    return EXIT_DONE


def create(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, over nothing. Raises `ValueError`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ValueError(f"{path} is there already, and nothing is written over") from None
    except OSError as wrong:
        raise ValueError(f"{path} cannot be written: {wrong.strerror}") from None
