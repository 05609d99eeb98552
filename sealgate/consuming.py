"""The consumers' parts of a process: worker, relay and monitor over one log and one store.

Apart from `sealgate.process`, so that an edge, which has no store, starts without them: they take
longer to import than all of the edge. What is started is put on the stack, to be stopped in turn.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from consumers import app
from consumers.store.port import Store
from ingress import telemetry
from ingress.eventlog.port import EventLog
from sealgate import mappings, policies
from sealgate.audit.keeping import CheckpointsApp, Desk
from sealgate.audit.verifying import VerifyingApp, Watch
from sealgate.config import Configuration
from sealgate.role import Role

_MAKERS: Mapping[Role, type[app.Background]] = {
    Role.MONITOR: app.MonitorApp,
    Role.RELAY: app.RelayApp,
    Role.TIMERS: app.TimersApp,
    Role.WORKER: app.WorkerApp,
}


def parts(
    configuration: Configuration,
    log: EventLog,
    store: Store,
    into: CollectorRegistry,
    checkpoint: Callable[[str], None],
) -> app.Parts:
    """Say what the consumers of a configuration work with."""
    settings = configuration.settings
    return app.Parts(
        environment=settings.environment,
        settings=settings.consumer,
        log=log,
        store=store,
        partitions=settings.log.partitions,
        registry=into,
        clock=telemetry.now_ms,
        owner=f"{socket.gethostname()}/{telemetry.correlation_id()}",
        checkpoint=checkpoint,
        mode=configuration.serves.mode,
        policy=policies.policy_of(configuration),
        interpreters=mappings.in_force(configuration),
    )


def start(role: Role, given: app.Parts, stack: AsyncExitStack) -> app.Background:
    """Start the part that plays one role."""
    part = _MAKERS[role](given)
    stack.push_async_callback(part.stop)
    part.start()
    return part


def start_checkpoints(
    configuration: Configuration, given: app.Parts, stack: AsyncExitStack
) -> Sequence[app.Background]:
    """Start what writes checkpoints of the audit chain, where a key is configured."""
    desk = Desk.of(configuration)
    if desk is None:
        return ()
    part = CheckpointsApp(given, desk, configuration.settings.audit.checkpoint_s)
    stack.push_async_callback(part.stop)
    part.start()
    return (part,)


def start_verifying(
    configuration: Configuration, given: app.Parts, stack: AsyncExitStack
) -> Sequence[app.Background]:
    """Start what verifies the audit chain day by day, unless the configuration says never."""
    watch = Watch.of(configuration)
    if watch is None:
        return ()
    part = VerifyingApp(given, watch)
    stack.push_async_callback(part.stop)
    part.start()
    return (part,)
