"""Which user each role comes with: flags of the command line, by role."""

from collections.abc import Mapping
from dataclasses import dataclass

from ingress.contract.declaration import Role


@dataclass(frozen=True, slots=True)
class Users:
    """The brokers' users of the roles; rules are planned for those that are named."""

    edge_user: str = ""
    """The user of `sealgate serve`."""

    worker_user: str = ""
    """The user of `sealgate consume`, where it applies events."""

    relay_user: str = ""
    """The user of the relay, which writes notices."""

    monitor_user: str = ""
    """The user of the monitor, which measures lag."""

    operator_user: str = ""
    """The user of people: `sealgate quarantine` and `sealgate doctor`."""

    def by_role(self) -> Mapping[Role, str]:
        """Return the users that are named; one may play several roles."""
        named = {
            Role.EDGE: self.edge_user,
            Role.WORKER: self.worker_user,
            Role.RELAY: self.relay_user,
            Role.MONITOR: self.monitor_user,
            Role.OPERATOR: self.operator_user,
        }
        return {role: user for role, user in named.items() if user}
