"""Rules about services, their ports and sockets, and the runtime."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.rules import Rule
from orchestrator.config.rules.services import (
    assets_are_sent_by_nginx,
    main_service_shows_no_code,
    ports_are_distinct,
    runtime_fits_the_services,
    services_are_distinct,
    session_files_are_provided,
    sockets_have_short_paths,
    static_runs_no_services,
)

from .table import said, service

MAIN = service("web", "/")
SESSIONS = {"directories": ["sessions"]}
DEEP = "/srv/" + "a" * 84
"""With it, the path of green's socket of the service `ws` has 107 characters, and blue's 106."""


@pytest.mark.parametrize(
    ("rule", "changes", "problem"),
    [
        (services_are_distinct, {"services": [service("a", "/a"), service("b", "/b")]}, None),
        (
            services_are_distinct,
            {"services": [service("ws", "/a"), service("ws", "/b")]},
            "services: several services have the name ws: give each service a different name",
        ),
        (
            services_are_distinct,
            {"services": [service("a", "/ws"), service("b", "/ws")]},
            "services: several services have the path /ws: give each service a different path",
        ),
        (sockets_have_short_paths, {"root": DEEP, "services": [service()]}, None),
        (
            sockets_have_short_paths,
            {"root": DEEP + "a", "services": [service()]},
            (
                f"services: the socket path {DEEP}a/green/run/ws.sock has 108 characters, but Linux permits only 107: "
                "choose a shorter name for the service, or a shorter root"
            ),
        ),
        (session_files_are_provided, {"shared": {"directories": ["storage"]}}, None),
        (session_files_are_provided, {"shared": SESSIONS, "php": {"sessions": "php"}}, None),
        (session_files_are_provided, {"shared": SESSIONS, "runtime": "static"}, None),
        (
            session_files_are_provided,
            {"shared": SESSIONS},
            (
                'shared.directories: the entry sessions is not needed, because php.sessions = "shared" makes this '
                "directory: remove the entry"
            ),
        ),
        (runtime_fits_the_services, {"services": [service()]}, None),
        (runtime_fits_the_services, {"runtime": "service", "services": [service(), MAIN]}, None),
        (
            runtime_fits_the_services,
            {"runtime": "service", "services": [service()]},
            (
                "runtime: the runtime service needs a service with the path /, which answers all other requests: set "
                "the path / for a service in services"
            ),
        ),
        (
            runtime_fits_the_services,
            {"services": [MAIN]},
            (
                'services: web has the path /, which only the runtime service permits: set runtime = "service", or '
                "choose another path"
            ),
        ),
        (main_service_shows_no_code, {"runtime": "service", "services": [MAIN]}, None),
        (main_service_shows_no_code, {"php": {"public": "."}, "services": [service()]}, None),
        (main_service_shows_no_code, {"php": {"public": "."}, "services": [MAIN | {"files": False}]}, None),
        (
            main_service_shows_no_code,
            {"php": {"public": "."}, "services": [MAIN]},
            (
                "services: web: nginx would send all files of the release, code included, because files is True and "
                "php.public is the whole release: choose a directory for php.public, or set files = False"
            ),
        ),
        (assets_are_sent_by_nginx, {"assets": ["build"], "services": [MAIN]}, None),
        (assets_are_sent_by_nginx, {"assets": ["build"], "services": [service(files=False)]}, None),
        (assets_are_sent_by_nginx, {"services": [MAIN | {"files": False}]}, None),
        (
            assets_are_sent_by_nginx,
            {"assets": ["build"], "services": [MAIN | {"files": False}]},
            (
                "assets: nginx sends no assets, because the service web has files = False and so sends its files "
                "itself: remove assets, or set files = True"
            ),
        ),
        (static_runs_no_services, {"runtime": "static"}, None),
        (static_runs_no_services, {"services": [service()]}, None),
        (
            static_runs_no_services,
            {"runtime": "static", "services": [service()]},
            (
                'services: the runtime static runs no services: remove services, or set runtime = "service", with '
                "which nginx also sends files"
            ),
        ),
        (
            ports_are_distinct,
            {
                "services": [
                    service("a", "/a", ports={"blue": 9001, "green": 9002}),
                    service("b", "/b", ports={"blue": 9003, "green": 9004}),
                    service("c", "/c"),
                ]
            },
            None,
        ),
        (
            ports_are_distinct,
            {"services": [service(ports={"blue": 8081, "green": 9002})]},
            "services: ws.ports.blue: the port 8081 is used by ports.blue: choose another port",
        ),
        (
            ports_are_distinct,
            {
                "services": [
                    service("a", "/a", ports={"blue": 9001, "green": 9002}),
                    service("b", "/b", ports={"blue": 9003, "green": 9001}),
                ]
            },
            "services: b.ports.green: the port 9001 is used by a.ports.blue: choose another port",
        ),
    ],
)
def test_rules_about_services(rule: Rule, changes: dict[str, Any], problem: str | None) -> None:
    assert said(rule, changes) == problem
