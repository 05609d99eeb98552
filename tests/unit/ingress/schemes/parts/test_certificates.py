"""Certificates: the ones PayPal and Amazon sign with hold, and nothing that merely looks like one.

The certificates made here have the fields of the real ones, extension by extension: an SNS signer
(``sns.amazonaws.com``, issued by an authority that no system trusts directly) and PayPal's.
"""

import base64
import contextlib
import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trustme import CA

from ingress.schemes.parts.certificates import expires, key_of, verify_chain

AT = datetime(2022, 7, 28, 21, 24, tzinfo=UTC)
FROM, UNTIL = AT - timedelta(days=300), AT + timedelta(days=20)
SNS = "sns.amazonaws.com"
REGION = "af-south-1.amazonaws.com"
PAYPAL = "messageverificationcerts.paypal.com"
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@functools.cache
def _rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Made:
    """A certificate with the key that it is for."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def _start(name: str, public: object, issuer: Made | None, start: datetime, end: datetime):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    parent = subject if issuer is None else issuer.certificate.subject
    builder = x509.CertificateBuilder(parent, subject, public, x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(end)
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    if issuer is not None:
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.private.public_key())
        builder = builder.add_extension(known, critical=False)
    return builder.add_extension(identifier, critical=False)


def _usage(*uses: str) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    more = ("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in uses for name in names + more})


def _authority(
    name: str, issuer: Made | None = None, start: datetime = FROM, end: datetime = UNTIL
) -> Made:
    private = ec.generate_private_key(ec.SECP256R1())
    builder = _start(name, private.public_key(), issuer, start, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = _usage("digital_signature", "key_cert_sign", "crl_sign")
    builder = builder.add_extension(usage, critical=True)
    signer = private if issuer is None else issuer.private
    return Made(builder.sign(signer, hashes.SHA256()), private)


def _leaf(
    issuer: Made | None,
    *names: str,
    start: datetime = FROM,
    end: datetime = UNTIL,
    purposes: tuple[x509.ObjectIdentifier, ...] = SERVER,
    bits: int = 2048,
) -> Made:
    """Make a signer, as its own authority if there is no other."""
    private = _rsa(bits)
    builder = _start(names[0] if names else SNS, private.public_key(), issuer, start, end)
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    builder = builder.add_extension(
        _usage("digital_signature", "key_encipherment"), critical=True
    ).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    address = x509.UniformResourceIdentifier("http://crt.sca1b.amazontrust.com/sca1b.crt")
    access = x509.AccessDescription(x509.AuthorityInformationAccessOID.CA_ISSUERS, address)
    builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    policy = x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)
    builder = builder.add_extension(x509.CertificatePolicies([policy]), critical=False)
    signer = private if issuer is None else issuer.private
    return Made(builder.sign(signer, hashes.SHA256()), private)


ROOT = _authority("Amazon Root CA 1")
BETWEEN = _authority("Amazon RSA 2048 M01", ROOT)
STRANGER = _authority("Amazon Root CA 1")
ROOTS = [STRANGER.certificate, ROOT.certificate]


def _refusal(pem: bytes, host: str = SNS, **more: object) -> str:
    """Tell why a chain is refused, by `ROOTS` at `AT` unless others are given."""
    asked = {"roots": ROOTS, "at": AT, **more}
    with pytest.raises(ValueError) as refused:
        verify_chain(pem, host=host, **asked)
    return str(refused.value)


def test_a_signer_with_its_authority_behind_it_is_trusted() -> None:
    """What PayPal's address answers with: the signer first, then who issued it."""
    signer = _leaf(BETWEEN, PAYPAL)
    key = verify_chain(signer.pem + BETWEEN.pem, ROOTS, PAYPAL, AT)
    assert key == signer.private.public_key() == key_of(signer.pem)


def test_a_signer_alone_is_not_trusted() -> None:
    """What SNS answers with is one certificate: the authority above it is not in any root store."""
    assert "one in between is missing" in _refusal(_leaf(BETWEEN, SNS).pem)


def test_an_authority_that_is_brought_is_not_trusted() -> None:
    """Whoever writes the answer must not be able to vouch for itself with it."""
    between = _authority("Amazon RSA 2048 M01", STRANGER)
    signer = _leaf(between, SNS)
    chain = signer.pem + between.pem
    assert verify_chain(chain, ROOTS, SNS, AT)
    for brought in (chain, chain + STRANGER.pem):
        assert "no trusted root vouches" in _refusal(brought, roots=[ROOT.certificate])


