"""From a checked declaration to the profile that the edge uses.

The primitives are imported by the profile that needs them: public-key cryptography costs start time
that most sources need not pay.
"""

import re
from collections.abc import Iterator

from ingress.delivery import Reason
from ingress.providers import declaration as says
from ingress.providers import signature as signs
from ingress.providers.declaration import UNSIGNED_HEADER, Declaration
from ingress.providers.handshakes import Handshake as SaidHandshake
from ingress.providers.identity import Alternative, Identifier, Moment
from ingress.providers.mode import Sign, pattern
from ingress.providers.profile import Covered, Profile
from ingress.schemes.handshake import Handshake, template
from ingress.schemes.mac import DIGEST_BYTES, Mac
from ingress.schemes.parts import parsers, places, pointer
from ingress.schemes.parts.fresh import Freshness
from ingress.schemes.parts.places import Kind
from ingress.schemes.parts.scope import Covers
from ingress.schemes.parts.simple import CoveredHeaders
from ingress.schemes.parts.statement import Condition, Stamp, Statement
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.token import Token
from ingress.schemes.unsigned import Unsigned
from ingress.schemes.verifier import Alternatives

ED25519_BYTES = 64
JWS_DOCUMENT = "jws"


def compile_profile(name: str, declaration: Declaration, lacking: tuple[str, ...] = ()) -> Profile:
    """Turn a checked declaration into what the edge uses."""
    verifiers = tuple(_verifier(one, declaration) for one in declaration.signature)
    verifier = verifiers[0] if len(verifiers) == 1 else Alternatives(verifiers)
    answers = declaration.answers
    return Profile(
        name=name,
        declaration=declaration,
        scheme=verifier.scheme,
        coverage=declaration.coverage,
        assurance=declaration.assurance or declaration.proven,
        signed_headers=verifier.signed_headers,
        title=declaration.title,
        type_prefix=declaration.type_prefix,
        methods=declaration.methods,
        success_status=answers.success_status,
        success_body=answers.success_body.encode(),
        refusal_status=answers.refusal_status,
        stale_status=answers.stale_status or answers.refusal_status,
        verifier=verifier,
        identifier=_identifier(declaration),
        is_token_content=JWS_DOCUMENT in declaration.identity.document,
        lacking=lacking,
        covered=tuple(_covered(declaration)),
        is_json=declaration.content == "json",
        is_rewritten=_is_rewritten(declaration),
        signs_url=any(one.signs_url for one in declaration.signature),
        handshakes=tuple(_handshake(one, declaration) for one in declaration.handshake),
        expected=tuple(
            (places.parse(one.at), one.equals.encode()) for one in declaration.expect if one.equals
        ),
    )


def _is_rewritten(declaration: Declaration) -> bool:
    """Say whether another form of the body is signed, and nothing that changes with a retry."""
    forms = [one.covers for one in declaration.signature]
    stamped = any(one.signs_timestamp for one in declaration.signature)
    return Covers.CANONICAL in forms and Covers.NOTHING not in forms and not stamped


def _covered(declaration: Declaration) -> Iterator[Covered]:
    """Find where signatures name the headers they cover."""
    for said in declaration.signature:
        if isinstance(said, signs.Mac | signs.Asym) and said.place.kind is Kind.HEADER:
            for message in said.messages:
                for part in message.parts:
                    if isinstance(part, CoveredHeaders):
                        yield Covered(said.place.header, _parser(said.parser), part.field)


def _verifier(said: signs.Signature, declaration: Declaration) -> Verifier:
    match said:
        case signs.Mac():
            statement = _statement(said, declaration, DIGEST_BYTES[said.hash])
            return Mac(said.hash, said.key, statement, said.construction)
        case signs.Token():
            return Token(said.place, said.prefix.encode())
        case signs.Asym():
            return _asym(said, declaration)
        case signs.Jws():
            return _jws(said)
        case signs.Unsigned():
            return Unsigned()


def _asym(said: signs.Asym, declaration: Declaration) -> Verifier:
    from ingress.schemes.asym import Asym, Hash, Naming
    from ingress.schemes.parts.public_keys import KeyType

    length = ED25519_BYTES if said.type == "ed25519" else None
    naming = None
    if said.key_id is not None:
        source = declaration.key_source
        by_url = source is not None and source.kind == "certificate"
        pattern = (
            f"https://(?:{source.hosts})(?:{source.paths})"
            if by_url and source
            else said.key_id_pattern
        )
        refused = Reason.CERTIFICATE_UNTRUSTED if by_url else Reason.HEADER_MALFORMED
        naming = Naming(places.parse(said.key_id), re.compile(pattern), refused)
    return Asym(
        type=KeyType(said.type),
        hash=Hash(said.hash),
        statement=_statement(said, declaration, length),
        prehash=Hash(said.prehash),
        naming=naming,
    )


