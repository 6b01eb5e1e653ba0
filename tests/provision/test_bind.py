"""What programs listen on, as HAProxy, nginx and ss write it."""

from __future__ import annotations

import pytest

from orchestrator.provision.bind import ALL, ALL_IPV4, ALL_IPV6, Bind, of_haproxy, of_nginx, of_socket


def at(address: str, first: int, last: int | None = None) -> Bind:
    return Bind(address, first, last or first)


@pytest.mark.parametrize(
    ("line", "binds"),
    [
        ("*:80", [at(ALL_IPV4, 80)]),
        (":80 name http", [at(ALL_IPV4, 80)]),
        ("0.0.0.0:80", [at(ALL_IPV4, 80)]),
        ("10.0.0.1:80,10.0.0.2:443 ssl crt /x.pem", [at("10.0.0.1", 80), at("10.0.0.2", 443)]),
        ("10.0.0.1:10080-10089", [at("10.0.0.1", 10080, 10089)]),
        ("[::]:80", [at(ALL, 80)]),
        (":::80 v4v6", [at(ALL, 80)]),
        ("[::]:80 v6only", [at(ALL_IPV6, 80)]),
        ("[2001:DB8::0:1]:80", [at("2001:db8::1", 80)]),
        ("ipv4@:80", [at(ALL_IPV4, 80)]),
        ("ipv6@:80 v6only", [at(ALL_IPV6, 80)]),
        ("ipv6@*:80", [at(ALL, 80)]),
        ('"127.0.0.1:8090" name preview # 127.0.0.1:9', [at("127.0.0.1", 8090)]),
        ("localhost:8404", [at("localhost", 8404)]),
        ("*:80 interface 'eth0", [at(ALL_IPV4, 80)]),
        ("/run/haproxy/admin.sock mode 660 level admin", []),
        ("unix@/run/x.sock", []),
        ("abns@x:80", []),
        ("quic4@:443 ssl crt /x.pem", []),
        ('"${ADDRESS}"', []),
        ("fd@3", []),
        ("# nothing", []),
    ],
)
def test_haproxy_lists_addresses_and_ranges(line: str, binds: list[Bind]) -> None:
    assert of_haproxy(line) == binds


@pytest.mark.parametrize(
    ("words", "bind"),
    [
        ("80", at(ALL_IPV4, 80)),
        ("*:80 default_server", at(ALL_IPV4, 80)),
        ("127.0.0.1", at("127.0.0.1", 80)),
        ("127.0.0.1:8000", at("127.0.0.1", 8000)),
        ("localhost:8000", at("localhost", 8000)),
        ("8000-8009", at(ALL_IPV4, 8000, 8009)),
        ("[::]:80", at(ALL_IPV6, 80)),
        ("[::]:80 ipv6only=off", at(ALL, 80)),
        ("[::1]", at("::1", 80)),
        ("443 ssl http2", at(ALL_IPV4, 443)),
        ("443 quic reuseport", None),
        ("53 udp", None),
        ("unix:/run/nginx.sock", None),
        ("", None),
    ],
)
def test_nginx_listens_on_tcp_ports_alone(words: str, bind: Bind | None) -> None:
    assert of_nginx(words.split()) == bind


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("0.0.0.0:80", at(ALL_IPV4, 80)),
        ("*:80", at(ALL, 80)),
        ("[::]:80", at(ALL_IPV6, 80)),
        ("127.0.0.53%lo:53", at("127.0.0.53", 53)),
        ("[fe80::1]%eth0:546", at("fe80::1", 546)),
        ("[::ffff:127.0.0.1]:8080", at("127.0.0.1", 8080)),
        ("Address:Port", None),
    ],
)
def test_ss_names_the_address_of_a_socket(text: str, bind: Bind | None) -> None:
    assert of_socket(text) == bind


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (at(ALL_IPV4, 80), at(ALL_IPV4, 80), True),
        (at(ALL_IPV4, 80), at(ALL_IPV4, 81), False),
        (at(ALL_IPV4, 80), at("10.0.0.1", 80), True),
        (at(ALL_IPV4, 80), at(ALL, 80), True),
        (at(ALL_IPV4, 80), at(ALL_IPV6, 80), False),
        (at(ALL_IPV4, 80), at("::1", 80), False),
        (at(ALL, 80), at("::1", 80), True),
        (at("10.0.0.1", 80), at("10.0.0.2", 80), False),
        (at("10.0.0.1", 80), at("10.0.0.1", 80), True),
        (at("localhost", 80), at(ALL_IPV6, 80), True),
        (at("localhost", 80), at("10.0.0.1", 80), False),
        (at(ALL_IPV4, 8000, 8009), at(ALL_IPV4, 8009), True),
        (at(ALL_IPV4, 8000, 8009), at(ALL_IPV4, 8010, 8020), False),
    ],
)
def test_binds_overlap_in_both_address_and_port(one: Bind, other: Bind, overlap: bool) -> None:
    assert one.overlaps(other) is overlap
    assert other.overlaps(one) is overlap
