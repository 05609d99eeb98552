"""Which URLs are asked, and which addresses may answer: every trick known against either."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.keysources.address import Address, Places, is_public

# A region looks like us-east-1. Merely `[a-z0-9-]{3,}` would let sns.s3-us-west-2.amazonaws.com
# pass: the bucket "sns" of whoever owns it.
SNS = Places(
    re.compile(r"^sns\.[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(\.cn)?$"),
    re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem"),
)
# The expression of AWS's own validators.
SNS_OFFICIAL = Places(
    re.compile(r"^sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?$"), re.compile(r".+\.pem")
)
PAYPAL = Places(
    re.compile(r"^(api|api-m)(\.sandbox)?\.paypal\.com$"),
    re.compile(r"/v1/notifications/certs/[A-Za-z0-9_-]+"),
)
PEM = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
SNS_URL = f"https://sns.us-east-1.amazonaws.com{PEM}"
PAYPAL_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"


@pytest.mark.parametrize(
    ("places", "url", "host"),
    [
        (SNS, SNS_URL, "sns.us-east-1.amazonaws.com"),
        (SNS, f"https://sns.cn-north-1.amazonaws.com.cn{PEM}", "sns.cn-north-1.amazonaws.com.cn"),
        (SNS, f"https://sns.us-gov-west-1.amazonaws.com{PEM}", "sns.us-gov-west-1.amazonaws.com"),
        (SNS_OFFICIAL, SNS_URL, "sns.us-east-1.amazonaws.com"),
        (PAYPAL, PAYPAL_URL, "api.paypal.com"),
        (PAYPAL, PAYPAL_URL.replace("api", "api-m.sandbox"), "api-m.sandbox.paypal.com"),
    ],
)
def test_the_urls_that_providers_use_are_admitted(places: Places, url: str, host: str) -> None:
    """A rule that refuses the real ones refuses every payment."""
    assert places.admit(url) == Address(host, url.removeprefix(f"https://{host}"))


@pytest.mark.parametrize("places", [SNS, SNS_OFFICIAL])
@pytest.mark.parametrize(
    "url",
    [
        SNS_URL.replace("https", "http"),
        SNS_URL.replace("https", "HTTPS"),
        SNS_URL.replace("https", "file"),
        SNS_URL.replace("https:", ""),
        f"https://sns.evil.com{PEM}",
        f"https://sns.us-east-1.amazonaws.com.evil.com{PEM}",
        f"https://evil.com/sns.us-east-1.amazonaws.com{PEM}",
        f"https://evil.com#@sns.us-east-1.amazonaws.com{PEM}",
        f"https://evil.com?@sns.us-east-1.amazonaws.com{PEM}",
        f"https://evil.com\\@sns.us-east-1.amazonaws.com{PEM}",
        f"https://sns.us-east-1.amazonaws.com@evil.com{PEM}",
        f"https://user:password@sns.us-east-1.amazonaws.com{PEM}",
        f"https://@sns.us-east-1.amazonaws.com{PEM}",
        f"https://sns.us-east-1.amazonaws.com:443{PEM}",
        f"https://sns.us-east-1.amazonaws.com:8443{PEM}",
        f"https://sns.us-east-1.amazonaws.com:{PEM}",
        f"https://sns.us-east-1.amazonaws.com.{PEM}",
        f"https://sns.us-east-1.amazonaws.com..{PEM}",
        f"https://SNS.us-east-1.amazonaws.com{PEM}",
        f"https://sns.us-east-1.AMAZONAWS.com{PEM}",
        f"https://sns.us-east-1.amazonaws\u3002com{PEM}",
        f"https://sns.us-east-1.amazonaws\uff0ecom{PEM}",
        f"https://\uff53ns.us-east-1.amazonaws.com{PEM}",
        f"https://sns.us-east-1.am\u0430zonaws.com{PEM}",
        f"https://sns.-us-east-1.amazonaws.com{PEM}",
        f"https://sns.us.east.1.amazonaws.com{PEM}",
        f"https://sns.x.amazonaws.com{PEM}",
        f"https://sns.s3.amazonaws.com{PEM}",
        f"https://xsns.us-east-1.amazonaws.com{PEM}",
        f"https://snsxus-east-1.amazonaws.com{PEM}",
        f"https://127.0.0.1{PEM}",
        f"https://2130706433{PEM}",
        f"https://0177.0.0.1{PEM}",
        f"https://0x7f000001{PEM}",
        f"https://0x7f.1{PEM}",
        f"https://[::1]{PEM}",
        f"https://[::ffff:169.254.169.254]{PEM}",
        f"https://localhost{PEM}",
        f"{SNS_URL}?x=.pem",
        f"{SNS_URL}#.pem",
        f"{SNS_URL}?",
        f"{SNS_URL}#",
        f"{SNS_URL}/",
        f"{SNS_URL}\n",
        f" {SNS_URL}",
        f"{SNS_URL}\x00",
        SNS_URL.replace("amazonaws.com", "amazonaws.com\r\nHost: evil.com"),
        SNS_URL.removesuffix(".pem"),
        SNS_URL.replace(".pem", ".pem.exe"),
        SNS_URL.replace(".pem", "%2epem"),
        f"https://sns.us-east-1.amazonaws.com/../x{PEM}",
        f"https://sns.us-east-1.amazonaws.com/./{PEM}",
        f"https://sns.us-east-1.amazonaws.com/{PEM}",
        f"https://sns.us-east-1.amazonaws.com/x\\y{PEM}",
        f"https://sns.us-east-1.amazonaws.com/{'a' * 600}.pem",
        "",
        "https://",
        "https:///x.pem",
    ],
)
def test_a_url_that_is_not_spelt_as_the_provider_spells_it_is_refused(
    places: Places, url: str
) -> None:
    """Each has fooled some parser: whoever fetches it fetches a forger's certificate, or worse."""
    with pytest.raises(ValueError, match=r"^it is no plain|^its host|^its path") as refused:
        places.admit(url)
    assert "evil" not in str(refused.value)


