"""Certificates that sign deliveries: whose they are, who vouches for them, and until when.

PayPal and Amazon SNS name the certificate of the signing key by a URL in the delivery. What was
fetched from there flows in, with the roots of this system; a public key flows out, or `ValueError`
with the check that failed. Pure: the moment is an argument, and nothing is fetched.

The rules are those of a browser: names in subjectAltName, a purpose of serverAuth, RSA of 2048 bits
and more, no SHA-1 in the chain. SNS serves its certificate alone, and no system trusts the
authority that issued it directly: the connection it came over vouches for that one, and no chain.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from ingress.schemes.parts import public_keys
from ingress.schemes.parts.public_keys import UNREADABLE, PublicKey

# The signer, and up to four authorities: Amazon's longest path to an old root has three.
CERTIFICATES_MAX = 5
CHAIN_BYTES_MAX = 64 * 1024
# The verifier asks this of the authorities, and not of the key they vouch for.
RSA_BITS_MIN = 2048


def _serves(
    policy: Policy, _certificate: x509.Certificate, purposes: x509.ExtendedKeyUsage | None
) -> None:
    """Refuse a certificate that was issued for other purposes only."""
    if purposes is not None and policy.extended_key_usage not in purposes:
        raise ValueError("not issued for a server")


_AUTHORITY = ExtensionPolicy.webpki_defaults_ca()
# The one relaxation: names and purposes may be marked critical, which RFC 5280 allows and browsers
# do not. It weakens nothing: critical means that they must be looked at, and they are.
_SIGNER = (
    ExtensionPolicy.webpki_defaults_ee()
    .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _serves)
)


def key_of(pem: bytes) -> PublicKey:
    """Return the key of the first certificate, whoever vouches for it. Raises `ValueError`."""
    return _key(_read(pem)[0])


def expires(pem: bytes) -> datetime:
    """Say when the first certificate stops being valid. Raises `ValueError`."""
    return _read(pem)[0].not_valid_after_utc


def verify_chain(
    chain_pem: bytes,
    roots: Sequence[x509.Certificate],
    host: str | Sequence[str],
    at: datetime,
) -> PublicKey:
    """Return the key of the first certificate, if a root vouches for it at the moment `at`.

    It must be made out to `host`, or to one of several: a full name, or ``.paypal.com`` for any
    name below that domain. `at` bears a time zone. Raises `ValueError` saying which check failed.
    """
    chain = _read(chain_pem)
    leaf = chain[0]
    if _names_itself(leaf):
        raise ValueError("the certificate is self-signed: nobody vouches for it")
    for certificate in chain:
        _check_dates(certificate, at)
    if not roots:
        raise ValueError("there are no root certificates on this system; install ca-certificates")
    name = _name(leaf, (host,) if isinstance(host, str) else host)
    policy = PolicyBuilder().store(Store(list(roots))).time(at)
    policy = policy.max_chain_depth(CERTIFICATES_MAX - 1)
    policy = policy.extension_policies(ca_policy=_AUTHORITY, ee_policy=_SIGNER)
    try:
        verifier = policy.build_server_verifier(name)
        verifier.verify(leaf, chain[1:])
    except (VerificationError, ValueError):
        # The library's own words quote the certificate, which anybody may have written.
        raise ValueError(
            "no trusted root vouches for the certificate: "
            "its authority is a stranger, or not valid, or one in between is missing"
        ) from None
    key = _key(leaf)
    if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        raise ValueError(f"the certificate's key is shorter than {RSA_BITS_MIN} bits")
    return key


def _read(pem: bytes) -> list[x509.Certificate]:
    if len(pem) > CHAIN_BYTES_MAX:
        raise ValueError(f"the certificates are larger than {CHAIN_BYTES_MAX} bytes")
    if pem.count(b"-----BEGIN CERTIFICATE-----") > CERTIFICATES_MAX:
        raise ValueError(f"the chain is longer than {CERTIFICATES_MAX} certificates")
    try:
        return x509.load_pem_x509_certificates(pem)
    except UNREADABLE:
        raise ValueError("there is no readable certificate in PEM") from None


def _key(certificate: x509.Certificate) -> PublicKey:
    try:
        key = certificate.public_key()
    except UNREADABLE:
        raise ValueError("the certificate's key cannot be read") from None
    return public_keys.accepted(key)


def _names_itself(certificate: x509.Certificate) -> bool:
    """Say whether subject and issuer are one; the library reads names only when they are asked."""
    try:
        return certificate.issuer == certificate.subject
    except UNREADABLE:
        raise ValueError("the certificate's names cannot be read") from None


def _check_dates(certificate: x509.Certificate, at: datetime) -> None:
    if at < certificate.not_valid_before_utc:
        raise ValueError("a certificate is not valid yet")
    if at > certificate.not_valid_after_utc:
        raise ValueError("a certificate has expired")


def _name(leaf: x509.Certificate, hosts: Sequence[str]) -> x509.DNSName:
    """Return one of the leaf's names that is wanted; the verifier looks at it once more."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except (*UNREADABLE, x509.ExtensionNotFound):
        names = []
    for name in (name.lower() for name in names):
        for host in hosts:
            # Of a wildcard, any one name it stands for.
            concrete = name.replace("*", "any", 1) if name.startswith("*.") else name
            if host.startswith(".") and concrete.endswith(host):
                return x509.DNSName(concrete)
            if name in (host, "*." + host.partition(".")[2]):
                return x509.DNSName(host)
    raise ValueError("the certificate is made out to another name")
