"""Commands for trying things out: send, make a key, explain a captured request, run vectors."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import DEFAULT_CONFIG, environ, now_ms

if TYPE_CHECKING:
    from sealgate.flags import AsRead, Config, RegisteredUrl, Seconds, WithKeys


def send(
    url: str,
    /,
    *,
    provider: str,
    key_file: Path | None = None,
    kid: str = "",
    event: str = "",
    reference: str = "",
    body: Path | None = None,
    parameter: Sequence[str] = (),
    registered_url: "RegisteredUrl" = "",
    every: "Seconds" = 0.0,
    config: "Config | None" = None,
) -> int:
    """Send one correctly signed test event to a source.

    Parameters
    ----------
    url
        Where to, for example http://127.0.0.1:8080/hooks/btcpay-demo.
    provider
        The profile to sign as: its name, or the path of one of your own.
    key_file
        The file with what the provider signs with: the source's secret or token, or the PRIVATE key
        (PEM; of Ed25519 also hex, base64 or whsk_) that belongs to the source's public key.
    kid
        The provider's name of the key, or the URL of its certificate, where deliveries name it.
    event
        Which of the provider's sample events to send, `confirmed` where absent; an unknown one
        lists all. Providers without samples have one, `test`.
    reference
        The payment's reference in the sample event; a new one where absent.
    body
        A file with the body to send instead of a sample event.
    parameter
        name=value, for a profile that takes parameters; may be repeated.
    registered_url
        The URL that is signed, where the provider signs it: the source's `public_url`. Where
        absent, it is the one sent to.
    every
        Send another one after so many seconds, each about a payment of its own, until Ctrl-C.
    """
    from sealgate.catalogue.command import own_profiles
    from sealgate.simulator.send import Shipment, send_on
    from sealgate.simulator.send import send as run_send

    words, own = tuple(parameter), own_profiles(config)
    shipment = Shipment(
        url, provider, key_file, event, reference, body, words, kid, registered_url, own
    )
    return send_on(shipment, every) if every else run_send(shipment)


def new_key(
    provider: str,
    *,
    key_file: Path,
    parameter: Sequence[str] = (),
    config: "Config | None" = None,
) -> int:
    """Make a key to try a provider with: its secret, or the files of a key pair.

    Parameters
    ----------
    provider
        The profile that the key is for: its name, or the path of one of your own.
    key_file
        The file to write, for `sealgate send`; of a pair it holds the private key, and the public
        one, for the gateway, is written beside it with `.pub` behind the name.
    parameter
        name=value, for a profile that takes parameters; may be repeated.
    """
    from sealgate.catalogue.command import own_profiles
    from sealgate.simulator.new_key import run

    return run(provider, key_file, parameter, own_profiles(config))


def verify(
    *,
    request: Path,
    source: str = "",
    config: "Config" = DEFAULT_CONFIG,
    provider: str = "",
    keys: "WithKeys" = None,
    reading: "AsRead" = None,
) -> int:
    """Explain step by step why a captured request verifies, or why it does not.

    Parameters
    ----------
    request
        The capture: a raw HTTP/1.1 request, JSON (method, url, headers, body or body_base64), or a
        curl command line; - reads standard input.
    source
        The slug of a configured source: its profile, keys and URL judge.
    provider
        Without --source: a profile's name, or the path of a profile.
    """
    from sealgate.catalogue.command import own_profiles
    from sealgate.explain.asked import Keys, Question, Reading
    from sealgate.explain.command import run

    said = (request, keys or Keys(), reading or Reading(), source, config, provider)
    return run(Question(*said, own_profiles(config)), environ(), now_ms(), sys.stdout)


def vectors(file: Path, *, known_only: bool = False) -> int:
    """Verify a file of signature vectors against the built-in profiles.

    A vector is an object with id, provider, secret, headers, body and expect (valid or invalid);
    it may have secrets (a list), keys (by the provider's names of them), body_base64 in the body's
    place, now (Unix seconds), url, method and config (parameters). Other fields are not read, and
    are told of unless they only say where it comes from: kind, source, note.

    Parameters
    ----------
    file
        A JSON list of vectors.
    known_only
        Leave out vectors of providers that have no profile, instead of counting them as failed.
    """
    from sealgate.vectors import run

    return run(file, known_only=known_only, out=sys.stdout)


COMMANDS: tuple[Callable[..., int], ...] = (send, new_key, verify, vectors)
