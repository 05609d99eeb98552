"""`sealgate check`: is the configuration whole? What a process would trip over, told at once."""

from ingress.eventlog import connect as log_connect
from ingress.settings import ConfigurationInvalid, Mistake
from sealgate.config import FILE, Configuration
from sealgate.process import build_sources, located, open_store


def check(configuration: Configuration) -> int:
    """Print what is configured, or raise `ConfigurationInvalid` with every mistake; return 0."""
    settings = configuration.settings
    mistakes: list[Mistake] = []
    try:
        sources = build_sources(configuration)
    except ConfigurationInvalid as invalid:
        mistakes += invalid.mistakes
        sources = {}
    try:
        log_connect.connect(located(settings.log.url, configuration.base))
    except ValueError as wrong:
        mistakes.append(Mistake("log.url", str(wrong), FILE))
    try:
        open_store(configuration)
    except ValueError as wrong:
        mistakes.append(Mistake("store", str(wrong), FILE))
    if mistakes:
        raise ConfigurationInvalid(mistakes)
    print(f"environment {settings.environment}: the configuration is whole")
    for source in sources.values():
        keys = ", ".join(source.key_ids)
        print(f"  POST /hooks/{source.slug}  {source.profile.title}  keys: {keys}")
    if not sources:
        print("  no sources yet: every delivery would be answered 404")
    return 0
