"""The merchant's policy, from a configuration: settings in, one `Policy` out, or every mistake.

Amounts are written as finance writes them and become atomic here, by the registry. A row that could
never fit is a mistake and not a row: a network that is misspelt would otherwise leave the money on
it to the provider's word, and nobody would see it.
"""

from collections.abc import Collection, Iterator, Sequence

from consumers.facts import NETWORK_MARK
from consumers.interpret import assets
from consumers.interpret.assets import Assets, Unit
from consumers.interpret.drift import Drift
from consumers.policy import (
    ANY,
    NEVER,
    NO_POLICY,
    TRUST_PROVIDER,
    UNTOLD,
    Corridor,
    Final,
    Policy,
    order,
    versioned,
)
from consumers.settings import (
    CorridorSettings,
    FinalSettings,
    PolicySettings,
    ToleranceSettings,
)
from consumers.weighing import APART, Terms, Tolerance, symbol
from ingress.settings import ConfigurationInvalid, Mistake
from sealgate.config import Configuration

_OPEN = frozenset({ANY, UNTOLD})
_NEEDED = {"trust_provider": TRUST_PROVIDER, "never": NEVER}
# The place within a row, and what to do.
Wrong = tuple[str, str]


def policy_of(configuration: Configuration) -> Policy:
    """Return the policy of a configuration. Raises `ConfigurationInvalid`."""
    found = faults(configuration)
    if found:
        raise ConfigurationInvalid(found)
    policy = build(configuration.settings.policy)
    policy = policy._replace(expect_first=_expecting(configuration))
    # For sentences that people read, whatever the policy says.
    return policy._replace(terms=policy.terms._replace(decimals=assets.load().decimals))


def faults(configuration: Configuration) -> list[Mistake]:
    """List what is wrong with the policy of a configuration."""
    settings = configuration.settings.policy
    if settings == PolicySettings():
        return []
    providers = {source.provider for source in configuration.settings.source}
    providers |= {path.stem.partition(".")[0] for path in assets.SHIPPED.parent.glob("*.toml")}
    file = str(configuration.file)
    sources = {source.slug for source in configuration.settings.source}
    found = [*_wrong(settings, assets.load(), providers), *_strange(settings, sources)]
    return [Mistake(f"policy.{place}", told, file) for place, told in found]


def build(settings: PolicySettings) -> Policy:
    """Make a policy of settings in which nothing is wrong."""
    if settings == PolicySettings():
        return NO_POLICY
    registry = assets.load()
    terms = Terms(
        grace_ms=round(settings.grace_s * 1000),
        tolerances=_tolerances(settings.tolerance, registry),
    )
    finals = order(_final(row, registry) for row in settings.final)
    corridors = sorted(
        Corridor(asset=row.asset, provider=row.provider, network=row.network)
        for row in settings.corridor
    )
    return versioned(settings.version, Policy("", terms, finals, tuple(corridors)))


def rows(settings: PolicySettings) -> list[Final]:
    """Return the rows for what is final, in the order of the file; nothing may be wrong in them."""
    registry = assets.load()
    return [_final(row, registry) for row in settings.final]


def _final(row: FinalSettings, registry: Assets) -> Final:
    amount_from = 0
    if row.asset not in _OPEN:
        amount_from = registry.atomic(row.amount_from, _name(row.asset, row.network), Unit.MAJOR)
    needed = row.confirmations if row.rule is None else _NEEDED[row.rule]
    return Final(needed or TRUST_PROVIDER, row.provider, row.network, row.asset, amount_from)


def _tolerances(rows: Sequence[ToleranceSettings], registry: Assets) -> dict[str, Tolerance]:
    """Return them by asset, as a price may name it: with its network or without."""
    found = {}
    # What names a network comes last, and so stands.
    for row in sorted(rows, key=lambda row: row.network not in _OPEN):
        for name in _names(row, registry):
            atomic = registry.atomic(row.amount, name, Unit.MAJOR)
            found[name] = Tolerance(atomic, row.bps)
    return found


def _names(row: ToleranceSettings, registry: Assets) -> list[str]:
    """Return every name that an asset has in the registry, or the one on the row's network."""
    if row.network not in _OPEN:
        return [_name(row.asset, row.network)]
    return [name for name in registry.decimals if symbol(name) == row.asset]


def _name(asset: str, network: str) -> str:
    return asset if network in _OPEN else f"{asset}{NETWORK_MARK}{network}"


