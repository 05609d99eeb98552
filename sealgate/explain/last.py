"""What remains to be said where nothing that was tried holds.

A case and its reason flow in, one guess flows out: what is likeliest, and what to compare next. It
names what can be seen and not be undone: a body that looks printed anew, headers that are signed.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ingress.delivery import Reason
from ingress.schemes.token import Token
from sealgate.explain.case import Case, Verdict, primitives, statements
from sealgate.explain.diagnoses import Finding

_MEMBERS_MIN = 4
_LISTED_MAX = 5


def last_resort(case: Case, verdict: Verdict) -> Finding:
    """Say what remains where nothing that was tried holds."""
    if verdict.reason in _REMAINING:
        what, advice = _REMAINING[verdict.reason]
    elif verdict.reason is Reason.SIGNATURE_MISMATCH and _is_token(case):
        what = "the secret that was sent is another than the one held; nothing else is compared"
        advice = (
            "compare the secret at the provider with the file; it may be another endpoint's, or "
            "have been replaced since"
        )
    elif verdict.reason is Reason.SIGNATURE_MISMATCH:
        public = any(isinstance(key.material, bytes) is False for _, key in case.keys)
        what = "nothing that is known to happen explains it. Most likely " + (
            "the public key is another one: of the sandbox, or replaced since"
            if public
            else "the secret is another one: of another endpoint or environment, or replaced since"
        )
        what += "".join(f"; or {one}" for one in _changed(case))
        if case.profile.signs_url:
            what = (
                "the URL is signed: most likely it is registered otherwise at the provider than "
                f"{case.delivery.url!r}, to the letter. If it is the same, {what}"
            )
        first = "compare public_url with the registered URL, then " * case.profile.signs_url
        advice = (
            f"{first}compare the key with the provider's dashboard for this very URL, then have "
            "the provider send a test event and capture it at the edge"
        )
    else:
        what = "nothing that is known to happen explains it"
        advice = (
            "compare the steps above with the provider's documentation, and the capture with the "
            "request as it reached the edge"
        )
    return Finding("unexplained", what, advice, proven=False)


def _is_token(case: Case) -> bool:
    return all(isinstance(one, Token) for one in primitives(case.profile))


def _changed(case: Case) -> Iterator[str]:
    """Name what may have been changed on its way beyond recognition, likeliest first."""
    look = _look(case.delivery.body)
    if look:
        yield (
            f"the JSON was changed: it {look}, so a library may have parsed and printed it anew, "
            "and the letters of its numbers or the order of its members are lost"
        )
    else:
        yield "the body was changed in its content"
    proofs = {said.header for said in statements(case.profile)}
    signed = [name.decode() for name in case.profile.signed_headers if name not in proofs]
    if signed:
        yield f"a header was changed that is signed too: {', '.join(signed[:_LISTED_MAX])}"


def _look(body: bytes) -> str:
    """Say what of a JSON body looks as if a library had printed it anew; "" for nothing."""
    try:
        said: Any = json.loads(body)
        as_printed = json.dumps(said).encode()
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict) or len(said) < _MEMBERS_MIN:
        return ""
    if body == as_printed:
        return "has a blank after each comma and colon, as Python's json.dumps writes"
    return "has its members in the order of their names" if [*said] == sorted(said) else ""


_REMAINING: Mapping[Reason | None, tuple[str, str]] = {
    Reason.CLAIM_MISMATCH: (
        "the signature is genuine, and its owner is another than the configured one",
        "compare the source's parameters (`providers show` names them) with the dashboard",
    ),
    Reason.HEADER_MISSING: (
        "the request carries no signature of this provider",
        "see that signing is switched on at the provider, and that no proxy drops the header",
    ),
    Reason.DIGEST_MISMATCH: (
        "the token is genuine, and the body is not the one it was made for",
        "capture the body's bytes as they arrived, before anything parses them",
    ),
}