def _jws(said: signs.Jws) -> Verifier:
    from ingress.schemes.jws import Algorithm, Jws
    from ingress.schemes.parts.claims import Claims

    claims = None
    if not said.detached:
        claims = Claims(
            expect={name: _values(value) for name, value in said.claims.items() if value != ""},
            requires_expiry=said.requires_expiry,
            iat_window_s=said.iat_window_s or None,
            body_hash=said.body_hash_claim,
        )
    return Jws(
        algorithm=Algorithm(said.algorithm),
        at=said.place,
        prefix=said.prefix.encode(),
        detached=said.detached,
        claims=claims,
        is_stored=not said.is_bearer,
    )


def _values(said: signs.ClaimValue) -> tuple[str | bool, ...]:
    return tuple(said) if isinstance(said, list) else (said,)


def _handshake(said: SaidHandshake, declaration: Declaration) -> Handshake:
    first = declaration.signature[0]
    return Handshake(
        method=said.method,
        when=tuple(_condition(one) for one in said.when),
        accepts=re.compile(said.accepts),
        status=said.status,
        content_type=said.content_type,
        body=template(said.body),
        headers=tuple((name, template(text)) for name, text in said.headers.items()),
        signed=said.signed,
        token=places.parse(said.token) if said.token else None,
        request_body=None if said.request_body is None else said.request_body.encode(),
        refusal_status=said.refusal_status,
        hash_name=first.hash if isinstance(first, signs.Mac) else "",
        tell=places.parse(said.tell) if said.tell else None,
    )


def _statement(
    said: signs.Mac | signs.Asym, declaration: Declaration, digest_bytes: int | None
) -> Statement:
    return Statement(
        at=said.place,
        parser=_parser(said.parser),
        encoding=said.encoding,
        messages=said.messages,
        digest_bytes=digest_bytes,
        stamp=_stamp(declaration.timed),
        when=tuple(_condition(one) for one in said.when),
        each=pointer.parse(said.each) if said.each else (),
        repeated=said.repeated or said.place.name.endswith("*"),
        body_digest=_digest(said),
    )


def _digest(said: signs.Mac | signs.Asym) -> places.Place | None:
    text = said.body_digest if isinstance(said, signs.Mac) else None
    return places.parse(text) if text else None


def _stamp(timed: says.Freshness | None) -> Stamp | None:
    if timed is None:
        return None
    freshness = Freshness(timed.unit, timed.window_s or None)
    if timed.place is not None:
        return Stamp(freshness, place=timed.place)
    return Stamp(freshness, field=str(timed.field).encode())


def _condition(said: signs.Condition) -> Condition:
    equals = None if said.equals is None else said.equals.encode()
    matches = None if said.matches is None else re.compile(said.matches.encode())
    return Condition(places.parse(said.at), equals, matches, said.absent)


def _parser(said: signs.Plain | signs.KeyValue | signs.Versioned) -> parsers.Parser:
    match said:
        case signs.Plain():
            return parsers.Plain(said.prefix.encode())
        case signs.KeyValue():
            separator, key, assign = said.separator, said.key, said.assign
            return parsers.Named(separator.encode(), key.encode(), assign.encode())
        case signs.Versioned():
            return parsers.Versions(said.separator.encode(), said.version.encode())


def _identifier(declaration: Declaration) -> Identifier:
    said = declaration.identity
    occurred = said.occurred
    at = places.parse(occurred.at) if occurred.at else None
    return Identifier(
        type_prefix=declaration.type_prefix,
        event_key=_alternatives(said.event_key),
        event_type=_alternatives(said.event_type),
        payment_ref=_alternatives(said.payment_ref),
        occurred=None if at is None else Moment(at, Freshness(occurred.form, None)),
        documents=tuple(places.parse(text) for text in said.document if text != JWS_DOCUMENT),
        repeats=said.repeats,
        keyed_by_type=said.keyed_by_type,
        modes=tuple(
            Sign(places.parse(one.at), pattern(one.live), pattern(one.test))
            for one in declaration.mode
        ),
    )


def _alternatives(said: says.Alternatives) -> tuple[Alternative, ...]:
    return tuple(
        tuple(places.parse(text.removeprefix(UNSIGNED_HEADER)) for text in texts) for texts in said
    )
