"""`sealgate check`: is the configuration whole? What a process would trip over, told at once."""

from ingress.eventlog import connect as log_connect
from ingress.settings import ConfigurationInvalid, Mistake
from ingress.sources import Snapshot
from sealgate.config import Configuration
from sealgate.process import build_sources, located, open_store


def validate(configuration: Configuration) -> Snapshot:
    """Return the sources. Raises `ConfigurationInvalid` with every mistake there is."""
    settings = configuration.settings
    mistakes: list[Mistake] = []
    sources: Snapshot = {}
    try:
        sources = build_sources(configuration)
    except ConfigurationInvalid as invalid:
        mistakes += invalid.mistakes
    try:
        log_connect.connect(located(settings.log.url, configuration.base))
    except ValueError as wrong:
        mistakes.append(Mistake("log.url", str(wrong), configuration.file))
    try:
        open_store(configuration)
    except ValueError as wrong:
        mistakes.append(Mistake("store", str(wrong), configuration.file))
    if mistakes:
        raise ConfigurationInvalid(mistakes)
    return sources


def check(configuration: Configuration) -> int:
    """Print what is configured, or raise `ConfigurationInvalid`; return the exit code."""
    sources = validate(configuration)
    print(f"environment {configuration.settings.environment}: the configuration is whole")
    for source in sources.values():
        keys = ", ".join(source.key_ids)
        print(f"  POST /hooks/{source.slug}  {source.profile.title}  keys: {keys}")
    if not sources:
        print("  no sources yet: every delivery would be answered 404")
    return 0
