"""The commands about the keys of sources: what there is, what each proves, and how they change."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sealgate.commands.context import DEFAULT_CONFIG, configured, environ, now_ms
from sealgate.commands.exposure import keys_exposure

if TYPE_CHECKING:
    from sealgate.config import Configuration
    from sealgate.flags import Config
    from sealgate.keys.edit import Ask

SUMMARY = "List keys, add one, retire or revoke one, and see whether an old one can go."


def keys_list(
    *, config: "Config" = DEFAULT_CONFIG, json: bool = False, admin: Sequence[str] = ()
) -> int:
    """List every key of every source: status, window, age, last use, and what to do.

    Parameters
    ----------
    json
        Print JSON, for programs.
    admin
        The admin port of another running edge to ask, such as http://10.0.0.7:9090; may be
        repeated. The one in the configuration is asked in any case.
    """

    def run(configuration: "Configuration") -> int:
        from sealgate.keys import command, listing

        render = listing.as_json if json else listing.as_table
        return command.show(configuration, render, admin, now_ms())

    return configured(config, ["edge"], run)


def keys_status(
    source: str = "",
    /,
    *,
    config: "Config" = DEFAULT_CONFIG,
    json: bool = False,
    admin: Sequence[str] = (),
) -> int:
    """Say of each source which keys live, what each has proven, and whether an old one can go.

    Parameters
    ----------
    source
        The slug of one source; all where absent.
    json
        Print JSON, for programs.
    admin
        The admin port of another running edge to ask; may be repeated.
    """

    def run(configuration: "Configuration") -> int:
        from sealgate.keys import command, listing

        render = listing.as_json if json else listing.as_status
        return command.show(configuration, render, admin, now_ms(), source)

    return configured(config, ["edge"], run)


def keys_add(
    source: str,
    key_id: str,
    /,
    *,
    secret_file: Path,
    status: Literal["active", "verify-only"] = "active",
    not_before: str = "",
    not_after: str = "",
    role: Literal["verify", "handshake", "api"] = "verify",
    kid: str = "",
    config: "Config" = DEFAULT_CONFIG,
    admin: Sequence[str] = (),
    dry_run: bool = False,
) -> int:
    """Add a key to a source, in front of its others, and wait until running edges have it.

    Parameters
    ----------
    source
        The slug of the source.
    key_id
        A name for the key: it is shown in metrics, logs and events, and is never used again.
    secret_file
        The file with the secret as the provider shows it, or - for standard input. It is copied
        beside the source's other keys, readable by you alone.
    status
        active, or verify-only for a key that signs no answer of ours.
    not_before
        The key proves nothing before, such as 2026-12-01T00:00:00Z.
    not_after
        The key proves nothing from then on.
    role
        What the key is for: to verify deliveries, to answer a handshake, or to ask the provider's
        API for its public keys.
    kid
        The provider's own name of the key, where its deliveries name the key that signed them.
    admin
        The admin port of another running edge to wait for; may be repeated.
    dry_run
        Show what would be changed, and change nothing.
    """
    from sealgate.keys import command

    words = {
        "id": key_id,
        "status": status,
        "not_before": not_before,
        "not_after": not_after,
        "role": role,
        "kid": kid,
    }
    asked = _ask(config, admin, dry_run=dry_run)
    return command.add(asked, source, words, secret_file)


def keys_retire(
    source: str,
    key_id: str,
    /,
    *,
    not_after: str = "",
    config: "Config" = DEFAULT_CONFIG,
    admin: Sequence[str] = (),
    dry_run: bool = False,
) -> int:
    """Let an old key prove deliveries for as long as the provider retries, and then no more.

    Parameters
    ----------
    source
        The slug of the source.
    key_id
        The key.
    not_after
        When it ends, such as 2026-12-01T00:00:00Z; after the provider's retry horizon where absent.
    admin
        The admin port of another running edge to wait for; may be repeated.
    dry_run
        Show what would be changed, and change nothing.
    """
    from sealgate.keys import command

    return command.retire(_ask(config, admin, dry_run=dry_run), source, key_id, not_after)


def keys_revoke(
    source: str,
    key_id: str,
    /,
    *,
    now: bool = False,
    config: "Config" = DEFAULT_CONFIG,
    admin: Sequence[str] = (),
    dry_run: bool = False,
) -> int:
    """Let a key prove nothing any more, from now on and for good.

    Parameters
    ----------
    source
        The slug of the source.
    key_id
        The key.
    now
        Do it; without it, only what would happen is said.
    admin
        The admin port of another running edge to wait for; may be repeated.
    dry_run
        Show what would be changed, and change nothing.
    """
    from sealgate.keys import command

    return command.revoke(_ask(config, admin, dry_run=dry_run), source, key_id, now=now)


def _ask(config: Path, admin: Sequence[str], *, dry_run: bool) -> "Ask":
    from sealgate.keys.edit import Ask

    return Ask(config, environ(), now_ms(), tuple(admin), dry_run)


COMMANDS: dict[str, Callable[..., int]] = {
    "list": keys_list,
    "status": keys_status,
    "add": keys_add,
    "retire": keys_retire,
    "revoke": keys_revoke,
    "exposure": keys_exposure,
}
