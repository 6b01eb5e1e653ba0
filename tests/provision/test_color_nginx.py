"""The scripts around a color's nginx, run for real with stand-ins for systemctl, ss, journalctl and nginx."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.provision import operations, render
from orchestrator.provision.facts import Unconfigured

ID, OTHER = "20260101T120000Z-5d0f0c1", "20260102T120000Z-aaaaaaa"
UNIT, TARGET, PORT = "shop-blue-nginx.service", "shop-blue.target", 8081

# $HOST/active: the unit runs; $HOST/listening: the port is in use; $HOST/broken: a start or reload fails
SYSTEMCTL = """\
#!/bin/sh
echo "$*" >>"$HOST/calls"
case $1 in
is-active) [ -e "$HOST/active" ] ;;
start | restart | reload) [ ! -e "$HOST/broken" ] || exit 1; [ "$1" != reload ] || touch "$HOST/listening" ;;
esac
"""
SS = '#!/bin/sh\n[ "$*" = "-Hltn sport = :8081" ] || exit 64\n[ ! -e "$HOST/listening" ] || echo LISTEN\n'
JOURNALCTL = '#!/bin/sh\necho "last lines of $2"\n'
# $HOST/old: nginx has no option -e
NGINX = """\
#!/bin/sh
case $1 in
-v) echo 'nginx version: nginx/1.18.0' >&2; exit ;;
-h) [ -e "$HOST/old" ] || echo '  -e filename     : set error log file'; exit ;;
esac
conf=$(printf '%s\\n' "$@" | sed -n '/^-c$/{n;p;}')
echo "$*"
word=$(sed -n '/broken/{s/[ ;].*//;p;q;}' "$conf")
place=conf own=${conf%/*}/own.conf
[ -n "$word" ] || { [ ! -e "$own" ] || word=$(sed -n '/broken/{s/[ ;].*//;p;q;}' "$own"); place=$own; }
[ -n "$word" ] || exit 0
echo "2026/01/01 12:00:00 [emerg] 12#12: unknown directive \\"$word\\" in $place:1" >&2
exit 1
"""


class Host:
    """A node with the scripts of one application, and with stand-ins."""

    def __init__(self, path: Path) -> None:
        self.path, self.run, self.only = path, path / "run/shop", path / "run/shop-blue-nginx.socket-only"
        self.root = path / "srv/shop"
        for directory in ("bin", "etc/shop/blue", "units", "run", "srv/shop/releases", "srv/shop/blue"):
            (path / directory).mkdir(parents=True)
        for name, text in {"systemctl": SYSTEMCTL, "ss": SS, "journalctl": JOURNALCTL, "nginx": NGINX}.items():
            self._write(path / "bin" / name, text)
        self.read = [path / "etc/shop/servers.nginx", path / "etc/shop/blue/nginx.conf", path / "units" / UNIT]
        for file in self.read:
            file.write_text("ok\n")
        raw = {
            "app": "shop",
            "source": {"origin": "git@origin:shop.git"},
            "switches": [{"kind": "node", "urls": ["http://127.0.0.1:8080"]}],
            "marker": {"answers": "all"},
        }
        places = {
            "/run/orchestrator": path / "run",
            "/etc/orchestrator": path / "etc",
            "/etc/systemd/system": path / "units",
            "/srv/shop": self.root,
            "/usr/sbin/nginx": path / "bin/nginx",
        }
        for name, text in render.nginx_scripts(load(raw)).items():
            for old, new in places.items():
                text = text.replace(old, str(new))
            self._write(path / name, text)

    def script(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self._do(["sh", str(self.path / name), *words])

    def up(self, verb: str = "start") -> subprocess.CompletedProcess[str]:
        (command,) = operations.color_up._inner(
            target=TARGET, verb=verb, nginx=UNIT, port=PORT, only=str(self.only), said="shop-blue-fpm.service"
        )
        return self._do(["sh", "-c", command.get_raw_value()])

    def listens(self) -> subprocess.CompletedProcess[str]:
        stamp = str(self.path / "run/shop-blue-nginx.loaded")
        (command,) = operations.color_listens._inner(only=str(self.only), nginx=UNIT, stamp=stamp, port=PORT)
        return self._do(["sh", "-c", command.get_raw_value()])

    def is_(self, *states: str) -> Host:
        for state in states:
            (self.path / state).touch()
        return self

    def calls(self) -> list[str]:
        path = self.path / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def release(self, release: str, conf: str | None = "ok\n") -> Path:
        """Make a release, with its configuration if there is one."""
        made = self.root / "releases" / release
        made.mkdir()
        if conf is not None:
            (made / ".release/stack").mkdir(parents=True)
            for color in ("blue", "green"):
                (made / f".release/stack/nginx-{color}.conf").write_text(conf)
        return made

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def _do(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": f"{self.path}/bin:{os.environ['PATH']}", "HOST": str(self.path)}
        return subprocess.run(words, capture_output=True, text=True, env={**os.environ, **variables}, timeout=60)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize(
    ("states", "marked"),
    [
        ((), False),
        (("active",), False),
        # the port is the running color's own
        (("active", "listening"), False),
        # nginx of the node has the port, from an earlier version
        (("listening",), True),
    ],
)
def test_a_color_leaves_a_port_to_the_nginx_that_has_it(host: Host, states: tuple[str, ...], marked: bool) -> None:
    assert host.is_(*states).up().returncode == 0
    assert host.only.exists() is marked
    assert host.calls()[-2:] == [f"enable --quiet {TARGET}", f"start {TARGET}"]


def test_a_color_that_does_not_start_shows_its_last_lines(host: Host) -> None:
    said = host.is_("broken").up("restart")
    assert said.returncode == 1
    assert said.stderr == "last lines of shop-blue-fpm.service\n"
    assert host.calls()[-1] == f"restart {TARGET}"


def test_a_color_that_has_loaded_everything_is_not_reloaded(host: Host) -> None:
    assert host.script("listen", "blue", str(PORT)).returncode == 0
    assert host.is_("listening").listens().returncode == 0
    assert host.calls() == []


@pytest.mark.parametrize("index", range(3))
def test_a_color_loads_a_file_that_has_changed(host: Host, index: int) -> None:
    host.script("listen", "blue", str(PORT))
    host.read[index].write_text("new\n")
    assert host.is_("listening").listens().returncode == 0
    assert host.calls() == [f"reload {UNIT}"]


def test_a_color_that_has_loaded_nothing_is_reloaded(host: Host) -> None:
    assert host.listens().returncode == 0
    assert host.calls() == [f"reload {UNIT}"]


def test_a_color_takes_its_port_when_the_mark_is_gone(host: Host) -> None:
    host.script("listen", "blue", str(PORT))
    host.only.touch()
    assert host.listens().returncode == 0
    assert host.calls() == [f"reload {UNIT}"]
    assert not host.only.exists()


def test_a_reload_that_fails_fails(host: Host) -> None:
    assert host.is_("broken", "listening").listens().returncode == 1


def test_listen_writes_the_port_and_what_is_read(host: Host) -> None:
    assert host.script("listen", "blue", str(PORT)).returncode == 0
    listen = host.path / "run/shop-blue-nginx.listen"
    assert listen.read_text() == "listen 8081 backlog=4096;\n"
    loaded = host.path / "run/shop-blue-nginx.loaded"
    assert [line.split()[1] for line in loaded.read_text().splitlines()] == [str(path) for path in host.read]
    assert {oct(path.stat().st_mode & 0o777) for path in (listen, loaded)} == {"0o644"}
    # with the mark, nginx has no port, and provisioning sees that a reload is needed
    host.only.touch()
    assert host.script("listen", "blue", str(PORT)).returncode == 0
    assert not listen.exists()
    assert not loaded.exists()


def test_nginx_takes_the_configuration_of_the_color_s_release(host: Host) -> None:
    assert f"-c {host.path}/etc/shop/blue/nginx.conf " in host.script("nginx", "blue", str(PORT)).stdout
    host.release(ID)
    (host.root / "blue/release").symlink_to(f"../releases/{ID}")
    said = host.script("nginx", "blue", str(PORT)).stdout
    assert f"-c {host.root}/blue/release/.release/stack/nginx-blue.conf " in said
    assert f"-g pid {host.path}/run/shop-blue-nginx/pid;" in said


@pytest.mark.parametrize("exists", [True, False])
def test_nginx_does_not_start_for_a_release_without_files(host: Host, exists: bool) -> None:
    if exists:
        host.release(ID, conf=None)
    (host.root / "blue/release").symlink_to(f"../releases/{ID}")
    said = host.script("nginx", "blue", str(PORT))
    assert (said.returncode, said.stdout) == (1, "")
    assert "blue's release has no configuration of nginx" in said.stderr
    assert "run deploys/provision.py" in said.stderr


def test_a_release_s_configuration_is_checked_for_both_colors(host: Host) -> None:
    made = host.release(ID)
    assert host.script("check-stack", ID).returncode == 0
    for color in ("blue", "green"):
        conf = made / f".release/stack/nginx-{color}.conf"
        conf.write_text("broken\n")
        said = host.script("check-stack", ID)
        assert said.returncode == 1
        assert said.stderr == 'unknown directive "broken" in conf:1 (this server has nginx 1.18.0)\n'
        conf.write_text("ok\n")


def test_a_problem_in_the_included_file_names_the_setting(host: Host) -> None:
    made = host.release(ID)
    (made / ".release/stack/own.conf").write_text("broken\n")
    said = host.script("check-stack", ID)
    assert said.returncode == 1
    where = "in line 1 of the file that web.include names"
    assert said.stderr == f'unknown directive "broken" {where} (this server has nginx 1.18.0)\n'


@pytest.mark.parametrize(
    ("directive", "since"),
    [
        ("http2", "1.25.1"),
        ("http3_hq", "1.25.0"),
        ("keepalive_time", "1.19.10"),
        ("proxy_ssl_conf_command", "1.19.4"),
        ("proxy_cookie_flags", "1.19.3"),
    ],
)
def test_a_directive_of_a_later_nginx_is_named_with_its_version(host: Host, directive: str, since: str) -> None:
    (host.release(ID) / ".release/stack/nginx-blue.conf").write_text(f"{directive} broken\n")
    said = host.script("check-stack", ID).stderr
    assert said.endswith(f"in conf:1 (this server has nginx 1.18.0; this directive needs nginx {since})\n")


def test_only_an_nginx_that_knows_the_option_gets_it(host: Host) -> None:
    assert "-e stderr -c " in host.script("nginx", "blue", str(PORT)).stdout
    (host.path / "old").touch()
    assert host.script("nginx", "blue", str(PORT)).stdout.startswith("-c ")


@pytest.mark.parametrize("release", ["", ".", "../../etc", "x", f"{ID}/..", f"{ID} x"])
def test_only_a_release_is_checked(host: Host, release: str) -> None:
    said = host.script("check-stack", release)
    assert (said.returncode, said.stderr) == (64, f"check-stack: not a release: {release}\n")


def test_only_releases_of_an_earlier_version_get_files_later(host: Host) -> None:
    host.release(ID)
    host.release(OTHER, conf=None)
    (host.root / "releases/lost+found").mkdir()
    (host.root / "releases/20260103T120000Z-bbbbbbb").write_text("")
    (host.root / "releases/20260104T120000Z-ccccccc").symlink_to(OTHER)
    command = Unconfigured().command(root=str(host.root), file="nginx-blue.conf").get_raw_value()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert Unconfigured().process(done.stdout.splitlines()) == [OTHER]


def test_earlier_releases_get_files_as_their_owner() -> None:
    about = {"root": "/srv/shop", "packed": "x", "include": "", "user": "deploy"}
    commands = list(operations.configured._inner(releases=[ID, OTHER], **about))
    for command, release in zip(commands, (ID, OTHER), strict=True):
        assert command.get_raw_value().startswith("runuser -u deploy -- sh -c ")
        assert command.get_raw_value().endswith(f"orchestrator /srv/shop {release} '' '' '' ''")
        assert command.connector_arguments["_stdin"] == "x"


@pytest.mark.parametrize(("text", "status"), [("map_hash_max_size 64;\n", 0), ("broken;\n", 1)])
def test_the_servers_file_is_tested_on_its_own(host: Host, tmp_path: Path, text: str, status: int) -> None:
    script = (render.TEMPLATES / "check-servers").read_text().replace("/usr/sbin/nginx", str(tmp_path / "bin/nginx"))
    # the stand-in reads the file that the configuration includes
    including = NGINX.replace('p;q;}\' "$conf"', "p;q;}' $(sed 's/.*include //; s/;.*//' \"$conf\")")
    (tmp_path / "bin/nginx").write_text(including)
    candidate = tmp_path / "candidate"
    candidate.write_text(text)
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, env={**os.environ, "candidate": str(candidate)}
    )
    assert done.returncode == status
    conf = done.stdout.split(" -c ")[1].split()[0]
    assert not Path(conf).exists()
