"""Paths of a balancer's certificate and key: pure functions of the settings."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch

CIPHERS = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
"""Ciphers for TLS 1.2: forward secrecy and authenticated encryption only, as Mozilla's intermediate set without DHE."""


@dataclass(frozen=True)
class Files:
    """Paths of certificate and key, which may be the same file."""

    certificate: str
    key: str


def files(switch: BalancerSwitch) -> Files | None:
    """The operator's files from the settings, None without TLS."""
    if switch.tls is None:
        return None
    return Files(switch.tls.certificate, switch.tls.key or switch.tls.certificate)


def haproxy_files(settings: Settings, switch: BalancerSwitch) -> Files | None:
    """The files in HAProxy's configuration. HAProxy looks for the key in the certificate's file and in ``<file>.key``.

    A key elsewhere is not copied: two links with the names that HAProxy wants point to the operator's files. A renewed
    certificate is therefore loaded with the next reload, and the secret is in one place only.
    """
    if switch.tls is None or switch.tls.key is None:
        return files(switch)
    link = f"{settings.node.etc}/tls.pem"
    return Files(link, f"{link}.key")
