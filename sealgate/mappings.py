"""The mappings that events are read by: the shipped ones, and an installation's own folder."""

from collections.abc import Mapping
from pathlib import Path

from consumers.interpret import interpreter, mapping
from consumers.interpret.interpreter import Interpreters
from consumers.interpret.mapping import Snapshot
from ingress.settings import ConfigurationInvalid, Mistake
from sealgate.config import Configuration

PLACE = "consumer.mappings"


def in_force(configuration: Configuration) -> Interpreters:
    """Read and compile the mappings of a configuration. Raises `ConfigurationInvalid`."""
    folder, file = _own(configuration), str(configuration.file)
    if folder is not None and not folder.is_dir():
        told = f"{folder} is no folder: make it, or take the setting out"
        raise ConfigurationInvalid([Mistake(PLACE, told, file)])
    try:
        return interpreter.load(folder)
    except ValueError as wrong:
        raise ConfigurationInvalid([Mistake(PLACE, str(wrong), file)]) from wrong


def snapshots(configuration: Configuration) -> Mapping[str, Snapshot]:
    """Say how each provider is asked, where the mapping of its events tells.

    An installation's own folder counts as it does `in_force`. Raises `ValueError` where it is
    wrong: see `faults`.
    """
    folder = _own(configuration)
    told = {**mapping.load(), **({} if folder is None else mapping.load(folder))}
    return {
        name: one.snapshot
        for name, same in told.items()
        for one in same
        if one.snapshot is not None
    }


def faults(configuration: Configuration) -> list[Mistake]:
    """List what is wrong with an installation's own mappings."""
    if _own(configuration) is None:
        return []
    try:
        in_force(configuration)
    except ConfigurationInvalid as invalid:
        return list(invalid.mistakes)
    return []


def _own(configuration: Configuration) -> Path | None:
    folder = configuration.settings.consumer.mappings
    return None if folder is None else configuration.base / folder
