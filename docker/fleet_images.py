"""Build the docker images of a fleet.

The base image is a release of Debian, Debian 12 unless a fleet is asked for others. The base image is pulled from a
registry or made by debootstrap. The node image is built on the base image. Some fleets need two further images, which
are built on the node image of Debian 12: a node with frameworks, and a node with the database server.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fleet_root
from fleet_tools import Trouble, ensure_package, run, say


@dataclass(frozen=True)
class Suite:
    """A release of Debian.

    + number: its number
    + php: the version of PHP in this release of Debian
    + more: further packages of its node image
    """

    number: int
    php: str
    more: tuple[str, ...] = ()

    @property
    def pulled(self) -> str:
        """The name of the base image in a registry."""
        return f"debian:{self.number}-slim"


SUITE = "bookworm"
"""The suite of a fleet for which no other suites are asked."""
FRAMEWORKS = (*(f"php8.2-{part}" for part in ("bcmath", "gd", "intl", "mysql", "pgsql", "zip")), "composer", "unzip")
"""Packages that the applications with frameworks need."""
SUITES = {"bullseye": Suite(11, "7.4"), SUITE: Suite(12, "8.2", FRAMEWORKS), "trixie": Suite(13, "8.4")}
OURS = "orchestrator-fleet"
RECIPES = Path(__file__).parent
ARCHIVE_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def node_image(suite: str = SUITE) -> str:
    """Build the node image of a suite if the image is missing. Return the name of the image."""
    name = _name("node", f"{_base_name(suite)} {SUITES[suite]}", suite)
    if not _exists(name):
        with _alone():
            if not _exists(name):
                _build(name, "node", _base_image(suite), suite)
    return name


def packages_image() -> str:
    """Build the node image with PHP frameworks and WordPress if it is missing. Return the name of the image."""
    return _on_node("packages")


def mariadb_image() -> str:
    """Build the node image with MariaDB if it is missing. Return the name of the image."""
    return _on_node("mariadb")


def postgres_image() -> str:
    """Build the node image with PostgreSQL if it is missing. Return the name of the image."""
    return _on_node("postgres")


def copy_files(image: str) -> None:
    """Copy the files of an image to this machine, if the servers of a fleet need the copy and it is missing."""
    with _alone():
        fleet_root.copy(image)


def remove_images() -> None:
    """Remove the images of this script that no container uses."""
    names = run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    for kind in ("packages", "mariadb", "postgres", "node", "base"):
        for name in (n for n in names if n.startswith(f"{OURS}-{kind}:")):
            run("docker", "image", "rm", name, check=False)
            if not _exists(name):
                fleet_root.remove(name)


def _on_node(kind: str) -> str:
    base = node_image()
    name = _name(kind, base)
    if not _exists(name):
        with _alone():
            if not _exists(name):
                _build(name, kind, base)
    return name


def _name(kind: str, base: str, suite: str = SUITE) -> str:
    """Return the name of an image. The tag has a hash of the files that the image is built from, and of its base.

    + kind: name of the folder with these files
    + base: what names the base image
    """
    digest = hashlib.sha256(base.encode())
    for file in sorted((RECIPES / kind).iterdir()):
        digest.update(f"{file.name}\0{file.stat().st_mode & 0o111:o}\0".encode() + file.read_bytes() + b"\0")
    return f"{OURS}-{kind}:{suite}-{digest.hexdigest()[:12]}"


def _base_name(suite: str) -> str:
    return f"{OURS}-base:{suite}"


def _exists(image: str) -> bool:
    return bool(run("docker", "image", "ls", "-q", image))


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock while the ``with`` block runs, so that this user builds only one image at a time."""
    # the lock is not in TMPDIR, because TMPDIR may differ between two commands
    with Path(f"/tmp/orchestrator-fleet-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(name: str, kind: str, base: str, suite: str = SUITE) -> None:
    say(f"building the {kind} image of Debian {SUITES[suite].number} (about a minute, once)")
    with tempfile.TemporaryDirectory(prefix="orchestrator-fleet-") as context:
        shutil.copytree(RECIPES / kind, context, dirs_exist_ok=True)
        _write_apt(Path(context) / "apt", suite)
        arguments = {
            "BASE": base,
            "PHP": SUITES[suite].php,
            "PHP_NAME": SUITES[SUITE].php,
            "MORE": " ".join(SUITES[suite].more),
        }
        # with the network of this machine, the build reaches the same mirrors and proxies as this machine
        run(
            *("docker", "build", "--network", "host"),
            *(word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")),
            *("-t", name, context),
            timeout=1200,
        )


# --- the base image ---


def _base_image(suite: str) -> str:
    name, pulled = _base_name(suite), SUITES[suite].pulled
    if _exists(name):
        return name
    had = _exists(pulled)
    if had or _pulled(pulled):
        run("docker", "image", "tag", pulled, name)
        if not had:
            run("docker", "image", "rm", pulled, check=False)  # removes only this name: the image keeps its other name
        return name
    mirror = next((s for s in _sources(suite) if suite in s.suites), None)
    if mirror is None:
        raise Trouble(f"{pulled} cannot be pulled, and this machine has no Debian apt source to make it from")
    if os.getuid() != 0:
        raise Trouble(f"{pulled} cannot be pulled, and debootstrap needs root: docker pull {pulled}, or run as root")
    ensure_package("debootstrap", "debootstrap")
    _debootstrap(name, suite, mirror)
    return name


def _pulled(image: str) -> bool:
    try:
        run("docker", "pull", "-q", image, timeout=20)
    except (Trouble, subprocess.TimeoutExpired):
        return False
    return True


def _debootstrap(name: str, suite: str, mirror: Source) -> None:
    say("no image registry answers: making the base image from this machine's apt sources (half a minute, once)")
    keyring = mirror.keyring if mirror.keyring and mirror.keyring.suffix == ".gpg" else ARCHIVE_KEYS
    with tempfile.TemporaryDirectory(prefix="orchestrator-fleet-") as scratch:
        root = Path(scratch) / "root"
        run(
            *("debootstrap", "--variant=minbase", "--include=ca-certificates", f"--keyring={keyring}"),
            *(suite, str(root), mirror.uri),
            timeout=900,
            env={**os.environ, **_proxies()},
        )
        for archive in (root / "var/cache/apt/archives").glob("*.deb"):
            archive.unlink()
        (root / "etc/resolv.conf").unlink(missing_ok=True)
        tar = subprocess.Popen(["tar", "-C", str(root), "--numeric-owner", "-c", "."], stdout=subprocess.PIPE)
        try:
            done = subprocess.run(
                ["docker", "import", "-", name],
                stdin=tar.stdout,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        finally:
            if tar.stdout:
                tar.stdout.close()
            tar.wait()
        if done.returncode or tar.returncode:
            raise Trouble(f"docker import failed: {done.stderr.strip()}")


# --- the apt sources of this machine ---


@dataclass(frozen=True)
class Source:
    uri: str
    suites: tuple[str, ...]
    keyring: Path | None = None
    inline_key: str | None = field(default=None, repr=False)


def _sources(wanted_suite: str) -> list[Source]:
    """Return the Debian apt sources of this machine, for a suite.

    If this machine runs another release of Debian, the name of this release is replaced by the suite.
    """
    apt = Path("/etc/apt")
    found: list[Source] = []
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    for file in (f for f in lists if f.is_file()):
        found += _parse_list(file.read_text())
    for file in sorted((apt / "sources.list.d").glob("*.sources")):
        found += _parse_deb822(file.read_text())
    own = _codename()
    wanted = []
    for source in found:
        suites = tuple(re.sub(rf"^{own}(?=$|-)", wanted_suite, suite) if own else suite for suite in source.suites)
        suites = tuple(s for s in suites if s in (wanted_suite, f"{wanted_suite}-updates", f"{wanted_suite}-security"))
        if suites and re.match(r"https?://", source.uri):
            wanted.append(Source(source.uri, suites, source.keyring, source.inline_key))
    return wanted


def _codename() -> str | None:
    try:
        release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    except OSError:
        return None
    return release.get("VERSION_CODENAME", "").strip('"') or None if release.get("ID") == "debian" else None


def _parse_list(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(?:.*\s)?main(?:\s|$)", line.strip())
        if match:
            signed = re.search(r"signed-by=(\S+)", match[1] or "", re.IGNORECASE)
            yield Source(match[2], (match[3],), Path(signed[1]) if signed else None)


def _parse_deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and key:
                fields[key] += "\n" + line
            elif ":" in line:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        if (
            "deb" not in fields.get("types", "").split()
            or fields.get("enabled", "yes").lower() == "no"
            or "main" not in fields.get("components", "").split()
        ):
            continue
        signed = fields.get("signed-by", "").strip()
        for uri in fields.get("uris", "").split():
            yield Source(
                uri,
                tuple(fields.get("suites", "").split()),
                Path(signed) if signed.startswith("/") else None,
                signed if "BEGIN PGP" in signed else None,
            )


def _write_apt(folder: Path, suite: str) -> None:
    """Write the files for /etc/apt of an image.

    If this machine has no suitable apt sources, write none: the image then keeps the apt sources of its base image.
    """
    (folder / "sources.list.d").mkdir(parents=True)
    sources = _sources(suite)
    if not sources:
        return
    (folder / "keyrings").mkdir()
    (folder / "apt.conf.d").mkdir()
    stanzas = []
    for source in sources:
        stanza = f"Types: deb\nURIs: {source.uri}\nSuites: {' '.join(source.suites)}\nComponents: main\n"
        if source.keyring and source.keyring.is_file():
            shutil.copy(source.keyring, folder / "keyrings" / source.keyring.name)
            stanza += f"Signed-By: /etc/apt/keyrings/{source.keyring.name}\n"
        elif source.inline_key:
            stanza += f"Signed-By:\n {source.inline_key}\n"
        stanzas.append(stanza)
    (folder / "sources.list.d/fleet.sources").write_text("\n".join(stanzas))
    conf = [line for line in _apt_config() if re.match(r"Acquire::(https?::|Check-|Retries|ForceIPv)", line)]
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if any(source.uri.startswith("https:") for source in sources) and bundle.is_file():
        shutil.copy(bundle, folder / "fleet-ca.crt")
        conf = [line for line in conf if not re.match(r"Acquire::https::CAInfo\b", line, re.IGNORECASE)]
        conf.append('Acquire::https::CAInfo "/etc/apt/fleet-ca.crt";')
    (folder / "apt.conf.d/90fleet").write_text("".join(f"{line}\n" for line in conf))


def _apt_config() -> list[str]:
    try:
        return run("apt-config", "dump").splitlines()
    except (Trouble, OSError):
        return []


def _proxies() -> dict[str, str]:
    found = (re.match(r'Acquire::(https?)::Proxy "(.+)";', line) for line in _apt_config())
    return {f"{match[1]}_proxy": match[2] for match in found if match}
