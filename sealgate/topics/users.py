"""Which user each role comes with, and who subscribes: flags of the command line."""

from collections.abc import Mapping
from dataclasses import dataclass

from ingress.contract.declaration import Role
from sealgate.topics.rights import Subscriber


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

    subscriber_user: str = ""
    """The user of a service downstream, which reads notices; for the next one run it again."""

    subscriber_group: str = ""
    """The group it reads in, and any whose name begins with it and a dot; its user's name, where
    absent."""

    subscriber_verified: bool = False
    """It reads the verified topic, too: what providers sent, with all that is in it."""

    def subscriber(self) -> Subscriber | None:
        """Return the subscriber that is named. Raises `ValueError` where its user is not."""
        if self.subscriber_user:
            group = self.subscriber_group or self.subscriber_user
            return Subscriber(self.subscriber_user, group, self.subscriber_verified)
        if self.subscriber_group or self.subscriber_verified:
            raise ValueError("--subscriber-user: name the subscriber's user at the brokers, too")
        return None

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