def _wrong(
    settings: PolicySettings, registry: Assets, providers: Collection[str]
) -> Iterator[Wrong]:
    """Find every row that could never fit, or that says what another one says."""
    for number, final in enumerate(settings.final, 1):
        told = (*_unknown(final, registry, providers), *_wrong_amount(final, registry))
        yield from _at(f"final number {number}", told or _doubled(final, settings.final, number))
    for number, corridor in enumerate(settings.corridor, 1):
        told = tuple(_unknown(corridor, registry, providers))
        yield from _at(f"corridor number {number}", told)
    for number, one in enumerate(settings.tolerance, 1):
        told = (*_unregistered(one.asset, one.network, registry),)
        told = told or tuple(_wrong_tolerance(one, registry))
        same = [each for each in settings.tolerance[: number - 1] if _is_same(each, one)]
        if same:
            told = (*told, ("asset", "has a tolerance already: keep one of the two"))
        yield from _at(f"tolerance number {number}", told)


def _expecting(configuration: Configuration) -> frozenset[str]:
    """Return what events of the sources that expect first are stored under."""
    settings = configuration.settings
    wanted = set(settings.policy.expect_first)
    urls = {one.public_url for one in settings.source if one.slug in wanted}
    # A source that was given its public_url later has older events under the other name.
    return frozenset({f"urn:sealgate:{settings.environment}:{slug}" for slug in wanted} | urls) - {
        "",
    }


def _strange(settings: PolicySettings, sources: Collection[str]) -> Iterator[Wrong]:
    """Find sources that are not configured: their payments would not wait for anybody."""
    for name in settings.expect_first:
        if name not in sources:
            known = ", ".join(sorted(sources)) or "none"
            yield "expect_first", f"{name} is no source of this configuration; known are {known}"


def _at(place: str, told: Collection[Wrong]) -> Iterator[Wrong]:
    for field, message in told:
        yield f"{place}.{field}", message


def _unknown(
    row: FinalSettings | CorridorSettings, registry: Assets, providers: Collection[str]
) -> Iterator[Wrong]:
    if row.provider != ANY and row.provider not in providers:
        known = ", ".join(sorted(providers))
        yield "provider", f"{row.provider} has no mapping and no source here; known are {known}"
    yield from _unregistered(row.asset, row.network, registry)


def _unregistered(asset: str, network: str, registry: Assets) -> Iterator[Wrong]:
    networks = {name.partition(NETWORK_MARK)[2] for name in registry.decimals} - {""}
    if network not in _OPEN and network not in networks:
        known = ", ".join(sorted(networks))
        yield "network", f"{network} is a network of no registered asset; known are {known}"
    elif asset not in _OPEN and _name(asset, network) not in registry.decimals:
        yield "asset", f"{_name(asset, network)} is not registered: see `assets.toml`"


def _wrong_amount(row: FinalSettings, registry: Assets) -> Iterator[Wrong]:
    name = _name(row.asset, row.network)
    if row.asset in _OPEN or name not in registry.decimals:
        return
    apart = sorted(other for other in APART if symbol(other) == row.asset)
    if row.network == ANY and apart and row.amount_from.strip("0."):
        told = f"{apart[0]} counts in another smallest unit: write one row for each network"
        yield "amount_from", told
    try:
        registry.atomic(row.amount_from, name, Unit.MAJOR)
    except Drift as wrong:
        yield "amount_from", str(wrong)


def _wrong_tolerance(row: ToleranceSettings, registry: Assets) -> Iterator[Wrong]:
    for name in _names(row, registry):
        try:
            registry.atomic(row.amount, name, Unit.MAJOR)
        except Drift as wrong:
            yield "amount", str(wrong)


def _doubled(row: FinalSettings, rows: Sequence[FinalSettings], number: int) -> tuple[Wrong, ...]:
    """Say that an earlier row is for the very same money: one of the two would count."""
    columns = _columns(row)
    if any(_columns(other) == columns for other in rows[: number - 1]):
        return (("rule", "an earlier row is for the same money: keep one of the two"),)
    return ()


def _columns(row: FinalSettings) -> tuple[str, str, str, str]:
    amount = row.amount_from.lstrip("0")
    amount = amount.rstrip("0").rstrip(".") if "." in amount else amount
    return row.provider, row.network, row.asset, amount


def _is_same(one: ToleranceSettings, other: ToleranceSettings) -> bool:
    return (one.asset, one.network) == (other.asset, other.network)
