"""The ports in use on a host: what the script prints, and what is read from it."""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest

from orchestrator.provision.bind import ALL, ALL_IPV4, Bind
from orchestrator.provision.in_use import Claim, InUse, Listener, PortsInUse, Process, parse

PRINTED = """\
socket LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=20,fd=6),("nginx",pid=21,fd=6))
socket LISTEN 0 511 *:8080 *:* users:(("java",pid=22,fd=6))
socket LISTEN 0 511 127.0.0.1:9001 0.0.0.0:* users:(("python3",pid=23,fd=3))
socket LISTEN 0 511 0.0.0.0:81 0.0.0.0:*
socket LISTEN 0 511 0.0.0.0:82 0.0.0.0:* users:(("haproxy",pid=24,fd=3),("node",pid=25,fd=3))
unit 20 /system.slice/nginx.service
unit 21 /system.slice/nginx.service
unit 22 /docker/1f/user.slice/user-1000.slice/user@1000.service/app.slice/search.service/sub
unit 23 /system.slice/shop-blue-ws.service
unit 25 /
haproxy /etc/haproxy/haproxy.cfg:    stats socket /run/haproxy/admin.sock mode 660
haproxy /etc/haproxy/haproxy.cfg:    stats socket ipv4@127.0.0.1:9999 level admin
haproxy /etc/haproxy/orchestrator//blog.cfg:\tbind *:8085
haproxy /etc/haproxy/orchestrator/blog.cfg:    bind *:8085
nginx # configuration file /etc/nginx/sites-enabled/default:
nginx server {
nginx     listen 80 default_server;
nginx }
service /etc/systemd/system/shop-blue-ws.service:ExecStart=/usr/local/lib/orchestrator/shop/serve blue ws 9001
service /etc/systemd/system/shop-blue-nginx.service:ExecStart=/usr/local/lib/orchestrator/shop/nginx blue 8081
service /etc/systemd/system/shop-green-ws.service:ExecStart=/usr/local/lib/orchestrator/shop/serve green ws
welcome /etc/nginx/sites-enabled/default
a line that nobody knows
"""


def at(address: str, port: int) -> Bind:
    return Bind(address, port, port)


def test_listeners_have_their_units_and_files_their_ports() -> None:
    nginx = Process("nginx", "nginx.service", "nginx.service")
    assert parse(PRINTED.splitlines()) == InUse(
        listeners=(
            Listener(at(ALL_IPV4, 80), (nginx,)),
            Listener(at(ALL, 8080), (Process("java", "search.service", "search.service"),)),
            Listener(at("127.0.0.1", 9001), (Process("python3", "shop-blue-ws.service", "shop-blue.target"),)),
            Listener(at(ALL_IPV4, 81)),
            # a program of an unknown unit is the distribution's only by its name
            Listener(
                at(ALL_IPV4, 82), (Process("haproxy", "haproxy.service", "haproxy.service"), Process("node", "", ""))
            ),
        ),
        claims=(
            Claim("/etc/haproxy/haproxy.cfg", at("127.0.0.1", 9999), "haproxy.service"),
            Claim("/etc/haproxy/orchestrator/blog.cfg", at(ALL_IPV4, 8085), "haproxy.service"),
            Claim("/etc/nginx/sites-enabled/default", at(ALL_IPV4, 80), "nginx.service"),
            Claim("/etc/systemd/system/shop-blue-ws.service", at("127.0.0.1", 9001), "shop-blue.target"),
            Claim("/etc/systemd/system/shop-blue-nginx.service", at(ALL_IPV4, 8081), "shop-blue.target"),
        ),
        welcome="/etc/nginx/sites-enabled/default",
    )


def test_a_host_where_nothing_is_installed_uses_no_port() -> None:
    assert parse([]) == InUse()


@pytest.mark.exhaustive
@pytest.mark.skipif(shutil.which("ss") is None, reason="no ss on this machine")
def test_a_socket_of_this_machine_is_seen() -> None:
    command = PortsInUse().command(used=[]).get_raw_value()

    def seen(port: int) -> list[Listener]:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        return [listener for listener in parse(done.stdout.splitlines()).listeners if listener.bind.first == port]

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (listener,) = seen(port)
    assert listener.bind == at("127.0.0.1", port)
    assert listener.processes
    assert seen(port) == []
