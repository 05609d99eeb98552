"""`sealgate new-key`: a key to try a provider with, as the files that both sides need.

A shared secret is one file, for `sealgate send` and for the source alike. Of a key pair the private
half is for `sealgate send` alone, and the public one, beside it, is for the source. No file is ever
written over: it may hold the only copy of a key.
"""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from sealgate.catalogue.entries import find
from sealgate.plain import plain
from sealgate.simulator.keys import SECRET_BYTES, NewKey, new_key
from sealgate.simulator.send import parameters

EXIT_DONE = 0
EXIT_USAGE = 2
PUBLIC_SUFFIX = ".pub"
_SECRET_MODE = 0o600
_PUBLIC_MODE = 0o644


def run(provider: str, key_file: Path, words: Sequence[str] = (), own: Path | None = None) -> int:
    """Make the key and write it; return the exit code. `own` has the user's own profiles."""
    public_file = key_file.with_name(key_file.name + PUBLIC_SUFFIX)
    try:
        profile = find(provider, parameters(words), own).profile
        key = new_key(profile, secrets.token_bytes(SECRET_BYTES))
        _write(key_file, public_file, key)
    except ValueError as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_USAGE
    except OSError as wrong:
        print(f"{wrong.filename} cannot be written: {wrong.strerror}", file=sys.stderr)
        return EXIT_USAGE
    if key.is_pair:
        print(f"private key  {key_file}: for `sealgate send --key-file`, and for nobody else")
        print(f"public key   {public_file}: for the gateway, the file of a [[source.key]]")
    else:
        print(f"secret       {key_file}: for `sealgate send --key-file`, and for the gateway, the")
        print("             file of a [[source.key]]")
    return EXIT_DONE


def _write(key_file: Path, public_file: Path, key: NewKey) -> None:
    if key.is_pair and public_file.exists():
        raise ValueError(f"{public_file} is there already, and nothing is written over")
    _create(key_file, key.sender, _SECRET_MODE)
    if key.is_pair:
        _create(public_file, key.gateway, _PUBLIC_MODE)


def _create(path: Path, text: str, mode: int) -> None:
    try:
        path.touch(mode=mode, exist_ok=False)
    except FileExistsError:
        raise ValueError(f"{path} is there already, and nothing is written over") from None
    path.write_text(text, encoding="utf-8")
