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
            "services: several have the name ws: give each a name of its own",
        ),
        (
            services_are_distinct,
            {"services": [service("a", "/ws"), service("b", "/ws")]},
            "services: several have the path /ws: give each a path of its own",
        ),
        (sockets_have_short_paths, {"root": DEEP, "services": [service()]}, None),
        (
            sockets_have_short_paths,
            {"root": DEEP + "a", "services": [service()]},
            f"services: the path of a socket has at most 107 characters, and {DEEP}a/green/run/ws.sock has 108: choose "
            "a shorter name, or a shorter root",
        ),
        (session_files_are_provided, {"shared": {"directories": ["storage"]}}, None),
        (session_files_are_provided, {"shared": SESSIONS, "php": {"sessions": "php"}}, None),
        (session_files_are_provided, {"shared": SESSIONS, "runtime": "static"}, None),
        (
            session_files_are_provided,
            {"shared": SESSIONS},
            'shared.directories: php.sessions = "shared" makes sessions already: remove sessions',
        ),
        (runtime_fits_the_services, {"services": [service()]}, None),
        (runtime_fits_the_services, {"runtime": "service", "services": [service(), MAIN]}, None),
        (
            runtime_fits_the_services,
            {"runtime": "service", "services": [service()]},
            'runtime: "service" needs a service that answers everything: give one of services the path /',
        ),
        (
            runtime_fits_the_services,
            {"services": [MAIN]},
            'services: web answers everything (path /), which needs the runtime service: set runtime = "service", or '
            "choose another path",
        ),
        (main_service_shows_no_code, {"runtime": "service", "services": [MAIN]}, None),
        (main_service_shows_no_code, {"php": {"public": "."}, "services": [service()]}, None),
        (main_service_shows_no_code, {"php": {"public": "."}, "services": [MAIN | {"files": False}]}, None),
        (
            main_service_shows_no_code,
            {"php": {"public": "."}, "services": [MAIN]},
            "services: web.files: nginx would send the whole release, code included, because php.public is the whole "
            "release: choose a directory for php.public, or set files = false",
        ),
        (assets_are_sent_by_nginx, {"assets": ["build"], "services": [MAIN]}, None),
        (assets_are_sent_by_nginx, {"assets": ["build"], "services": [service(files=False)]}, None),
        (assets_are_sent_by_nginx, {"services": [MAIN | {"files": False}]}, None),
        (
            assets_are_sent_by_nginx,
            {"assets": ["build"], "services": [MAIN | {"files": False}]},
            "assets: web sends its files itself (files = false), so nginx sends no assets: leave assets out, or set "
            "files = true",
        ),
        (static_runs_no_services, {"runtime": "static"}, None),
        (static_runs_no_services, {"services": [service()]}, None),
        (
            static_runs_no_services,
            {"runtime": "static", "services": [service()]},
            'services: runtime = "static" runs no services: use runtime = "service", which also sends files',
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
