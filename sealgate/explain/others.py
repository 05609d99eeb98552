"""Whose delivery this is, if it is not the one it was taken for.

Two questions, asked of every other profile: does the delivery carry that provider's signature
header, and does it verify there with these keys? And one of the configuration: does another
source's key verify it?
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

from ingress import providers
from ingress.delivery import Rejected
from ingress.providers import Profile
from sealgate.catalogue.showing import signed
from sealgate.explain.case import Case, Held, decoded
from sealgate.explain.diagnoses import Finding

OTHERWISE = "signed-otherwise"
_COMMON = frozenset({b"authorization", b"signature", b"x-signature", b"x-hub-signature"})


@cache
def loaded() -> Mapping[str, Profile]:
    """Load every built-in profile, as its parameters stand by default."""
    found = {}
    for name in providers.names():
        try:
            found[name] = providers.load(name)
        except ValueError:
            continue  # one that needs parameters: it recognises nothing by default
    return found


def resembling(case: Case, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Guess the provider by the headers: all that its profile needs are there, and ours are not."""
    named = {name for name, _ in case.delivery.headers}
    if any(header in named for header in case.profile.signed_headers):
        return
    for name, profile in profiles.items():
        own = [header for header in profile.signed_headers if header not in _COMMON]
        if name != case.profile.name and own and _is_whole(profile, case):
            listed = ", ".join(header.decode() for header in own)
            yield Finding(
                "looks-like",
                f"this looks like {profile.title} ({name}): it carries {listed}",
                f'if it is one, say provider = "{name}"; else the URL of this source is registered '
                "at the wrong provider",
                proven=False,
            )


def verifying(case: Case, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Say under which other profiles the delivery verifies, with these keys.

    Many providers sign alike: where the header is one of several providers', or an older one of our
    own, it is the signature that is told, and no provider.
    """
    found: list[Profile] = []
    for name, profile in profiles.items():
        if name == case.profile.name or not profile.is_signed:
            continue
        keys, _ = decoded(profile, case.held)
        other = replace(case, profile=profile, keys=tuple(keys))
        if keys and other.judge().is_signed:
            found.append(profile)
    shared = [profile for profile in found if _is_shared(profile, case.profile)]
    if shared:
        how = " and ".join(dict.fromkeys(line for one in shared[:1] for line in signed(one)))
        wanted = " or ".join(signed(case.profile))
        yield Finding(
            OTHERWISE,
            f"another signature holds with these keys: {how}; {case.profile.title} is judged by "
            f"{wanted}",
            "see that the provider sends that one, too, and that no proxy drops it; the other is "
            "never taken in its place, or a sender could choose the weaker",
        )
    elif found:
        listed = ", ".join(f"{one.title} ({one.name})" for one in found)
        alike = ", which sign alike," if len(found) > 1 else ""
        names = " or ".join(f'"{one.name}"' for one in found)
        yield Finding(
            "other-profile",
            f"it verifies as {listed}{alike} with these keys",
            f"if it comes from there, say provider = {names}",
        )


def neighbours(case: Case, others: Iterable[Held]) -> Iterator[Finding]:
    """Say which key of another source verifies it."""
    for held in others:
        keys, _ = decoded(case.profile, [held])
        if keys and case.with_keys(keys).judge().is_signed:
            yield Finding(
                "other-source",
                f"the key {held.id} of the same configuration verifies it",
                "the provider calls the URL of another source, or the keys of two sources are "
                "swapped: compare the URL registered at the provider with each source's slug",
            )


def _is_shared(profile: Profile, ours: Profile) -> bool:
    """Say whether a profile's headers tell no provider: of common names, or a piece of our own."""
    return all(
        header in _COMMON
        or any(header != own and own.startswith(header + b"-") for own in ours.signed_headers)
        for header in profile.signed_headers
    )


def _is_whole(profile: Profile, case: Case) -> bool:
    try:
        profile.precheck(case.delivery.headers)
    except Rejected:
        return False
    return True
