"""The ages by which a queue is read: closed, so that two reports can be compared. Pure."""

from consumers.ageing import BUCKETS, Bucket, bucket

__all__ = ["BUCKETS", "Bucket", "bucket", "window"]


def window(name: str, now_ms: int) -> tuple[int | None, int | None]:
    """Return when what is of that age began: from, and until, not at. Raises `ValueError`."""
    found = next((one for one in BUCKETS if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in BUCKETS)
        raise ValueError(f"--age: {name!r} is none of {known}")
    from_ms = None if found.to_ms is None else now_ms - found.to_ms + 1
    return from_ms, now_ms - found.from_ms + 1
