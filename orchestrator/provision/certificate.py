"""Determine the paths of a balancer's TLS certificate and private key from the settings. All functions are pure."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch

CIPHERS = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
"""Cipher suites for TLS 1.2, by OpenSSL's names. All have forward secrecy and authenticated encryption.

The list has the cipher suites of Mozilla's intermediate configuration, without DHE.
"""


@dataclass(frozen=True)
class Files:
    """The paths of a certificate and of its private key. Both may be in the same file."""

    certificate: str
    key: str


def files(switch: BalancerSwitch) -> Files | None:
    """Return the paths of the operator's certificate and private key from the settings; None if there is no TLS."""
    if switch.tls is None:
        return None
    return Files(switch.tls.certificate, switch.tls.key or switch.tls.certificate)


def haproxy_files(settings: Settings, switch: BalancerSwitch) -> Files | None:
    """Return the paths of certificate and private key for HAProxy's configuration; None if the switch has no TLS.

    HAProxy looks for the key only in the certificate's file and in ``<certificate's file>.key``. If the settings name
    another file for the key, this function returns the paths of two symlinks with names that HAProxy accepts. The
    symlinks point to the operator's files. The key is not copied, so the secret is in one place only. When the operator
    renews the certificate, the next reload of HAProxy loads the new certificate.
    """
    if switch.tls is None or switch.tls.key is None:
        return files(switch)
    link = f"{settings.node.etc}/tls.pem"
    return Files(link, f"{link}.key")