def test_certificates_made_by_another_library_are_judged_alike() -> None:
    """The authorities of trustme mark names and purposes critical, as RFC 5280 allows them to."""
    root = CA()
    signer = root.create_child_ca().issue_cert(SNS)
    chain = b"".join(pem.bytes() for pem in signer.cert_chain_pems)
    anchor = x509.load_pem_x509_certificate(root.cert_pem.bytes())
    assert verify_chain(chain, [anchor], SNS, AT) == key_of(chain)
    other = x509.load_pem_x509_certificate(CA().cert_pem.bytes())
    assert "no trusted root" in _refusal(chain, roots=[other])


@pytest.mark.parametrize(
    ("names", "host"),
    [
        ((SNS,), SNS),
        (("SNS.AmazonAWS.com",), SNS),
        ((f"sns-signing.{REGION}", f"sns.{REGION}"), (SNS, f"sns.{REGION}")),
        ((PAYPAL,), ".paypal.com"),
        (("messageverificationcerts.sandbox.paypal.com",), ".paypal.com"),
        (("*.paypal.com",), ".paypal.com"),
        (("*.paypal.com",), PAYPAL),
        (("example.com", PAYPAL), PAYPAL),
    ],
)
def test_the_names_that_providers_really_use_are_found(
    names: tuple[str, ...], host: str | tuple[str, ...]
) -> None:
    """Newer regions of SNS have names of their own; PayPal has one for each environment."""
    signer = _leaf(BETWEEN, *names)
    assert verify_chain(signer.pem + BETWEEN.pem, ROOTS, host, AT)


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (("sns.amazonaws.com.evil.example",), SNS),
        (("evil-sns.amazonaws.com",), SNS),
        (("evil.example",), SNS),
        (("*.amazonaws.com.evil.example",), ".amazonaws.com"),
        (("*.com",), PAYPAL),
        (("*.paypal.com",), "a.b.paypal.com"),
        (("evilpaypal.com",), ".paypal.com"),
        (("paypal.com",), ".paypal.com"),
        (("paypal.com.evil.example",), ".paypal.com"),
        (("ess*.paypal.com",), "messageverificationcerts.paypal.com"),
        (("*.*.paypal.com",), PAYPAL),
        ((), SNS),
    ],
)
def test_another_name_is_refused(names: tuple[str, ...], host: str) -> None:
    """Anybody is vouched for by some root: the name is what makes it the provider's."""
    signer = _leaf(BETWEEN, *names)
    refused = _refusal(signer.pem + BETWEEN.pem, host)
    assert "another name" in refused or "no trusted root" in refused


def test_a_common_name_is_no_name() -> None:
    """Authorities check the names in subjectAltName; the other is whatever was asked for."""
    assert "another name" in _refusal(_leaf(BETWEEN, "x.example", SNS[:-1]).pem)
    assert "another name" in _refusal(_leaf(BETWEEN).pem)


def test_validity_is_judged_to_the_second() -> None:
    """A key that its holder has given up may be anybody's."""
    signer, second = _leaf(BETWEEN, SNS), timedelta(seconds=1)
    pem = signer.pem + BETWEEN.pem
    assert verify_chain(pem, ROOTS, SNS, FROM)
    assert verify_chain(pem, ROOTS, SNS, UNTIL)
    assert "not valid yet" in _refusal(pem, at=FROM - second)
    assert "has expired" in _refusal(pem, at=UNTIL + second)
    assert expires(pem) == UNTIL


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (FROM, AT - timedelta(days=1), "has expired"),
        (AT + timedelta(days=1), UNTIL, "not valid yet"),
    ],
)
def test_every_certificate_of_the_chain_must_be_valid(
    start: datetime, end: datetime, reason: str
) -> None:
    """The signer's own dates say nothing of an authority that was withdrawn."""
    between = _authority("between", ROOT, start, end)
    signer = _leaf(between, SNS)
    assert reason in _refusal(signer.pem + between.pem)


def test_a_self_signed_certificate_is_refused() -> None:
    """It costs an attacker nothing; even among the roots it would be nobody's signer."""
    alone = _leaf(None, SNS)
    assert "self-signed" in _refusal(alone.pem)
    assert "self-signed" in _refusal(alone.pem, roots=[alone.certificate])


