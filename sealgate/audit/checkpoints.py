"""Checkpoints: where every chain was at an instant, signed, each naming the one before. Pure.

A chain alone proves an order to somebody who holds an old head of it. A checkpoint is that: two
lines, the first what was seen, the second its signature (Ed25519, over the bytes of the first line
without its end). `before` is the SHA-256 of the whole file before it, so that none can be taken out
or put between; one is written also when nothing happened, so that silence is on record.
"""

import base64
import binascii
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FORMAT = "sealgate-checkpoint-1"


class Unsound(ValueError):
    """No checkpoint of ours; the message says why."""


class Seen(NamedTuple):
    """The last entry of a chain."""

    chain: str
    seq: int
    hash: bytes


class Checkpoint(NamedTuple):
    """What was seen. `new` counts the entries since the checkpoint before."""

    environment: str
    number: int
    at_ms: int
    before: str
    new: int
    chains: tuple[Seen, ...]


def follow(
    last: Checkpoint | None, before: bytes, environment: str, heads: Sequence[Seen], at_ms: int
) -> Checkpoint:
    """Make the checkpoint after `last`, whose file holds `before`."""
    number = 1 if last is None else last.number + 1
    was = sum(seen.seq + 1 for seen in last.chains) if last else 0
    now = sum(seen.seq + 1 for seen in heads)
    digest = digest_of(before) if last else ""
    return Checkpoint(environment, number, at_ms, digest, max(0, now - was), tuple(heads))


def shorter(last: Checkpoint | None, heads: Sequence[Seen]) -> list[str]:
    """Name the chains that were longer at `last` than they are: something was taken back."""
    now = {seen.chain: seen.seq for seen in heads}
    known = last.chains if last else ()
    return [seen.chain for seen in known if now.get(seen.chain, -1) < seen.seq]


def digest_of(content: bytes) -> str:
    """Name a file by what it holds."""
    return sha256(content).hexdigest()


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """Write a checkpoint's file."""
    said = {
        "format": FORMAT,
        "environment": checkpoint.environment,
        "number": checkpoint.number,
        "at_ms": checkpoint.at_ms,
        "before": checkpoint.before,
        "new": checkpoint.new,
        "chains": [
            {"chain": one.chain, "seq": one.seq, "count": one.seq + 1, "head": one.hash.hex()}
            for one in checkpoint.chains
        ],
    }
    line = orjson.dumps(said)
    proof = {
        "key": fingerprint(key.public_key()),
        "signature": base64.b64encode(key.sign(line)).decode(),
    }
    return line + b"\n" + orjson.dumps(proof) + b"\n"


def read(content: bytes, key: Ed25519PublicKey) -> Checkpoint:
    """Read a checkpoint's file. Raises `Unsound`."""
    line, _, proof = content.partition(b"\n")
    try:
        told = orjson.loads(proof)
        signature = base64.b64decode(told["signature"], validate=True)
        key.verify(signature, line)
        return _checkpoint(orjson.loads(line))
    except InvalidSignature:
        raise Unsound("its signature does not hold under this key") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, binascii.Error):
        raise Unsound("it is no checkpoint") from None


def _checkpoint(said: Any) -> Checkpoint:
    if said["format"] != FORMAT:
        raise ValueError(said["format"])
    chains = [Seen(one["chain"], one["seq"], bytes.fromhex(one["head"])) for one in said["chains"]]
    return Checkpoint(
        said["environment"],
        said["number"],
        said["at_ms"],
        said["before"],
        said["new"],
        tuple(chains),
    )


def fingerprint(key: Ed25519PublicKey) -> str:
    """Name a public key."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return sha256(raw).hexdigest()[:16]