def test_a_bucket_named_sns_is_no_region() -> None:
    """Amazon's own expression lets a stranger's storage pass for SNS; ours must not."""
    url = f"https://sns.s3-us-west-2.amazonaws.com{PEM}"
    assert SNS_OFFICIAL.admit(url).host.startswith("sns.")
    with pytest.raises(ValueError, match=r"^its host"):
        SNS.admit(url)


@pytest.mark.parametrize(
    "url",
    [
        PAYPAL_URL.replace("api.paypal.com", "api.paypal.com.evil.com"),
        PAYPAL_URL.replace("api.paypal.com", "www.paypal.com"),
        PAYPAL_URL.replace("/v1/notifications/certs", "/v1/notifications/webhooks"),
        PAYPAL_URL + "/..",
        PAYPAL_URL + "/../../oauth2/token",
    ],
)
def test_another_page_of_the_same_provider_is_no_certificate(url: str) -> None:
    """A provider's site may redirect, reflect or host what others wrote."""
    with pytest.raises(ValueError, match=r"^its host|^its path|^it is no plain"):
        PAYPAL.admit(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0177.0.0.1", "0x7f.0.0.1", "1.0x7f000001", "a.1", "localhost"]
)
def test_a_number_is_no_host_even_where_every_host_is_allowed(host: str) -> None:
    """An address that is written out is never looked up, so nothing would judge it."""
    anything = Places(re.compile(".*"), re.compile(".*"))
    with pytest.raises(ValueError, match=r"^it is no plain"):
        anything.admit(f"https://{host}/x")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_nothing_but_a_plain_url_is_ever_admitted(text: str) -> None:
    """What is admitted can be put together again from its two parts: nothing was passed over."""
    anything = Places(re.compile(".*"), re.compile(".*"))
    for url in (text, "https://" + text, f"https://example.com/{text}"):
        try:
            admitted = anything.admit(url)
        except ValueError:
            continue
        assert f"https://{admitted.host}{admitted.path}" == url
        assert re.fullmatch("[a-z0-9.-]+", admitted.host)
        assert not {"", ".", ".."} & set(admitted.path[1:].split("/"))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.170",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:8.8.8.8",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2606:4700::1111%eth0",
        "",
        "api.paypal.com",
        "1.1",
        "0x7f000001",
        "2130706433",
        "010.0.0.1",
    ],
)
def test_an_address_inside_somebodys_network_is_not_public(address: str) -> None:
    """By the registries of special addresses at IANA: there stands our network, or the cloud's."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "52.94.5.1",
        "104.16.0.1",
        "192.0.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::6810:1",
        "2a00:1450:4001:81b::200e",
        "2600:1f18::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_an_address_on_the_internet_is_public(address: str) -> None:
    """Also from a network that has only IPv6, and reaches providers through a translator."""
    assert is_public(address)
