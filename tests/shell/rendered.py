"""The shell scripts that provisioning installs, rendered with settings that reach every branch of their templates."""

from __future__ import annotations

from typing import Any

from orchestrator.config import Settings, load
from orchestrator.config.switch import NginxSwitch
from orchestrator.provision import catch_up, render
from orchestrator.provision.render import TEMPLATES

SWITCHES: dict[str, dict[str, Any]] = {
    "haproxy": {"kind": "haproxy", "group": "balancers", "urls": ["http://127.0.0.1"]},
    "nginx": {"kind": "nginx", "group": "balancers", "urls": ["http://127.0.0.1"]},
    "node": {"kind": "node", "urls": ["http://127.0.0.1"]},
}

SERVICE = {"name": "app", "command": "bin/app", "path": "/"}

SCALING = {"group": "shop", "live": "s3://deploys/live.json", "hook": "catch-up"}

VARIANTS: dict[str, dict[str, Any]] = {
    "php": {"scaling": SCALING},
    "php-full": {
        "scaling": SCALING,
        "source": {"origin": "git@origin:shop.git", "key": "key", "known_hosts": "hosts"},
        "build": [
            {"name": "assets", "run": "make 'all'", "inputs": ["src"], "outputs": ["public/build"]},
            {"name": "migrate", "run": "make migrate", "user": "web"},
        ],
        "shared": {"directories": ["storage"], "files": ["settings.php"], "seed": ["storage"]},
        "permissions": {"group": "shop-x-web", "files": "640", "writable": ["var/cache"]},
        "services": [{"name": "ws", "command": "bin/ws", "path": "/ws"}],
        "php": {"idle_workers": 1},
        "gate": {"path": "/health?deep=1", "https": True},
        "warm": ["/", "/it's"],
        "workers": [{"name": "queue", "command": "bin/queue"}],
        "schedule": [{"name": "tick", "command": "bin/tick"}],
    },
    "php-environment": {"environment": {"path": "config/.env", "file": "env", "owner": "www-data"}},
    "static": {"runtime": "static", "scaling": SCALING},
    "service": {"runtime": "service", "scaling": SCALING, "services": [SERVICE]},
    "service-port": {
        "runtime": "service",
        "scaling": SCALING,
        "services": [{**SERVICE, "ports": {"blue": 9001, "green": 9002}}],
    },
}


def variants() -> dict[str, Settings]:
    """Settings by name: every runtime, bare and with all that adds to a script, at every kind of switch."""
    return {
        f"{name}-{kind}": load(
            {
                "app": "shop-x",
                "source": {"origin": "git@origin:shop.git"},
                "marker": {"answers": "all"},
                **changes,
                "switches": [switch],
            }
        )
        for name, changes in VARIANTS.items()
        for kind, switch in SWITCHES.items()
    }


def scripts() -> dict[str, str]:
    """Name -> text of each script, named ``<script> (<variant>)``; texts that variants share are there once."""
    found: dict[str, str] = {}
    for variant, settings in variants().items():
        for name, text in of(settings).items():
            if text not in found.values():
                found[f"{name} ({variant})"] = text
    return found


def of(settings: Settings) -> dict[str, str]:
    """Name -> text of every shell script that provisioning installs with these settings."""
    texts = {
        path.name: path.read_text()
        for path in TEMPLATES.iterdir()
        if path.suffix != ".j2" and path.read_text().startswith("#!")
    }
    texts |= render.node_scripts(settings) | render.nginx_scripts(settings)
    texts |= render.web_scripts(settings)
    texts |= render.worker_scripts(settings)
    texts |= render.schedule_scripts(settings)
    texts["console"] = render.console(settings)
    texts["answers"] = render.answers(settings)
    texts["bar"] = render.bar(settings)
    texts["fpm"] = render.fpm(settings)
    texts["runs"] = render.runs(settings)
    texts["serve"] = render.serve(settings)
    texts["shrink"] = render.shrink(settings)
    texts["ssh"] = render.ssh(settings)
    if settings.scaling:
        texts["catch-up"] = catch_up.script(settings)
        texts |= {f"step-{name}": text for name, text in catch_up.steps(settings).items() if name != catch_up.STACK}
    for switch in settings.switches:
        if isinstance(switch, NginxSwitch):
            texts["trim"] = render.trim(settings, switch)
    return texts
