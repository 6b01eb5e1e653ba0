"""Check the operator's TLS certificate and key on the current balancer, and make HAProxy's symlinks to these files."""

from __future__ import annotations

from pyinfra.context import host

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import Refused
from orchestrator.provision import operations
from orchestrator.provision.certificate import Files, files, haproxy_files
from orchestrator.provision.facts import KeyPair, Pair
from orchestrator.provision.work import Work


def problem(wanted: Files, found: Pair) -> str | None:
    """Return the problem with a certificate and its private key in one line; None if there is no problem. Pure.

    + wanted: paths of certificate and key
    + found: numbers of certificates and keys in these files, and whether the key belongs to the certificate
    """
    if found.certificates is None:
        return f"tls.certificate: there is no file {wanted.certificate}"
    if found.keys is None:
        return f"tls.key: there is no file {wanted.key}"
    if not found.certificates:
        return f"tls.certificate: {wanted.certificate} contains no certificate (PEM)"
    if not found.keys:
        return f"tls.key: {wanted.key} contains no private key (PEM)"
    if found.match is False:
        return f"tls.key: {wanted.key} is not the key of {wanted.certificate}, or has a passphrase"
    return None


def require(switch: BalancerSwitch) -> list[str]:
    """Check that the certificate and the private key that the settings name are on the current balancer.

    Raises Refused if a file is missing or wrong. Otherwise returns an empty list. This function changes nothing.
    """
    wanted = files(switch)
    if wanted is None:
        return []
    wrong = problem(wanted, host.get_fact(KeyPair, certificate=wanted.certificate, key=wanted.key))
    if wrong:
        raise Refused(f"{wrong}; nothing was changed: correct the file or its path, or remove tls from the settings")
    return []


def links(work: Work, settings: Settings, switch: BalancerSwitch) -> None:
    """Make the symlinks with which HAProxy finds the operator's certificate and private key.

    HAProxy needs symlinks only if the settings name one file for the certificate and another file for the key.

    + work: runs the operations, or only notes them
    """
    theirs, ours = files(switch), haproxy_files(settings, switch)
    if theirs and ours and theirs != ours:
        work.do("link to the certificate", operations.link, path=ours.certificate, target=theirs.certificate)
        work.do("link to its key", operations.link, path=ours.key, target=theirs.key)
