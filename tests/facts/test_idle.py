"""Connections without a request on them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from orchestrator.facts.idle import ColorInFlight, InFlight, OpenConnections

IDLE = "0 0 10.0.0.1:8080 10.0.0.9:5000 cubic rto:204 lastsnd:4000 lastrcv:4010 lastack:4000"
ASKED = "0 0 10.0.0.1:8080 10.0.0.9:5000 cubic rto:204 lastsnd:4000 lastrcv:12 lastack:12"
ANSWERED = "0 0 10.0.0.1:8080 10.0.0.9:5000 cubic rto:204 lastsnd:20 lastrcv:30 lastack:20"
SENDING = "0 9000 10.0.0.1:8080 10.0.0.9:5000 cubic rto:204 lastsnd:4000 lastrcv:4010 lastack:4000"


def test_every_open_connection_counts() -> None:
    """Also a connection that seems busy: nginx may have promised to keep the connection after its answer."""
    lines = [f"0 {queue} 10.0.0.1:8080 10.0.0.9:{port}" for queue, port in ((0, 5000), (0, 5001), (9000, 5002))]
    clients = {f"10.0.0.9:{port}" for port in (5000, 5001, 5002)}
    assert OpenConnections().process(["connections", *lines]) == clients
    assert OpenConnections().process(["connections"]) == frozenset()


def test_a_connection_of_this_machine_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def clients() -> frozenset[str]:
            command = OpenConnections().command(port=port).get_raw_value()
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
            return OpenConnections().process(done.stdout.splitlines())

        if not clients() and subprocess.run(["ss", "-H"], capture_output=True).returncode:
            pytest.skip("no ss on this machine")
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            assert clients() == {f"127.0.0.1:{client.getsockname()[1]}"}
        assert clients() == frozenset()


def color_in_flight(
    main: str, others: list[str], directory: str = "/no/run", listens: str = "/no/listen-", name: str = ""
) -> InFlight:
    command = ColorInFlight().command("", directory, 1, listens, name, main, others).get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    return ColorInFlight().process(done.stdout.splitlines())


@pytest.mark.skipif(shutil.which("ss") is None, reason="no ss on this machine")
def test_requests_of_a_service_are_counted_at_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert color_in_flight(port, []).quiet
        with socket.create_connection(("127.0.0.1", int(port))) as asking, server.accept()[0]:
            assert color_in_flight(port, []) == InFlight(0, requests=1)
            assert color_in_flight("", [port]) == InFlight(0, streams=1)
            # a connection that was not accepted
            with socket.create_connection(("127.0.0.1", int(port))):
                assert color_in_flight(port, []).requests >= 2
            del asking


@pytest.mark.skipif(shutil.which("ss") is None, reason="no ss on this machine")
def test_requests_and_streams_are_counted_at_separate_sockets() -> None:
    run = Path(tempfile.mkdtemp(dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as web, socket.socket(socket.AF_UNIX) as ws:
        for server, name in ((web, "web"), (ws, "ws")):
            server.bind(f"{run}/{name}.sock")
            server.listen()
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client, name in zip(clients, ("web", "web", "ws"), strict=True):
            client.connect(f"{run}/{name}.sock")
        accepted = [web.accept()[0], web.accept()[0], ws.accept()[0]]
        assert color_in_flight(f"{run}/web.sock", [], str(run)) == InFlight(0, requests=2, streams=1)
        for one in (*clients, *accepted):
            one.close()
        assert color_in_flight(f"{run}/web.sock", [], str(run)).quiet
    shutil.rmtree(run)


@pytest.mark.skipif(shutil.which("ss") is None, reason="no ss on this machine")
def test_requests_count_if_no_worker_answers_the_status_request() -> None:
    run = Path(tempfile.mkdtemp(dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as fpm:
        fpm.bind(f"{run}/fpm.sock")
        fpm.listen()
        assert color_in_flight(f"{run}/fpm.sock", [], str(run)).requests <= 1
        clients = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for client in clients:
            client.connect(f"{run}/fpm.sock")
        accepted = [fpm.accept()[0] for _ in clients]
        # if this machine has cgi-fcgi, its request waits in the queue
        assert color_in_flight(f"{run}/fpm.sock", [], str(run)) in (InFlight(0, 2), InFlight(0, 3))
        for one in (*clients, *accepted):
            one.close()
    shutil.rmtree(run)


@pytest.mark.skipif(shutil.which("ss") is None, reason="no ss on this machine")
def test_the_ports_of_the_release_count_not_the_settings(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web, socket.create_server(("127.0.0.1", 0)) as ws:
        ports = {name: str(server.getsockname()[1]) for name, server in (("web", web), ("ws", ws))}
        for name, said in (*ports.items(), ("chat", "/srv/shop/blue/run/chat.sock")):
            (tmp_path / f"listen-blue-{name}").write_text(f"{said}\n")
        (tmp_path / "listen-green-web").write_text("9\n")
        with (
            socket.create_connection(("127.0.0.1", int(ports["web"]))),
            socket.create_connection(("127.0.0.1", int(ports["ws"]))),
            web.accept()[0],
            ws.accept()[0],
        ):
            assert color_in_flight("9", ["9"], listens=f"{tmp_path}/listen-blue-", name="web") == InFlight(0, 1, 1)
            # PHP-FPM answers the requests, and has no file
            both = color_in_flight("/no/fpm", ["9"], listens=f"{tmp_path}/listen-blue-")
            assert both == InFlight(0, 0, 2)
            # a release of an earlier version
            assert color_in_flight(ports["web"], ["9"]) == InFlight(0, 1, 0)
