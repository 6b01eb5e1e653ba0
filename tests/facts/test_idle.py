"""Connections with nothing on them."""

from __future__ import annotations

import socket
import subprocess
import time

import pytest

from orchestrator.facts.idle import KeptConnections

IDLE = "0 0 10.0.0.1:8080 10.0.0.9:5000 cubic rto:204 lastsnd:4000 lastrcv:4010 lastack:4000"
ASKED = "0 0 10.0.0.1:8080 10.0.0.9:5000 cubic rto:204 lastsnd:4000 lastrcv:12 lastack:12"
ANSWERED = "0 0 10.0.0.1:8080 10.0.0.9:5000 cubic rto:204 lastsnd:20 lastrcv:30 lastack:20"
SENDING = "0 9000 10.0.0.1:8080 10.0.0.9:5000 cubic rto:204 lastsnd:4000 lastrcv:4010 lastack:4000"


def test_only_connections_without_a_request_are_kept_ones():
    assert KeptConnections().process(["kept", IDLE, ASKED, IDLE, ANSWERED, SENDING]) == 2
    assert KeptConnections().process(["kept"]) == 0


def test_a_connection_of_this_machine_is_seen():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def kept() -> int:
            command = KeptConnections().command(port=port).get_raw_value()
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
            return KeptConnections().process(done.stdout.splitlines())

        if kept() == 0 and subprocess.run(["ss", "-H"], capture_output=True).returncode:
            pytest.skip("no ss on this machine")
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            time.sleep(0.5)
            assert kept() == 1
        assert kept() == 0