def test_a_stranger_with_the_authoritys_name_is_refused() -> None:
    """A name is free to choose; the signature is not."""
    signer = _leaf(_authority("Amazon RSA 2048 M01", ROOT), SNS)
    assert "no trusted root" in _refusal(signer.pem + BETWEEN.pem)


def test_a_signer_may_not_issue() -> None:
    """Whoever has a certificate for their own name would otherwise make one for any name."""
    mallory = _leaf(BETWEEN, "mallory.example")
    forged = _leaf(mallory, SNS)
    assert "no trusted root" in _refusal(forged.pem + mallory.pem + BETWEEN.pem)


@pytest.mark.parametrize(
    "odd",
    [
        {"purposes": (ExtendedKeyUsageOID.CODE_SIGNING,)},
        {"purposes": (ExtendedKeyUsageOID.EMAIL_PROTECTION,)},
        {"purposes": (ExtendedKeyUsageOID.TIME_STAMPING,)},
    ],
)
def test_what_a_browser_refuses_is_refused(odd: dict[str, object]) -> None:
    """The roots vouch for servers; what they issue for other ends is checked by other rules."""
    assert "no trusted root" in _refusal(_leaf(BETWEEN, SNS, **odd).pem + BETWEEN.pem)


def test_a_short_key_is_refused_though_vouched_for() -> None:
    """No authority has been allowed to certify 1024 bits for a decade."""
    assert "shorter than 2048" in _refusal(_leaf(BETWEEN, SNS, bits=1024).pem + BETWEEN.pem)


def test_an_authority_is_no_signer() -> None:
    """The chain in the wrong order puts a key first that signs certificates, not messages."""
    assert "another name" in _refusal(BETWEEN.pem + _leaf(BETWEEN, SNS).pem)


def test_a_chain_is_bounded() -> None:
    """Each certificate may be tried as the issuer of each: the work is an attacker's to choose."""
    authorities = [ROOT]
    for number in range(4):
        authorities.append(_authority(f"authority {number}", authorities[-1]))
    longest = b"".join(made.pem for made in reversed(authorities[1:]))
    signer = _leaf(authorities[-1], SNS)
    assert verify_chain(signer.pem + longest, ROOTS, SNS, AT)
    assert "longer than 5" in _refusal(signer.pem + longest + ROOT.pem)
    assert "larger than" in _refusal(signer.pem + b" " * 64 * 1024)


def test_without_roots_nobody_is_trusted() -> None:
    """A slim container has none: that must be named, and must not mean everybody."""
    assert "install ca-certificates" in _refusal(_leaf(BETWEEN, SNS).pem, roots=[])


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"junk",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----",
        b"\x30\x82\x05\xd7\x30\x82\x04\xbf",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ],
)
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    """An error page, half an answer, a key: each from an address that was right."""
    assert "no readable certificate" in _refusal(pem)
    for read in (key_of, expires):
        with pytest.raises(ValueError, match="no readable certificate"):
            read(pem)


def test_a_key_of_no_use_here_is_refused() -> None:
    """Ed448 signs, but no delivery of anybody's."""
    private = ed448.Ed448PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SNS)])
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1)
    made = builder.not_valid_before(FROM).not_valid_after(UNTIL).sign(private, None)
    with pytest.raises(ValueError, match="no provider signs"):
        key_of(made.public_bytes(Encoding.PEM))


# The library warns of a serial number that is not positive, and will refuse it one day.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(deadline=None)
@example(at=12, value=1)  # a version that is none, which the library calls no `ValueError`
@given(at=st.integers(0, 1500), value=st.integers(0, 255))
def test_no_damage_is_an_exception_of_another_kind(at: int, value: int) -> None:
    """The answer of an address named by a stranger is read by a task that must not die of it."""
    der = bytearray(_leaf_der())
    der[at % len(der)] = value
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(bytes(der))
    with contextlib.suppress(ValueError):
        verify_chain(pem + b"-----END CERTIFICATE-----\n" + BETWEEN.pem, ROOTS, SNS, AT)


@functools.cache
def _leaf_der() -> bytes:
    return _leaf(BETWEEN, SNS).certificate.public_bytes(Encoding.DER)
