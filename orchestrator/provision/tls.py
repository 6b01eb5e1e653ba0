"""TLS at the current balancer: certificate and key have to be there before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.context import host

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import Refused
from orchestrator.provision import operations
from orchestrator.provision.certificate import Files, files, haproxy_files
from orchestrator.provision.facts import Pem, Pems
from orchestrator.provision.work import Work


def problem(wanted: Files, found: Mapping[str, Pem]) -> str | None:
    """What is wrong with certificate and key as they were found, in one line; None if nothing is."""
    for key, path in (("certificate", wanted.certificate), ("key", wanted.key)):
        pem = found.get(path)
        if pem is None:
            return f"tls.{key}: there is no file {path}"
        if not (pem.certificates if key == "certificate" else pem.keys):
            return f"tls.{key}: {path} holds no {'certificate' if key == 'certificate' else 'private key'} (PEM)"
    return None


def require(switch: BalancerSwitch) -> list[str]:
    """See that the current balancer has what TLS needs; changes nothing. Raises Refused."""
    wanted = files(switch)
    if wanted is None:
        return []
    found: dict[str, Pem] = host.get_fact(Pems, paths=sorted({wanted.certificate, wanted.key}))
    wrong = problem(wanted, found)
    if wrong:
        raise Refused(f"{wrong}; put it there (or take tls out of the settings): nothing was changed")
    return []


def links(work: Work, settings: Settings, switch: BalancerSwitch) -> None:
    """Make HAProxy's links to the operator's files, where it needs them."""
    theirs, ours = files(switch), haproxy_files(settings, switch)
    if theirs and ours and theirs != ours:
        work.do("link to the certificate", operations.link, path=ours.certificate, target=theirs.certificate)
        work.do("link to its key", operations.link, path=ours.key, target=theirs.key)
