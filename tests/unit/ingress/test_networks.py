"""Network addresses: one form for each, found in many networks, shown in part."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from ingress.networks import Network, Networks, canonical, read_address, shown

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


@st.composite
def _networks(draw: st.DrawFn) -> Network:
    address = draw(V4 | V6)
    length = draw(st.integers(0, address.max_prefixlen))
    return ip_network((int(address), length) if address.version == 4 else str(address), False)


@given(st.lists(_networks(), max_size=30), st.lists(V4 | V6, max_size=10))
def test_an_address_is_in_the_set_exactly_if_it_is_in_one_of_its_networks(
    networks: list[Network], addresses: list[object]
) -> None:
    """The quick search must agree with asking every network, or a list lets in a stranger."""
    found = Networks.of(networks)
    edges = [one for net in networks for one in (net.network_address, net.broadcast_address)]
    for address in [*edges, *(ip_address(str(one)) for one in addresses)]:
        plain = read_address(str(address))
        assert plain is not None
        expected = any(plain in net or address in net for net in networks)
        assert (plain in found) is expected


def test_an_ipv4_address_written_as_ipv6_is_the_ipv4_address() -> None:
    """A socket for both families shows it so: it may neither slip past a list nor fail it."""
    mapped = read_address("::ffff:192.0.2.7")
    assert mapped == ip_address("192.0.2.7")
    assert mapped in Networks.of([ip_network("192.0.2.0/24")])
    assert mapped in Networks.of([ip_network("::ffff:192.0.2.0/120")])
    assert canonical("::ffff:192.0.2.7") == "192.0.2.7"


def test_an_empty_set_holds_nobody() -> None:
    """A list that is there and empty must not mean everybody."""
    nobody = Networks.of([])
    assert not nobody
    assert ip_address("0.0.0.0") not in nobody
    assert ip_address("::") not in nobody


def test_what_is_no_address_is_read_as_none_and_shown_as_nothing() -> None:
    """Texts from the wire end here, and never in a log."""
    for text in ("", "localhost", "1.2.3", "01.2.3.4", "1.2.3.4/8", "\uff11.2.3.4", "a" * 9000):
        assert read_address(text) is None
        assert shown(text) == ""


def test_a_log_shows_the_network_and_not_the_address() -> None:
    """An address may be a person's; its network is enough to see where trouble comes from."""
    assert shown("198.51.100.77") == "198.51.100.0/24"
    assert shown("::ffff:198.51.100.77") == "198.51.100.0/24"
    assert shown("2001:db8:1:2:3::9") == "2001:db8:1::/48"
