"""Shapes of what finance is told: an export, a folder that was verified, and a close."""

from collections.abc import Mapping

from sealgate.schemas.shapes import (
    Fields,
    Schema,
    const,
    digits,
    listed,
    maybe,
    moment,
    number,
    ref,
    shape,
    text,
    truth,
)

_ROW: Fields = {
    "environment": text("whose books they are"),
    "provider": text("the provider"),
    "provider_account": text("the account there"),
    "asset": text("the asset's symbol"),
    "network": maybe(text("its network, where it is known")),
    "decimals": maybe(number("how many decimals its smallest unit has; null: not registered")),
    "opening": digits("what was final and not booked when the period began"),
    "confirmed": digits("what became final"),
    "reversed": digits("what was final and is gone"),
    "refunded": digits("what was given back"),
    "posted": digits("what finance booked"),
    "unposted": digits("what finance took back of its entries"),
    "adjustments": digits("what corrections gave, below zero what they took"),
    "detected": digits("what was seen, less what vanished"),
    "settled": digits("what the provider credited"),
    "fees": digits("what the provider kept"),
    "closing": digits("what is final and not booked when the period ends"),
    "after_period": digits("what moved since"),
    "held_payments": digits("what payments hold of it as of the run"),
    "held_deposits": digits("what deposits hold of it, which is owed to nobody known"),
    "difference": digits("by how much the two do not agree: 0"),
}
_PERIOD: Fields = {
    "name": maybe(text("the month; null for other spans")),
    "timezone": text("whose clocks count"),
    "from": moment("its first instant"),
    "to": moment("the first instant that is not in it"),
}
_AS_OF: Fields = {
    "entries": number("how many entries of the chains count"),
    "at": moment("when the last of them was written"),
    "chains": listed(
        "where each chain was",
        shape(
            "one chain",
            {
                "chain": text("its name"),
                "seq": number("the number of its last entry"),
                "head": text("that entry's hash", pattern="^[0-9a-f]{64}$"),
            },
        ),
    ),
}
_FILE: Fields = {
    "name": text("its name in the folder"),
    "sha256": text("its digest", pattern="^[0-9a-f]{64}$"),
    "bytes": number("how long it is"),
    "rows": number("how many lines it has, without the head"),
}
_MANIFEST = "the digest of the manifest, which names all the others"
_EXPORTED: Fields = {
    "format": const("sealgate.exported/1"),
    "environment": text("whose books they are"),
    "out": text("the folder"),
    "manifest": text(_MANIFEST, pattern="^sha256:[0-9a-f]{64}$"),
    "period": ref("ExportPeriod"),
    "as_of": ref("ExportAsOf"),
    "files": listed("the files", ref("ExportFile")),
    "roll_forward": listed("the figures, by account and asset", ref("RollForward")),
    "adjusted_movements": number("movements of months that are closed"),
    "confirmed_without_amount": number("payments that are Confirmed without any figure"),
    "differences": number("accounts that do not roll forward: exit code 3"),
    "lost_facts": number("facts that the chain names and no table has: exit code 3"),
    "chain_problems": listed(
        "what the audit chain contradicts in the database: exit code 3", text("one thing")
    ),
}
_VERIFIED: Fields = {
    "format": const("sealgate.export-verified/1"),
    "folder": text("the folder"),
    "manifest": text(_MANIFEST, pattern="^sha256:[0-9a-f]{64}$"),
    "environment": text("whose books they are"),
    "period": ref("ExportPeriod"),
    "is_close": truth("whether it is the package of a close"),
    "is_held_against_chain": truth("whether the database was there to be asked"),
    "problems": listed("what is wrong: exit code 3", text("one thing")),
}
_CLOSE: Fields = {
    "format": const("sealgate.close/1"),
    "environment": text("whose books they are"),
    "period": text("the month"),
    "is_closed": truth("whether it is closed now"),
    "is_repeat": truth("whether it was before"),
    "blockers": listed(
        "what is in the way: exit code 3",
        shape(
            "one thing",
            {
                "code": text("its code, which does not change"),
                "about": text("what it is about"),
                "text": text("what to do"),
            },
        ),
    ),
    "export": maybe(ref("Exported", "what was written; null where nothing was")),
}
DEFS: Mapping[str, Schema] = {
    "RollForward": shape("the figures of one account in one asset, atomic", _ROW),
    "ExportPeriod": shape("from an instant until, not at, another", _PERIOD),
    "ExportAsOf": shape("what was known: up to which entries of the audit chains", _AS_OF),
    "ExportFile": shape("one file", _FILE),
    "Exported": shape("what was written into a folder", _EXPORTED),
    "ExportVerified": shape("what a folder is worth", _VERIFIED),
    "Close": shape("whether a month was closed", _CLOSE),
}
