"""TLS in the rendered configuration of the balancers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Settings
from orchestrator.config.switch import BalancerSwitch
from orchestrator.errors import UsageError
from orchestrator.provision import balancer, tls
from orchestrator.provision.certificate import Files, files, haproxy_files
from orchestrator.provision.facts import KeyPair, Pair
from tests.provision.test_render import both_kinds, only, settings

pytestmark = pytest.mark.exhaustive

PEMS = {"certificate": "/etc/live/fullchain.pem", "key": "/etc/live/privkey.pem"}


def secured(plain: int = 80, **changes: Any) -> tuple[Settings, BalancerSwitch]:
    """Settings with one balancer that speaks TLS; the arguments change its section ``tls``."""
    section = {"certificate": PEMS["certificate"], **changes}
    switch = {"kind": "nginx", "group": "b", "urls": ["http://b"], "listen": plain, "tls": section}
    made = settings(switches=[switch])
    return made, only(made, BalancerSwitch)


def both(made: Settings, switch: BalancerSwitch) -> tuple[str, str]:
    return both_kinds(made, switch)


def bind(text: str) -> str:
    """HAProxy's line for https."""
    return next(line for line in text.splitlines() if " ssl " in line)


def test_without_tls_nothing_speaks_of_it() -> None:
    made = settings()
    for text in both(made, only(made, BalancerSwitch)):
        assert not re.search(r"\bssl\b|ssl_certificate|443", text)


def test_both_speak_http2_and_tls_since_1_2_at_a_port_of_its_own() -> None:
    haproxy, nginx = both(*secured())
    assert "    bind *:80\n" in haproxy
    assert bind(haproxy).startswith(f"    bind *:443 ssl crt {PEMS['certificate']} alpn h2,http/1.1 ")
    assert "ssl-min-ver TLSv1.2" in bind(haproxy)
    assert "    listen 443 ssl http2 " in nginx
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in nginx
    assert f"ssl_certificate {PEMS['certificate']};\n    ssl_certificate_key {PEMS['certificate']};" in nginx


def test_http2_can_be_left_out() -> None:
    haproxy, nginx = both(*secured(http2=False))
    assert " alpn http/1.1 " in bind(haproxy)
    assert "    listen 443 ssl default_server" in nginx


def test_the_application_gets_the_scheme_of_the_request() -> None:
    haproxy, nginx = both(*secured())
    assert "set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]" in haproxy
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in nginx


def test_a_key_elsewhere_is_linked_for_haproxy_never_copied() -> None:
    made, switch = secured(key=PEMS["key"])
    assert files(switch) == Files(PEMS["certificate"], PEMS["key"])
    assert haproxy_files(made, switch) == Files(
        "/etc/orchestrator/shop-x/tls.pem", "/etc/orchestrator/shop-x/tls.pem.key"
    )
    haproxy, nginx = both(made, switch)
    assert "crt /etc/orchestrator/shop-x/tls.pem " in haproxy
    # another path gives another text, so the file is loaded
    assert f"# {PEMS['certificate']} and {PEMS['key']}," in haproxy
    assert f"ssl_certificate_key {PEMS['key']};" in nginx


def test_one_file_for_both_needs_no_link() -> None:
    made, switch = secured()
    assert haproxy_files(made, switch) == files(switch) == Files(PEMS["certificate"], PEMS["certificate"])


@pytest.mark.parametrize(("port", "named"), [(443, ""), (8443, ":8443")])
def test_plain_http_is_sent_to_https_but_for_the_health_page(port: int, named: str) -> None:
    haproxy, nginx = both(*secured(redirect=True, listen=port))
    line = next(line for line in haproxy.splitlines() if "redirect" in line)
    assert f"location 'https://%[req.hdr(host),regsub(:[0-9]+$,)]{named}%[pathq]'" in line
    assert line.endswith("unless { ssl_fc } || { path /.orchestrator/health }")
    assert f"return 308 https://$host{named}$request_uri;" in nginx
    rules = nginx.split('map "$server_port $uri"')[1].split("}")[0]
    assert [line.split() for line in rules.splitlines()[1:3]] == [
        ['"~^80', r'/\.orchestrator/health$"', '"";'],
        ['"~^80', '"', "1;"],
    ]


