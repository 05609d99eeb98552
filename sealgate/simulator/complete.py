"""Give a request everything that its signature speaks for beside the content. Pure.

A profile and a draft flow in, the draft with timestamp, message id, key id and whatever else the
provider sends along flows out. What the draft already has stays, but for what must be so for the
signature to be this provider's: the moment, the name of the key, the digest of the body.
"""

import base64
import hashlib
import re
import uuid
from collections.abc import Iterator

from ingress.contract import cloudevents
from ingress.delivery import Rejected
from ingress.providers import Profile
from ingress.providers import signature as signs
from ingress.providers.declaration import Declaration, Freshness
from ingress.schemes.parts import lexemes, places, pointer
from ingress.schemes.parts.fresh import Unit
from ingress.schemes.parts.lexemes import Number
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.simple import Value
from ingress.schemes.parts.view import View
from sealgate.simulator.draft import Draft, find, put

_SECOND_MS = 1000

Located = signs.Mac | signs.Asym


def chosen(profile: Profile, draft: Draft) -> signs.Signature:
    """Return the signature to be made: the first that such a request can carry.

    Raises `ValueError` where it can carry none.
    """
    for said in profile.declaration.signature:
        if not isinstance(said, Located) or all(_can_show(draft, one) for one in said.when):
            return said
    raise ValueError(f"{profile.title} has no signature for such a request")


def complete(profile: Profile, draft: Draft, now_ms: int, message_id: str, kid: str) -> Draft:
    """Return the draft with all that is signed beside it. Raises `ValueError`: it has no room."""
    says, said = profile.declaration, chosen(profile, draft)
    for one in says.expect:
        if one.equals:
            draft = _lend(draft, places.parse(one.at), one.equals)
    if not isinstance(said, Located):
        return draft
    for condition in said.when:
        draft = _shown(draft, condition, message_id)
    draft = _stamped(draft, says.timed, now_ms)
    for name in said.messages[0].header_names:
        draft = _lend(draft, Place(Kind.HEADER, name.decode()), message_id)
    for place, under in _values(said, draft):
        draft = _lend(draft, place, message_id, under)
    return _named(says, said, draft, message_id, kid)


def _named(says: Declaration, said: Located, draft: Draft, message_id: str, kid: str) -> Draft:
    """Add the name of the key, or the digest of the body, where one goes along."""
    if isinstance(said, signs.Asym):
        if said.key_id is None:
            return draft
        place = places.parse(said.key_id)
        # A captured body may name its key already.
        name = kid or find(draft, place) or ""
        return put(draft, place, _kid(says, said, message_id, name))
    if said.body_digest is None:
        return draft
    digest = hashlib.sha256(draft.body).hexdigest()
    return put(draft, places.parse(said.body_digest), digest)


def roots(said: signs.Signature, draft: Draft) -> list[pointer.Tokens]:
    """Return where the pointers of the signature begin: once, or for every item of a list."""
    if not isinstance(said, Located) or not said.each:
        return [()]
    tokens = pointer.parse(said.each)
    try:
        items = lexemes.find(View(draft.delivery()).json, tokens)
    except Rejected:
        items = lexemes.MISSING
    if isinstance(items, list) and items:
        return [(*tokens, str(index)) for index in range(len(items))]
    raise ValueError(f"the body must have a list of events at {said.each}")


def stamp(timed: Freshness | None, now_ms: int) -> str:
    """Write the moment as the profile's timestamp; "" where it has none."""
    if timed is None:
        return ""
    if timed.unit is Unit.ISO:
        return cloudevents.timestamp(now_ms)
    return str(now_ms if timed.unit is Unit.MILLISECONDS else now_ms // _SECOND_MS)


def _stamped(draft: Draft, timed: Freshness | None, now_ms: int) -> Draft:
    if timed is None or timed.place is None:
        return draft
    text = stamp(timed, now_ms)
    is_number = timed.place.kind is Kind.JSON and timed.unit is not Unit.ISO
    return put(draft, timed.place, Number(text) if is_number else text)


def _can_show(draft: Draft, condition: signs.Condition) -> bool:
    """Say whether the draft meets a condition, or could be made to."""
    found = find(draft, places.parse(condition.at))
    if found is None:
        return condition.absent or condition.matches is None or fits(condition)
    if condition.matches is not None:
        return re.fullmatch(condition.matches, found) is not None
    if condition.equals is not None:
        return found == condition.equals
    return not condition.absent


def _shown(draft: Draft, condition: signs.Condition, message_id: str) -> Draft:
    """Show what tells that the delivery carries this signature."""
    if condition.equals is not None:
        return _lend(draft, places.parse(condition.at), condition.equals)
    if condition.absent:
        return draft
    text = message_id if condition.matches is None else payload(message_id)
    return _lend(draft, places.parse(condition.at), text)


def fits(condition: signs.Condition) -> bool:
    """Say whether a text of ours could stand where one of a certain look must."""
    return re.fullmatch(str(condition.matches), payload("test")) is not None


def payload(message_id: str) -> str:
    """Write an id in base64: long enough for what asks for a payload and not for a challenge."""
    return base64.b64encode(message_id.encode().rjust(48, b".")).decode()


def _lend(draft: Draft, place: Place, text: str, under: pointer.Tokens = ()) -> Draft:
    """Put a text where there is none."""
    return draft if find(draft, place, under) is not None else put(draft, place, text, under)


def _values(said: Located, draft: Draft) -> Iterator[tuple[Place, pointer.Tokens]]:
    """Name the places whose texts are signed and must be there, and where pointers begin."""
    parts = [part for part in said.messages[0].parts if isinstance(part, Value)]
    for under in roots(said, draft):
        for part in parts:
            if not part.optional:
                yield part.place, under


def _kid(says: Declaration, said: signs.Asym, message_id: str, kid: str) -> str:
    """Return the name under which the key is announced. Raises `ValueError` if it must be given."""
    source = says.key_source
    pattern = said.key_id_pattern
    if source is not None and source.kind == "certificate":
        pattern = f"https://(?:{source.hosts})(?:{source.paths})"
    made = str(uuid.UUID(bytes=hashlib.sha256(message_id.encode()).digest()[:16], version=4))
    name = kid or made
    if not re.fullmatch(pattern, name):
        what = "is not one of this provider's" if kid else "is needed: deliveries name their key"
        raise ValueError(f"--kid {what}; it looks like {pattern}")
    return name
