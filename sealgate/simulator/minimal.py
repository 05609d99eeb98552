"""The smallest event of any profile: a text at every place from which the gateway reads. Pure.

Where a provider has no samples of its own (`events`), its profile still says where an event has its
id, its type, its payment and its time, and whether these stand in JSON, in a form or in a query. A
profile and an `Occasion` flow in, an unsigned `Draft` flows out. Whoever needs the provider's real
shape gives a captured body instead.
"""

from collections.abc import Iterator, Sequence

from ingress.contract import cloudevents
from ingress.providers import Profile
from ingress.providers import signature as signs
from ingress.providers.declaration import UNSIGNED_HEADER, Alternatives
from ingress.schemes.parts import lexemes, places, rewritten
from ingress.schemes.parts.fresh import Unit
from ingress.schemes.parts.lexemes import Node, Number
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.simple import Value
from sealgate.simulator.complete import Located, fits, payload
from sealgate.simulator.draft import (
    CONTENT_TYPE,
    EACH,
    FIRST,
    FORM,
    JSON,
    Draft,
    find,
    put,
    with_member,
    written,
)
from sealgate.simulator.events import Occasion

NAME = "test"
_ID = "test_id"
_SECOND_MS = 1000
_FORM_PARTS = (rewritten.SortedForm, rewritten.PhpForm)
# What Amazon signs of a notification; whatever is no notification signs other members.
_SNS = {"Type": "Notification", "Message": "test", "MessageId": "", "Timestamp": "", "TopicArn": ""}

Filling = tuple[Place, str | Number]


def content_type(profile: Profile, body: bytes) -> str:
    """Say what a body of this profile is: JSON, or a form."""
    is_json = body.lstrip()[:1] in {b"{", b"["}
    return FORM if not is_json and (body or is_form(profile)) else JSON


def draft(profile: Profile, occasion: Occasion) -> Draft:
    """Return the profile's smallest event, unsigned and without a URL."""
    outside = list(_outside(profile, occasion))
    around = [one for one in outside if _is_around(profile, one)]
    form = is_form(profile)
    found = Draft(method=profile.methods[0])
    tree: Node = {}
    for place, text in (*outside, *_inside(profile, occasion)):
        if (place, text) in around:
            continue
        if place.kind is Kind.JSON:
            tree = _with(tree, place, text)
        elif find(found, place) is None and (form or place.kind is not Kind.FORM):
            found = put(found, place, text)
    if found.method == "GET":
        return found
    if form:
        found = put(found, Place(Kind.FORM, _ID), occasion.event_id)
        return put(found, Place(Kind.HEADER, CONTENT_TYPE), FORM)
    if isinstance(tree, dict):
        # Where the body has no id of its own, two events must still be two.
        tree = {**tree, _ID: occasion.event_id}
    return Draft(
        found.method,
        found.url,
        found.query,
        {**found.headers, CONTENT_TYPE: JSON},
        _enclosed(profile, written(tree), around),
    )


def is_form(profile: Profile) -> bool:
    """Say whether the body is a form: the signature needs one, or the identity knows no JSON."""
    said, identity = profile.declaration.signature[0], profile.declaration.identity
    signed: list[Place] = [] if isinstance(said, signs.Unsigned) else [said.place]
    if isinstance(said, Located):
        parts = said.messages[0].parts
        if any(isinstance(part, _FORM_PARTS) for part in parts):
            return True
        signed += [part.place for part in parts if isinstance(part, Value)]
    if any(place.kind is Kind.FORM for place in signed):
        return True
    read = [Kind(_parsed(place).kind) for place in (*identity.key_places, *identity.type_places)]
    return Kind.FORM in read and Kind.JSON not in read


def _outside(profile: Profile, occasion: Occasion) -> Iterator[Filling]:
    """Say what stands where for the signature, the most particular first: what is there stays."""
    says = profile.declaration
    said = says.signature[0]
    yield from [(places.parse(one.at), one.equals) for one in says.expect if one.equals]
    if isinstance(said, Located):
        # What must have a certain look to be this signature's: an id in it keeps two events apart.
        yield from [
            (places.parse(one.at), payload(occasion.event_id))
            for one in said.when
            if one.matches is not None and not one.absent and fits(one)
        ]
    if isinstance(said, Located) and said.messages[0].has(rewritten.SnsLines):
        yield from _sns(occasion)


def _inside(profile: Profile, occasion: Occasion) -> Iterator[Filling]:
    """Say what stands where for the identity, in the document that it is read from."""
    identity = profile.declaration.identity
    yield from [(place, occasion.reference) for place in _first(profile, identity.payment_ref)]
    yield from [(place, NAME) for place in _first(profile, identity.event_type)]
    if identity.occurred.at:
        yield places.parse(identity.occurred.at), _moment(identity.occurred.form, occasion.at_ms)
    yield from [(place, occasion.event_id) for place in _first(profile, identity.event_key)]


def _sns(occasion: Occasion) -> Iterator[Filling]:
    moment = cloudevents.timestamp(occasion.at_ms)
    made = {"MessageId": occasion.event_id, "Timestamp": moment, "TopicArn": occasion.reference}
    for name, text in (_SNS | made).items():
        yield Place(Kind.JSON, tokens=(name,)), text


def _first(profile: Profile, alternatives: Alternatives) -> tuple[Place, ...]:
    """Return the first alternative that the kind of content can have, or nothing."""
    absent = {Kind.JSON} if is_form(profile) else {Kind.FORM}
    if profile.methods[0] == "GET":
        absent = {Kind.JSON, Kind.FORM}
    for alternative in alternatives:
        found = tuple(_parsed(text) for text in alternative)
        if not any(place.kind in absent for place in found):
            return found
    return ()


def _parsed(text: str) -> Place:
    return places.parse(text.removeprefix(UNSIGNED_HEADER))


def _moment(form: Unit, at_ms: int) -> str | Number:
    if form is Unit.ISO:
        return cloudevents.timestamp(at_ms)
    return Number(str(at_ms if form is Unit.MILLISECONDS else at_ms // _SECOND_MS))


def _with(tree: Node, place: Place, text: str | Number) -> Node:
    """Put a text into the tree, unless there is something already, or something in its way."""
    first = tuple(FIRST if step == EACH else step for step in place.tokens)
    is_new = tree == {}
    if not is_new and not isinstance(lexemes.find(tree, first), lexemes.Missing):
        return tree
    try:
        return with_member(lexemes.MISSING if is_new else tree, place.tokens, text)
    except ValueError:
        return tree


def _is_around(profile: Profile, one: Filling) -> bool:
    """Say whether a text stands in the body around the document, and not in the document."""
    enclosing = any(text.startswith("/") for text in profile.declaration.identity.document)
    return enclosing and one[0].kind is Kind.JSON


def _enclosed(profile: Profile, document: bytes, around: Sequence[Filling]) -> bytes:
    """Put the JSON where the profile looks for it, if that is a member of the body."""
    for said in profile.declaration.identity.document:
        if said.startswith("/"):
            tree: Node = {}
            for place, text in around:
                tree = _with(tree, place, text)
            return put(Draft(body=written(tree)), places.parse(said), document.decode()).body
    return document
