"""What a process would trip over, told at once: for `sealgate check`, and before any start.

The form of the configuration has been looked at; here come the questions that need files, profiles
or two settings side by side. Nothing is written and nothing connected to. A role is asked only for
what it needs: a worker holds no webhook key, an edge no password of the database.
"""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from ingress import secretfiles, telemetry, tls
from ingress.settings import ConfigurationInvalid, Mistake
from ingress.sources import Snapshot
from sealgate import brokers, finals, mappings, policies
from sealgate.building import build_seals, build_sources
from sealgate.config import Configuration
from sealgate.fetching import reaching
from sealgate.leaks import leaks
from sealgate.logs import open_log
from sealgate.plain import plain
from sealgate.role import ALL_ROLES, Role
from sealgate.stores import open_store


def faults(configuration: Configuration, roles: Sequence[Role]) -> list[Mistake]:
    """List everything that would keep these roles from starting."""
    found: list[Mistake] = []
    sources: Snapshot | None = None
    is_edge, has_store = Role.EDGE in roles, set(roles) != {Role.EDGE}
    if is_edge:
        try:
            sources = build_sources(configuration)
        except ConfigurationInvalid as invalid:
            found += invalid.mistakes
        try:
            build_seals(configuration)
        except ConfigurationInvalid as invalid:
            found += invalid.mistakes
        edge = configuration.settings.edge
        found += tls.check(edge.tls, configuration.base, telemetry.now_ms())
    if has_store:
        found += policies.faults(configuration)
        found += mappings.faults(configuration)
    if Role.FETCH in roles:
        found += reaching.faults(configuration)
    found += leaks(configuration, sources, is_edge=is_edge, has_store=has_store)
    found += brokers.faults(configuration, telemetry.now_ms())
    file = str(configuration.file)
    if Role.MONITOR in roles:
        found += [Mistake("audit.key_file", said, file) for said in _audit_key(configuration)]
    found += [Mistake(place, message, file) for place, message in _urls(configuration, roles)]
    found += [Mistake(place, message, file) for place, message in _ports(configuration, roles)]
    return found


def check(configuration: Configuration, roles: Sequence[Role] = ALL_ROLES) -> int:
    """Print what is configured, the sources where there is an edge; return the exit code."""
    name, mode = configuration.serves
    print(f"environment {name} ({mode}): the configuration is whole")
    if Role.EDGE in roles:
        _list(name, build_sources(configuration))
    if set(roles) != {Role.EDGE}:
        version = policies.policy_of(configuration).version
        if version:
            print(f"  policy {version}")
        for warning in finals.warnings(configuration):
            print(f"  WARNING {plain(str(warning))}")
    return 0


def _list(name: str, sources: Snapshot) -> None:
    """Print each source, by the address that its provider is given."""
    for source in sources.values():
        revoked = {key.id for key in source.setting.key if key.status == "revoked"}
        keys = ", ".join(
            f"{label} (revoked)" if label in revoked else label for label in source.key_labels
        )
        methods = " or ".join(source.profile.methods)
        told = f"{methods} /hooks/{source.slug}  {source.profile.title}  keys: {keys or 'none'}"
        print(f"  {plain(told)}")
    if sources:
        print(f"  each is served at /hooks/{name}/<slug>, too: there no other environment takes it")
    else:
        print("  no sources yet: every delivery would be answered 404")


def _urls(configuration: Configuration, roles: Sequence[Role]) -> Iterator[tuple[str, str]]:
    settings = configuration.settings
    try:
        open_log(configuration)
    except ValueError as wrong:
        yield "log.url", str(wrong)
    if set(roles) == {Role.EDGE}:
        return
    if _has_password(settings.store.url):
        yield "store.url", "holds a password; write it into a file and name that in password_file"
    try:
        open_store(configuration)
    except ValueError as wrong:
        yield "store", str(wrong)


def _audit_key(configuration: Configuration) -> Iterator[str]:
    name = configuration.settings.audit.key_file
    if name is None:
        return
    try:
        content = secretfiles.read_secret_file(configuration.base, name)
    except ValueError as wrong:
        yield f"{wrong}; sealgate audit init makes it"
    else:
        if not content.startswith(b"-----BEGIN PRIVATE KEY-----"):
            yield "holds no private key; sealgate audit init makes one"


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False


def _ports(configuration: Configuration, roles: Sequence[Role]) -> Iterator[tuple[str, str]]:
    edge, admin = configuration.settings.edge, configuration.settings.admin
    if Role.EDGE in roles and edge.port == admin.port != 0 and edge.host == admin.host:
        yield "admin.port", f"is the edge's port too ({edge.port}); choose another for one of them"