def test_a_redirect_is_no_request_of_a_color() -> None:
    _, nginx = both(*secured(redirect=True))
    assert 'map "$bg_shop_x_weight $bg_shop_x_to_https" $bg_shop_x_split {' in nginx


def test_without_redirect_plain_http_is_answered() -> None:
    for text in both(*secured()):
        assert "308" not in text


def test_one_port_is_not_for_both() -> None:
    with pytest.raises(UsageError, match=r"tls\.listen: plain http \(listen\) already uses this port"):
        secured(plain=443)


@pytest.mark.parametrize("path", ["relative.pem", "/a b", "/a;b", "/a'b", '/a"b', "/a#b", "/a$b", ""])
def test_a_path_that_could_break_the_configuration_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=r"tls\.(certificate|key)"):
        secured(certificate=path)
    with pytest.raises(UsageError, match=r"tls\.(certificate|key)"):
        secured(key=path)


def test_every_port_is_looked_at() -> None:
    made, switch = secured()
    assert balancer.ports(made, switch) == [80, 443]
    assert balancer.check(made, switch, "check-nginx").endswith(' check-nginx "$candidate" "$path" 80 443')


WANTED = Files("/c", "/k")


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (Pair(2, 1, True), None),
        (Pair(2, 1, None), None),
        (Pair(), "tls.certificate: there is no file /c"),
        (Pair(1), "tls.key: there is no file /k"),
        (Pair(0, 1), "tls.certificate: /c contains no certificate (PEM)"),
        (Pair(1, 0), "tls.key: /k contains no private key (PEM)"),
        (Pair(1, 1, False), "tls.key: /k is not the key of /c, or has a passphrase"),
    ],
)
def test_a_missing_file_is_named(found: Pair, wrong: str | None) -> None:
    assert tls.problem(WANTED, found) == wrong


def looked(certificate: Path, key: Path, **environment: str) -> Pair:
    command = KeyPair().command(str(certificate), str(key)).get_raw_value()
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=True, env=environment or None
    )
    return KeyPair().process(done.stdout.splitlines())


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """ec.crt with ec.key, rsa.crt with rsa.key and both.pem; sealed.key has a passphrase."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)

    for name, kind in [("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("rsa", ["rsa:2048"])]:
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
        openssl("req", "-x509", "-nodes", "-subj", "/CN=shop.test", "-newkey", *kind, *files)
    openssl("rsa", "-in", "rsa.key", "-aes128", "-passout", "pass:secret", "-out", "sealed.key")
    (tmp_path / "both.pem").write_text((tmp_path / "ec.crt").read_text() * 2 + (tmp_path / "ec.key").read_text())
    (tmp_path / "link").symlink_to("ec.crt")
    (tmp_path / "empty").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("certificate", "key", "found"),
    [
        ("ec.crt", "ec.key", Pair(1, 1, True)),
        ("rsa.crt", "rsa.key", Pair(1, 1, True)),
        ("both.pem", "both.pem", Pair(2, 1, True)),
        ("link", "ec.key", Pair(1, 1, True)),
        ("ec.crt", "rsa.key", Pair(1, 1, False)),
        ("rsa.crt", "sealed.key", Pair(1, 1, False)),
        ("ec.crt", "ec.crt", Pair(1, 0, False)),
        ("ec.crt", "missing", Pair(1, None, None)),
        ("missing", "ec.key", Pair(None, 1, None)),
        ("empty", "empty", Pair(0, 0, None)),
        (".", ".", Pair()),
    ],
)
def test_certificate_and_key_are_looked_at(pairs: Path, certificate: str, key: str, found: Pair) -> None:
    assert looked(pairs / certificate, pairs / key) == found


def test_without_openssl_key_and_certificate_are_not_compared(pairs: Path) -> None:
    (pairs / "bin").mkdir()
    for tool in ("grep", "sh", "timeout"):
        (pairs / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    assert looked(pairs / "ec.crt", pairs / "rsa.key", PATH=str(pairs / "bin")) == Pair(1, 1, None)
