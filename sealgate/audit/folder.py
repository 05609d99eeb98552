"""The files of the audit: checkpoints, each written once and never over another, and the key.

A checkpoint appears whole under its name or not at all, and lasts over a power cut once there. Its
name is its number, so of two processes that write the same one the second finds it taken.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ingress import secretfiles

_NAME = re.compile(r"checkpoint-(\d{9})\.json")
FILE_BYTES_MAX = 4 * 1024 * 1024


class Kept(NamedTuple):
    """One file of the directory."""

    number: int
    path: Path
    content: bytes


def name(number: int) -> str:
    """Name a checkpoint's file."""
    return f"checkpoint-{number:09}.json"


def kept(directory: Path) -> Iterator[Kept]:
    """Read the checkpoints there are, in the order of their numbers. Raises `OSError`."""
    for number, path in _numbered(directory):
        yield Kept(number, path, read(path))


def latest(directory: Path) -> Kept | None:
    """Read the last checkpoint. Raises `OSError`."""
    found = _numbered(directory)
    return Kept(*found[-1], read(found[-1][1])) if found else None


def read(path: Path) -> bytes:
    """Read a checkpoint's file; what is too large to be one is cut off. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX)


def keep(directory: Path, number: int, content: bytes) -> bool:
    """Write a checkpoint; False where its number is taken. Raises `OSError`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _write_once(directory / name(number), content, 0o644)


def make_key(path: Path) -> Ed25519PublicKey | None:
    """Make a key pair, the private one for us alone; None where there is one already."""
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _write_once(path, secret, 0o600):
        return None
    public = private.public_key()
    public_path(path).write_bytes(
        public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return public


def public_path(path: Path) -> Path:
    """Say where the public half of a key is."""
    return path.with_name(path.name + ".pub")


def private_key(base: Path, path: Path) -> Ed25519PrivateKey:
    """Read the key that signs. Raises `ValueError`."""
    content = secretfiles.read_secret_file(base, path)
    with suppress(ValueError, TypeError):
        key = serialization.load_pem_private_key(content, None)
        if isinstance(key, Ed25519PrivateKey):
            return key
    raise ValueError("the file named there holds no Ed25519 key: sealgate audit init makes one")


def public_key(base: Path, path: Path) -> Ed25519PublicKey:
    """Read the key that verifies. Raises `ValueError`."""
    content = secretfiles.read(base, path).content
    with suppress(ValueError, TypeError):
        key = serialization.load_pem_public_key(content)
        if isinstance(key, Ed25519PublicKey):
            return key
    raise ValueError(f"{path} holds no Ed25519 public key, as sealgate audit init writes it")


def _numbered(directory: Path) -> list[tuple[int, Path]]:
    if not directory.exists():
        return []
    found = [(_NAME.fullmatch(path.name), path) for path in directory.iterdir()]
    return sorted((int(match[1]), path) for match, path in found if match)


def _write_once(path: Path, content: bytes, mode: int) -> bool:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        # A link, unlike a renaming, never takes the place of another file.
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    finally:
        Path(temporary).unlink(missing_ok=True)
    _sync(path.parent)
    return True


def _sync(directory: Path) -> None:
    """Make the names in a directory last over a power cut, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
