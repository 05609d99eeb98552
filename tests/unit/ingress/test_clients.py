"""Whose delivery it is: what proxies say, and what no client can say in their place."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.clients import HOPS_MAX, Clients, bears
from ingress.networks import Networks

INSIDE = Networks.of([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
PROXY = "10.0.0.1"
CLIENT = "203.0.113.9"
X = b"x-forwarded-for"
F = b"forwarded"


def _address(header: bytes, *values: str, peer: str = PROXY) -> str:
    fields = [(header, value.encode("latin-1")) for value in values]
    return Clients(INSIDE, header).address(peer, fields)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("203.0.113.9,10.2.3.4 ,\t10.2.3.5", "203.0.113.9"),
        ("203.0.113.9:50123", "203.0.113.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("10.9.9.9, 10.2.3.4", "10.9.9.9"),
        ("fd00::5, 10.2.3.4", "fd00::5"),
    ],
)
def test_the_first_address_from_the_right_that_is_no_proxy_is_the_client(
    value: str, expected: str
) -> None:
    """What stands to the left of it, the client wrote itself."""
    assert _address(X, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # The examples of RFC 7239, sections 4, 6 and 7.1.
        ('For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("for=192.0.2.43;", "192.0.2.43"),
        ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
        ('for=192.0.2.43,for="[2001:db8:cafe::17]",for=10.1.1.1', "2001:db8:cafe::17"),
        ('for="192.0.2.43:47011"', "192.0.2.43"),
        ('for="192.0.2.43:_port"', "192.0.2.43"),
        ('proto=https;host="a,b;for=1.1.1.1";for=192.0.2.43', "192.0.2.43"),
        ('for="192.0.2.\\43"', "192.0.2.43"),
        ('for="1.1.1.1, for=203.0.113.9', "203.0.113.9"),
        ('x="\\", for=203.0.113.9', "203.0.113.9"),
    ],
)
def test_the_forwarded_header_is_read_as_its_rfc_writes_it(value: str, expected: str) -> None:
    """Quoted, bracketed, with ports and with other parameters; a quote left open hides nothing."""
    assert _address(F, value) == expected


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (X, ""),
        (X, "203.0.113.9,"),
        (X, "unknown"),
        (X, "client.example.com"),
        (X, "203.0.113.9, _hidden"),
        (X, "203.0.113.009"),
        (X, "fe80::1%eth0"),
        (X, '"203.0.113.9"'),
        (F, "203.0.113.9"),
        (F, "for=unknown"),
        (F, "for=_gazonk"),
        (F, "for=2001:db8::9"),
        (F, 'for="2001:db8::9"'),
        (F, "for=203.0.113.9;for=1.1.1.1"),
        (F, 'for="203.0.113.9'),
        (F, "proto=https"),
        (F, "=203.0.113.9"),
    ],
)
def test_what_is_no_address_leaves_the_peers_own(header: bytes, value: str) -> None:
    """A proxy that hides its client, or speaks otherwise, is the last that is known."""
    assert _address(header, value) == PROXY


def test_several_lines_of_the_header_are_one_list_in_their_order() -> None:
    """Some proxies add a line of their own instead of prolonging the client's."""
    assert _address(X, "1.1.1.1", CLIENT, "10.2.2.2") == CLIENT
    assert _address(F, "for=1.1.1.1", f"for={CLIENT}") == CLIENT


def test_the_header_of_the_other_kind_is_never_read() -> None:
    """A proxy writes one of them and passes the other on as the client sent it."""
    fields = [(F, b"for=1.1.1.1"), (X, CLIENT.encode())]
    assert Clients(INSIDE, X).address(PROXY, fields) == CLIENT
    assert Clients(INSIDE, F).address(PROXY, [(X, b"1.1.1.1")]) == PROXY


def test_more_trusted_hops_than_anybody_has_end_the_walk() -> None:
    """A header of thousands of hops costs as much as one of sixteen."""
    many = ", ".join(["1.1.1.1", *["10.0.0.2"] * HOPS_MAX])
    assert _address(X, many) == "10.0.0.2"
    assert _address(X, "9" * 5000 + ", " + ",".join(["10.0.0.2"] * 4)) == PROXY


