"""Where a balancer's certificate and key are: pure functions of the settings."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch

CIPHERS = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
"""Of TLS 1.2: forward secrecy and authenticated encryption only, as Mozilla's intermediate set without DHE."""


@dataclass(frozen=True)
class Files:
    """Where a balancer finds certificate and key; they may be one file."""

    certificate: str
    key: str


def files(switch: BalancerSwitch) -> Files | None:
    """The operator's files as the settings name them, None without TLS."""
    if switch.tls is None:
        return None
    return Files(switch.tls.certificate, switch.tls.key or switch.tls.certificate)


def haproxy_files(settings: Settings, switch: BalancerSwitch) -> Files | None:
    """The files as HAProxy is told of them. It looks for the key in the certificate's file, then in ``<file>.key``.

    A key that is elsewhere is not copied: two links with the names that HAProxy wants point to the operator's
    files, so that a renewed certificate is there with the next reload, and a secret is at one place only.
    """
    if switch.tls is None or switch.tls.key is None:
        return files(switch)
    link = f"{settings.node.etc}/tls.pem"
    return Files(link, f"{link}.key")
