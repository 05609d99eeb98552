"""Keys and certificates: which one is still in use, which ends, which cannot be fetched."""

from dashboards.prometheus import thresholds as t
from dashboards.prometheus.alert import (
    SOURCE,
    Alert,
    Group,
    Severity,
    least,
    most,
    total,
)

KEY = f"{SOURCE}, key_id"
_NOT_AFTER = "sealgate_key_not_after_timestamp_seconds"
_CERTIFICATE = "sealgate_tls_certificate_not_after_timestamp_seconds"
_KEPT_ON = most(KEY, 'sealgate_key_info{role="verify", status="verify-only"}')
_SILENT = (
    f"time() - {most(KEY, 'sealgate_key_last_used_timestamp_seconds > 0')}\n"
    f"      > on ({SOURCE}) group_left {most(SOURCE, 'sealgate_source_retry_horizon_seconds')}"
)
_USABLE = 'sealgate_key_info{role="verify", status!="revoked"}'


def _other(family: str) -> str:
    return f'{family}{{result!="fetched"}}'


def _fetched(family: str) -> str:
    return f'{family}{{result="fetched"}}'


KEYS = Group(
    "sealgate-keys",
    [
        Alert(
            "SealgateOldKeyStillInUse",
            Severity.TICKET,
            "planned-rotation.md",
            "a key that was to go, for a day or within a day, still proves deliveries",
            "Switch {{ $labels.provider }} over to the new key of {{ $labels.source }} before"
            " {{ $labels.key_id }} ends",
            "The key {{ $labels.key_id }} proved {{ $value | printf `%.0f` }} deliveries in 6"
            " hours; when it ends, such deliveries are refused.",
            f"{total(KEY, 'sealgate_verified_total', '6h')} > 0\n"
            f"and (\n  ({_KEPT_ON} and {_KEPT_ON.replace('}', '} offset 1d')})\n"
            f"  or (\n    {most(KEY, _NOT_AFTER)} - time() < {t.OLD_KEY_DAY_S}\n"
            # Retired as the runbook has it: silent for as long as its provider tries again.
            f"    unless ({_KEPT_ON} and\n      {_SILENT}\n    )\n  )\n)",
        ),
        Alert(
            "SealgateKeyEndsSoon",
            Severity.TICKET,
            "planned-rotation.md",
            "the last key of a source ends within a week, and no other follows",
            "Add the next key of {{ $labels.source }}, and give it to {{ $labels.provider }}",
            "{{ if lt $value 0.0 }}No key of {{ $labels.source }} is left that proves anything"
            "{{ else }}In {{ $value | humanizeDuration }} no key of {{ $labels.source }} is left"
            " that proves anything{{ end }}.",
            # A source with a key that has no end, or a later one, is in the middle of a rotation.
            f"(\n  max by ({SOURCE}) (\n    {most(KEY, _NOT_AFTER)}\n"
            f"    and {most(KEY, _USABLE)}\n  ) - time()\n) < {t.KEY_ENDS_S}\n"
            f"unless on ({SOURCE}) (\n  {most(KEY, _USABLE)}\n"
            f"  unless {most(KEY, _NOT_AFTER)}\n)",
        ),
        *(
            Alert(
                "SealgateCertificateEndsSoon",
                severity,
                "certificate.md",
                f"the certificate of the public port ends within {said}",
                "Renew the certificate of {{ $labels.listener }}, and see that the edge has read"
                " it",
                "{{ if lt $value 0.0 }}It has ended, and no provider can connect{{ else }}It ends"
                " in {{ $value | humanizeDuration }}; then no provider can connect{{ end }}.",
                f"({least('environment, listener', _CERTIFICATE)} - time()) < {limit}",
            )
            for severity, limit, said in (
                (Severity.TICKET, t.CERTIFICATE_TICKET_S, "two weeks"),
                (Severity.PAGE, t.CERTIFICATE_PAGE_S, "two days"),
            )
        ),
        Alert(
            "SealgateKeyFetchFailing",
            Severity.TICKET,
            "key-fetch.md",
            "no fetch of a provider's public keys, or of its addresses, succeeded in an hour",
            "Find out why {{ or $labels.source $labels.provider }} cannot be fetched: its host,"
            " our network, or TLS",
            "{{ $value | printf `%.0f` }} fetches failed and none succeeded; what was fetched"
            " before is used until it is too old.",
            # What is fetched daily and failed is tried again within four hours, not within one.
            "\nor\n".join(
                f"(\n  {total(by, _other(family), window)} > 0\n"
                f"  unless {total(by, _fetched(family), window)} > 0\n)"
                for by, family in (
                    ("environment, source", "sealgate_key_fetch_total"),
                    ("environment, provider", "sealgate_address_fetch_total"),
                )
                for window in ("1h", "5h")
            ),
            held="10m",
        ),
    ],
)

GROUPS = (KEYS,)
