"""What a verb imports. Each module costs time before the first command reaches a host."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PACKAGES = (
    *("boto3", "botocore", "apprise", "sqlglot", "psycopg", "pymysql", "h2", "statistics"),
    *("orchestrator.aws", "orchestrator.migrate", "orchestrator.run.handlers", "orchestrator.probe.load"),
    *("orchestrator.provision.walk", "orchestrator.engines", "orchestrator.source", "orchestrator.operations"),
    *("orchestrator.switches.haproxy", "orchestrator.switches.nginx", "orchestrator.switches.alb"),
)
"""Packages and modules that a run imports only when it needs them."""

SETTINGS = {
    "app": "shop",
    "source": {"origin": "/nowhere"},
    "switches": [{"kind": "haproxy", "group": "haproxy", "urls": ["http://haproxy.test/"]}],
    "marker": {"token": "secret-token"},
}


def said_by(code: str) -> list[str]:
    """The list that a new Python process prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_a_verb_imports_only_what_every_run_needs() -> None:
    code = "import json, sys, orchestrator.deploy; print(json.dumps(list(sys.modules)))"
    modules = said_by(code)
    assert [one for one in modules if any(f"{one}.".startswith(f"{package}.") for package in PACKAGES)] == []


def test_the_checks_of_a_section_are_made_when_needed() -> None:
    code = f"""
import json
import os
from orchestrator.config import load, settings
from orchestrator.config.section import Section
def made(of):
    inner = [name for each in of.__subclasses__() for name in made(each)]
    return inner + [of.__name__] * ("__pydantic_validator__" in vars(of) and of.__pydantic_complete__)
before = made(Section)
load({SETTINGS!r})
print(json.dumps([*before, "/", *made(Section)]))
"""
    first, *loaded = said_by(code)
    assert first == "/", "the import has made checks"
    # the section of a kind of source or switch is checked by itself, after its kind is known
    assert {"Settings", "GitSource", "HAProxySwitch"} <= set(loaded)
    assert not {"Php", "Web", "Probe", "Deadlines", "Build", "Service", "NginxSwitch", "AlbSwitch"} & set(loaded)


@pytest.mark.parametrize("options", [[], ["-B"]])
def test_compiled_modules_are_kept_as_python_is_told(options: list[str]) -> None:
    # pyinfra sets this before it reads the inventory
    told = "import json, sys; sys.dont_write_bytecode = True"
    code = f"{told}; import orchestrator; print(json.dumps(sys.dont_write_bytecode))"
    command = [sys.executable, *options, "-c", code]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert json.loads(done.stdout) == bool(options)
