"""Roles: the parts of the gateway that a process can play."""

from enum import StrEnum


class Role(StrEnum):
    """What a process does; each may run alone, `up` runs them all."""

    EDGE = "edge"
    WORKER = "worker"
    RELAY = "relay"
    TIMERS = "timers"
    FETCH = "fetch"
    MONITOR = "monitor"


ALL_ROLES = tuple(Role)
