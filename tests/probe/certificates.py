"""A certificate authority that a test makes itself."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "shop.example"
"""The only name that its server certificate has."""


class Authority:
    """``ca``: the file to trust; ``server``: certificate and key for `NAME`."""

    def __init__(self, path: Path) -> None:
        self.ca, self.server = path / "ca.pem", path / "server.pem"
        key, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate("Test CA", key, "Test CA", key, ca=True)
        leaf = _certificate(NAME, own, "Test CA", key, ca=False)
        self.ca.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        pem, pkcs8, plain = (
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.server.write_bytes(own.private_bytes(pem, pkcs8, plain) + leaf.public_bytes(pem))

    def context(self, *alpn: str) -> ssl.SSLContext:
        """A context for a server that offers these protocols by ALPN, or without protocols has no ALPN."""
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(self.server)
        if alpn:
            made.set_alpn_protocols(alpn)
        return made


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, ca: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(_common(name))
        .issuer_name(_common(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    builder = builder if ca else builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _common(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
