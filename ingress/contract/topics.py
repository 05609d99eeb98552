"""Topic names: one set for each environment, so that no reader crosses over by mistake."""

import re
from functools import lru_cache

_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,31}")


def check_environment(environment: str) -> str:
    """Return `environment` if it can stand in a topic name; raise `ValueError` saying what can."""
    if not _ENVIRONMENT.fullmatch(environment):
        raise ValueError("an environment is 1-32 of a-z, 0-9 and '-', beginning with a letter")
    return environment


@lru_cache
def verified(environment: str) -> str:
    """Name the topic of authenticated envelopes."""
    return f"payments.{check_environment(environment)}.verified"


def lifecycle(environment: str) -> str:
    """Name the topic of notices: one record per transition of a payment."""
    return f"payments.{check_environment(environment)}.lifecycle"


def alarms(environment: str) -> str:
    """Name the topic of what the edge has to tell people: the consumers make exceptions of it."""
    return f"payments.{check_environment(environment)}.alarms"


def quarantine(environment: str) -> str:
    """Name the topic of refused deliveries. Nothing reads it but `sealgate quarantine`."""
    return f"payments.{check_environment(environment)}.quarantine"
