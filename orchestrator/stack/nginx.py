"""Make the configuration of a color's nginx from the settings. All functions are pure."""

from __future__ import annotations

import re

from orchestrator.config import Settings
from orchestrator.config.service import Service
from orchestrator.layout import HEALTH
from orchestrator.model import Color
from orchestrator.runtimes import listener_of
from orchestrator.stack import web
from orchestrator.stack.render import render


def nginx_conf(settings: Settings, color: Color) -> str:
    """Return the text of the configuration of a color's nginx. This nginx answers the requests for the color."""
    layout, php = settings.node, settings.php
    return render(
        "nginx.conf.j2",
        color=color.value,
        other=color.other.value,
        root=layout.root,
        below="" if php.public == "." else f"/{php.public}",
        public_link=layout.PUBLIC,
        listen=layout.listen(color),
        socket=layout.nginx_socket(color),
        servers=layout.nginx_servers,
        logs=layout.logs(color),
        temporary=layout.cache(color),
        drain=layout.drain_mark,
        health=HEALTH,
        gate=settings.gate,
        front=php.front,
        front_regex=re.escape(php.front),
        scripts=settings.runtime == "php" and php.scripts,
        fallback=php.fallback,
        **web.values(settings),
        assets="|".join(re.escape(path) for path in settings.assets),
        include="own.conf" if settings.web.include else "",
        request_limit=php.request_limit,
        runtime=settings.runtime,
        fpm_socket=layout.socket(color) if settings.runtime == "php" else "",
        **_services(settings, color),
    )


def _services(settings: Settings, color: Color) -> dict[str, object]:
    """Return the values about services that the template ``nginx.conf.j2`` uses: name -> value."""
    services = [
        {
            "name": service.name,
            "path": service.path,
            "path_regex": re.escape(service.path),
            "files": service.files,
            "upstream": f"service_{service.name}",
            "server": upstream(listener_of(settings, service, color)),
        }
        for service in nearest_first(settings)
    ]
    main = next((service for service in services if service["path"] == "/"), None)
    return {"services": services, "main": main, "stream_limit": f"{round(settings.stream_limit * 1000)}ms"}


def nearest_first(settings: Settings) -> list[Service]:
    """Return the services, sorted by the lengths of their paths, longest first.

    If the paths of several services match a request, the service with the longest path gets the request.
    """
    return sorted(settings.services, key=lambda service: (-len(service.path), service.path))


def upstream(address: str) -> str:
    """Return the address of a process on the same host, in the form that nginx expects in the directive ``server``.

    + address: a port number, or the path of a unix socket
    """
    return f"127.0.0.1:{address}" if address.isdigit() else f"unix:{address}"
