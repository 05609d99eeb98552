"""Does this delivery verify by this profile with these keys? One question, asked many times.

A diagnosis is found by trying. A `Case` flows in, altered in one respect, and the name of the key
that holds flows out, or nothing. The verifier is asked as the edge asks it and shows nothing but
its answer: no expected signature is ever made here, so none can be printed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile
from ingress.schemes.asym import Asym
from ingress.schemes.mac import Mac
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.statement import Statement
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.token import Token
from ingress.schemes.verifier import Alternatives

AGE = frozenset({Reason.TIMESTAMP_STALE, Reason.TIMESTAMP_FUTURE})
"""Age is judged last: who hears one of these has a signature that holds."""


@dataclass(frozen=True, slots=True)
class Held:
    """One key as it is configured: the name that may be shown, and the file's content."""

    id: str
    secret: bytes = field(repr=False)
    kid: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is authentic and fresh; the key that signed, if one did."""

    reason: Reason | None
    key_id: str = ""
    is_other_content: bool = False
    """Whether the signature holds, over content that the profile does not take."""

    @property
    def is_valid(self) -> bool:
        """Say whether the delivery would be accepted."""
        return self.reason is None

    @property
    def is_signed(self) -> bool:
        """Say whether the signature holds, however old it is."""
        return self.reason is None or self.reason in AGE or self.is_other_content


@dataclass(frozen=True, slots=True)
class Case:
    """A delivery, the profile to judge it by, and the keys: as configured, and as decoded."""

    profile: Profile
    delivery: Delivery
    held: tuple[Held, ...] = field(repr=False)
    keys: tuple[tuple[str, Key], ...] = field(repr=False)
    target: str = ""
    """The request line's, which names the path that was called."""
    line: str = ""
    """Of an altered case: what was altered, as a line of a profile."""

    def judge(self) -> Verdict:
        """Ask the profile."""
        keys = [key for _, key in self.keys]
        try:
            index = self.profile.verify(self.delivery, keys)
        except Rejected as rejected:
            signed = rejected.reason in AGE
            return Verdict(rejected.reason, self._signer() if signed else "")
        key_id = self.keys[index][0] if self.keys else ""
        try:
            self.profile.check_content(self.delivery)
        except Rejected as rejected:
            return Verdict(rejected.reason, key_id, is_other_content=True)
        return Verdict(None, key_id)

    def is_same(self, other: "Case") -> bool:
        """Say whether another case asks the verifier the same."""
        mine = (self.delivery, self.keys, self.profile.verifier)
        return mine == (other.delivery, other.keys, other.profile.verifier)

    def with_body(self, body: bytes) -> "Case":
        """Return the case with another body."""
        return replace(self, delivery=replace(self.delivery, body=body))

    def with_url(self, url: str) -> "Case":
        """Return the case with another registered URL."""
        return replace(self, delivery=replace(self.delivery, url=url))

    def with_keys(self, keys: Iterable[tuple[str, Key]]) -> "Case":
        """Return the case with other keys."""
        return replace(self, keys=tuple(keys))

    def with_verifier(self, verifier: Verifier) -> "Case":
        """Return the case with another way of verifying."""
        return replace(self, profile=replace(self.profile, verifier=verifier))

    def _signer(self) -> str:
        for name, key in self.keys:
            try:
                self.profile.verify(self.delivery, [key])
            except Rejected as rejected:
                if rejected.reason in AGE:
                    return name
        return ""


def decoded(profile: Profile, held: Iterable[Held]) -> tuple[list[tuple[str, Key]], list[str]]:
    """Decode keys as a source does; return them, and what is wrong with the others."""
    keys, wrong = [], []
    for one in held:
        try:
            keys.append((one.id, profile.key(one.secret, one.kid)))
        except ValueError as hint:
            wrong.append(f"key {one.id!r}: {hint}")
    return keys, wrong


def primitives(profile: Profile) -> tuple[Verifier, ...]:
    """Return the profile's alternatives, or the one it has."""
    verifier = profile.verifier
    return verifier.verifiers if isinstance(verifier, Alternatives) else (verifier,)


def statements(profile: Profile) -> list[Statement]:
    """Return how its signatures are stated, of those that are."""
    return [one.statement for one in primitives(profile) if isinstance(one, Mac | Asym)]


def restated(case: Case, change: Callable[[Statement], Statement]) -> Case:
    """Return the case with every statement changed."""

    def changed(one: Verifier) -> Verifier:
        return replace(one, statement=change(one.statement)) if isinstance(one, Mac | Asym) else one

    return remade(case, changed)


def remade(case: Case, change: Callable[[Verifier], Verifier]) -> Case:
    """Return the case with every primitive changed."""
    made = tuple(change(one) for one in primitives(case.profile))
    return case.with_verifier(made[0] if len(made) == 1 else Alternatives(made))


def takes_bytes(profile: Profile) -> bool:
    """Say whether its keys are shared secrets that any bytes could be."""
    return all(isinstance(one, Mac | Token) for one in primitives(profile))