def test_an_address_that_was_cut_off_at_the_limit_is_not_another_address() -> None:
    """Of 111.1.1.1, behind a header at its limit, 1.1.1.1 must not be left."""
    padding = " " * (2048 - len("1.1.1.1,10.0.0.2"))
    assert _address(X, f"11111.1.1.1,{padding}10.0.0.2") == PROXY


_WRITTEN = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60)
_HOSTILE = st.lists(
    st.sampled_from(['"', "\\", ",", ";", "for=", "10.0.0.3", "1.1.1.1", "=", " ", "x", "[", "]"]),
    max_size=20,
).map("".join)


@given(_WRITTEN | _HOSTILE, st.sampled_from([X, F]))
def test_an_untrusted_peer_can_write_what_it_likes(text: str, header: bytes) -> None:
    """Without a trusted proxy in between, the header is the client's own claim."""
    assert _address(header, text, peer=CLIENT) == CLIENT


@given(_WRITTEN | _HOSTILE)
def test_no_client_behind_a_proxy_can_choose_its_address(text: str) -> None:
    """Whatever it wrote before, the proxy writes behind it."""
    assert _address(X, f"{text}, {CLIENT}") == CLIENT
    assert _address(X, text, CLIENT) == CLIENT
    assert _address(F, f"{text},for={CLIENT}") == CLIENT
    assert _address(F, text, f'for="{CLIENT}:80";proto=https') == CLIENT


@given(_HOSTILE)
def test_no_host_that_a_proxy_quotes_can_pose_as_a_hop(host: str) -> None:
    """A proxy may write the host the client asked for, quoted, into the element it adds."""
    quoted = host.replace("\\", "\\\\").replace('"', '\\"')
    whole = f'for=1.1.1.1, for={CLIENT};host="{quoted}";proto=https'
    assert _address(F, whole) == CLIENT


@given(st.ip_addresses(), st.lists(st.ip_addresses(network="10.0.0.0/8"), max_size=5))
def test_every_client_is_found_behind_any_row_of_trusted_proxies(
    client: object, proxies: list[object]
) -> None:
    """However many of our own stand in between, the first stranger is the client."""
    hops = [str(client), *map(str, proxies)]
    expected = getattr(ip_address(hops[0]), "ipv4_mapped", None) or client
    if ip_address(str(expected)) in INSIDE:
        return
    assert _address(X, ", ".join(hops)) == str(expected)
    nodes = [f'for="[{hop}]"' if ":" in hop else f"for={hop}" for hop in hops]
    assert _address(F, ", ".join(nodes)) == str(expected)


SAN = {
    "subjectAltName": (
        ("DNS", "Hooks.Example.com"),
        ("URI", "spiffe://x/a"),
        ("IP Address", "1.1.1.1"),
    )
}
CN = ((("organizationName", "x"),), (("commonName", "old.example.com"),))


def test_a_certificate_bears_its_alternative_names() -> None:
    """Host names without case, others to the letter, and an address is no name."""
    assert bears(SAN, ["hooks.example.com"])
    assert bears(SAN, ["nobody", "spiffe://x/a"])
    assert not bears(SAN, ["spiffe://X/A"])
    assert not bears(SAN, ["1.1.1.1"])
    assert not bears(SAN, ["example.com"])
    assert bears({"subjectAltName": (("email", "a@example.com"),)}, ["a@example.com"])


def test_a_common_name_counts_only_without_alternative_names() -> None:
    """With alternatives it is a remark, which no authority vouches for."""
    assert bears({"subject": CN}, ["OLD.example.com"])
    assert not bears({"subject": CN, **SAN}, ["old.example.com"])
    assert not bears({"subject": CN, "subjectAltName": ()}, ["old.example.com"])


def test_no_certificate_bears_no_name() -> None:
    """A client that shows none is a stranger, whatever is wanted."""
    assert not bears(None, ["hooks.example.com"])
    assert not bears({}, ["hooks.example.com"])
