"""Where a release comes from, on ``@fake`` hosts: real git, the same bytes on every node, or no traffic moves."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from pyinfra.api.host import Host
from pyinfra.connectors.fake import FakeConnector
from typing_extensions import override

from orchestrator import verbs
from orchestrator.aws.api import Account
from orchestrator.config import load
from orchestrator.config.source import shown
from orchestrator.errors import OrchestratorError, Refused, UsageError
from orchestrator.journal import session
from orchestrator.journal.session import Session
from orchestrator.options import Options
from orchestrator.plan.steps import Step
from orchestrator.run.executor import Executor
from orchestrator.run.walk import Result
from orchestrator.source import bundle, push
from orchestrator.source.delivery import Delivery
from orchestrator.stages.fetch import Fetch
from tests.aws.conftest import KEYS_IN_ENVIRONMENT
from tests.fakes.git import git, serving_git
from tests.fakes.site import Site, serving
from tests.fakes.world import World

pytestmark = pytest.mark.exhaustive

PROBLEM = push.problem


def release(world: World, ref: str | None = "v1", **changes: Any) -> int:
    return verbs.release(world.fleet(load({**world.settings, **changes})), Options(ref=ref))


def files(release: Path) -> dict[str, str]:
    """Every file with its kind and content, read without the product's code."""
    found = {}
    for path in sorted(release.rglob("*")):
        name = str(path.relative_to(release))
        if name.split("/")[0] in (".git", ".release"):
            continue
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path).rpartition('/srv/')[2]}"
        elif path.is_file():
            mode = path.stat().st_mode & 0o100
            found[name] = f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            found[name] = "directory"
    return found


def live(world: World, node: str = "node1") -> Path:
    return (world.root(node) / "live/release").resolve()


def same_everywhere(world: World) -> dict[str, str]:
    trees = [files(live(world, node)) for node in world.nodes]
    assert trees[0] == trees[1] == trees[2]
    return trees[0]


def before(action: str, place: str, change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make something happen right before an action at one place."""
    one = Executor._one

    def changed(this: Executor, step: Step, undoing: bool) -> Result:
        if (step.action.name, step.place.name, undoing) == (action, place, False):
            change(step)
        return one(this, step, undoing)

    monkeypatch.setattr(Executor, "_one", changed)


def refused(world: World, was: dict[str, Any], error: pytest.CaptureFixture[str], line: str) -> None:
    """Assert that a release is refused with this reason, changes nothing and leaves nothing behind."""
    assert line in error.readouterr().err
    assert world.snapshot() == was
    for node in world.nodes:
        known = {path.name for path in (world.root(node) / "repo.git/worktrees").glob("*")}
        assert known <= set(world.releases(node))


# git


def test_all_nodes_get_the_same_files(world: World) -> None:
    assert release(world) == 0
    assert "public/index.php" in same_everywhere(world)
    trees = {(live(world, node) / ".release/tree").read_text() for node in world.nodes}
    assert len(trees) == 1


@pytest.mark.parametrize("batches", [[], [1, "100%"]])
def test_a_node_with_other_files_is_named_and_no_traffic_moves(
    released: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], batches: list[int | str]
) -> None:
    was = released.snapshot()
    origin = released.path / "tampered"
    origin.write_text("<?php evil();\n")

    def tamper(step: Step) -> None:
        assert isinstance(step.action, Fetch)
        # for git the commit is still the same: only the files differ
        repository = released.root("node3") / "repo.git"
        blob = git(released.origin, "rev-parse", f"{step.action.revision}:public/index.php").strip()
        git(repository, "replace", "-f", blob, git(repository, "hash-object", "-w", str(origin)).strip())

    before("fetch", "node3", tamper, monkeypatch)
    assert release(released, batches=batches) == 1
    refused(released, was, capsys, "node3: has other files (tree ")


def test_a_tag_that_moves_meanwhile_moves_no_node(released: World, monkeypatch: pytest.MonkeyPatch) -> None:
    meant = git(released.origin, "rev-parse", "v1").strip()
    before("fetch", "node2", lambda step: git(released.origin, "tag", "-f", "v1", "v2"), monkeypatch)
    assert release(released) == 0
    assert {git(live(released, node), "rev-parse", "HEAD").strip() for node in released.nodes} == {meant}
    same_everywhere(released)


def test_git_sees_no_change_and_writes_nothing_through_a_link(world: World) -> None:
    (world.origin / "storage/cache.txt").write_text("of v3\n")
    (world.origin / "public/index.php").write_text("<?php echo 'v3';\n")
    git(world.origin, "add", "-A", "-f")
    git(world.origin, "commit", "-q", "-m", "v3")
    assert release(world, shared={"directories": ["storage"]}) == 0
    here, shared = live(world), world.root("node1") / "shared/storage"
    (shared / "cache.txt").write_text("of the users\n")
    assert (here / "storage").is_symlink()
    assert git(here, "status", "--porcelain") == ""
    git(here, "pull", "-q", "origin", "main")
    assert (here / "public/index.php").read_text() == "<?php echo 'v3';\n"
    assert git(here, "status", "--porcelain") == ""
    git(here, "fetch", "-q")
    git(here, "checkout", "-q", "--detach", "origin/main~1")
    assert (here / "public/index.php").read_text() == "<?php echo 'v2';\n"
    assert git(here, "status", "--porcelain") == ""
    assert (here / "storage").is_symlink()
    assert (shared / "cache.txt").read_text() == "of the users\n"
    assert [path.name for path in shared.iterdir()] == ["cache.txt"]


def test_paths_are_left_out(world: World) -> None:
    source = {**world.settings["source"], "leave_out": ["public/odd [name]!"]}
    (world.origin / "public/odd [name]!").write_text("x")
    (world.origin / "public/odd n!").write_text("x")
    git(world.origin, "add", "-A", "-f")
    git(world.origin, "commit", "-q", "-m", "odd")
    assert release(world, "main", source=source) == 0
    assert set(same_everywhere(world)) == {"public", "public/index.php", "public/odd n!", "storage"}
    (live(world) / "public/odd [name]!").write_text("built here")
    assert git(live(world), "status", "--porcelain") == ""


def test_only_the_one_commit_is_fetched_and_only_once(world: World) -> None:
    repository = world.root("node1") / "repo.git"
    assert release(world, "v2") == 0
    assert git(repository, "rev-list", "--all", "--count").strip() == "1"
    # a commit that the node has is not fetched: this origin no longer has anything
    revision = git(world.origin, "rev-parse", "v2").strip()
    world.origin.rename(world.path / "gone")
    world.origin.mkdir()
    git(world.origin, "init", "-q")
    time.sleep(1.1 - time.time() % 1)  # the id contains the second, so it differs
    assert release(world, revision) == 0


@pytest.mark.slow
def test_a_server_that_gives_no_single_commits_gives_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # like an old server: protocol 0, and only commits that a branch or tag names
    setting = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": "0"}
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    (world.origin / "public/index.php").write_text("<?php echo 'between';\n")
    git(world.origin, "commit", "-q", "-a", "-m", "between")
    between = git(world.origin, "rev-parse", "HEAD").strip()
    (world.origin / "public/index.php").write_text("<?php echo 'v4';\n")
    git(world.origin, "commit", "-q", "-a", "-m", "v4")
    assert release(world, "main") == 0
    assert release(world, between) == 0
    assert (live(world) / "public/index.php").read_text() == "<?php echo 'between';\n"
    same_everywhere(world)


@pytest.mark.slow
def test_a_lock_of_a_git_that_was_killed_is_in_nobodys_way(released: World) -> None:
    git(released.origin, "commit", "-q", "--allow-empty", "-m", "new")
    for name in ("shallow.lock", "config.lock", "refs/fetched.lock"):
        (released.root("node1") / "repo.git" / name).touch()
    assert release(released, "main") == 0


@pytest.mark.slow
def test_a_pruned_release_takes_its_git_worktree_with_it(released: World) -> None:
    def worktrees(node: str) -> list[str]:
        return sorted(path.name for path in (released.root(node) / "repo.git/worktrees").iterdir())

    for ref in ("v1", "v2", "v1"):
        assert release(released, ref) == 0
    for node in released.nodes:
        assert worktrees(node) == released.releases(node)
        assert len(worktrees(node)) == 3
    assert release(released, "v2", hooks=[{"after": "share", "run": "[ $HOST_NAME != node2 ]"}]) == 1
    for node in released.nodes:
        assert worktrees(node) == released.releases(node)


class Guarded(Site):
    """Serves a directory to a user with a password."""

    @override
    def do_GET(self) -> None:
        if self.headers.get("Authorization") == "Basic " + base64.b64encode(LOGIN.encode()).decode():
            return super().do_GET()
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="site"')
        self.end_headers()


LOGIN = "user:h1dden-word"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """URL of a directory."""
    with serving(tmp_path / "served", Guarded) as place:
        yield f"http://{LOGIN}@{place}"


@pytest.mark.slow
def test_an_origin_with_a_password(
    world: World, served: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """This server does not support shallow fetches either."""
    git(world.origin, "clone", "-q", "--bare", str(world.origin), str(tmp_path / "served/shop.git"))
    git(tmp_path / "served/shop.git", "update-server-info")
    source = {"origin": f"{served}/shop.git"}
    settings = load({**world.settings, "source": source})
    verbs.show_plan(world.fleet(settings), "release", Options(ref="v1"), verbose=True, as_json=True)
    assert release(world, "v1", source=source) == 0
    same_everywhere(world)
    told = [capfd.readouterr(), [line for _, line in world.commands]]
    told += [path.read_text() for path in (world.path / "haproxy/var").rglob("*") if path.is_file()]
    told += [(world.root("node1") / "repo.git/config").read_text()]
    assert "shop.git" in str(told)
    assert "h1dden" not in str(told)
    wrong = {"origin": f"{served.replace('h1dden', 'wrong')}/shop.git"}
    with pytest.raises(Refused, match=r"the origin does not answer: .*Authentication failed"):
        release(world, "v1", source=wrong)


def test_submodules_are_a_risk_until_they_are_fetched(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "served/lib").mkdir(parents=True)
    with serving_git(tmp_path / "served") as url:
        lib = tmp_path / "served/lib"
        git(lib, "init", "-q")
        (lib / "lib.php").write_text("<?php // lib\n")
        git(lib, "add", "lib.php")
        git(lib, "commit", "-q", "-m", "lib")
        (world.origin / ".gitmodules").write_text(f'[submodule "lib"]\n\tpath = lib\n\turl = {url}/lib\n')
        (world.origin / ".gitattributes").write_text("*.film filter=lfs\n")
        git(world.origin, "add", ".gitmodules", ".gitattributes")
        revision = git(lib, "rev-parse", "HEAD").strip()
        git(world.origin, "update-index", "--add", "--cacheinfo", f"160000,{revision},lib")
        git(world.origin, "commit", "-q", "-m", "with a submodule")
        line = "the version has submodules (lib), whose directories stay empty, because the setting "
        line += "source.submodules is off"
        for _ in range(2):
            # before and after a node has fetched the version
            verbs.show_plan(world.fleet(), "release", Options(ref="main"), verbose=False, as_json=False)
            said = capsys.readouterr().err
            assert f"    risk: {line}\n" in said
            assert "    risk: the version has files in Git LFS, of which the release may get only the pointers" in said
            assert release(world, "main") == 0
            assert f"    warning: node1, node2, node3: {line}\n" in capsys.readouterr().err
            time.sleep(1.1 - time.time() % 1)  # the id contains the second, so it differs
        source = {**world.settings["source"], "submodules": True}
        settings = load({**world.settings, "source": source})
        verbs.show_plan(world.fleet(settings), "release", Options(ref="main"), verbose=False, as_json=False)
        assert line not in capsys.readouterr().err
        assert release(world, "main", source=source) == 0
        assert "lib/lib.php" in same_everywhere(world)


# archives


def packed(world: World, ref: str, path: Path) -> str:
    """A tarball of a version; its sha256."""
    git(world.origin, "archive", "--prefix=shop/", "-o", str(path), ref)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_archive_from_a_url_with_secrets(
    released: World, served: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sha256 = packed(released, "v1", tmp_path / "served/shop-v1.tar.gz")
    url = served + "/shop-{ref}.tar.gz?signature=h1dden-token"
    settings = load({**released.settings, "source": {"kind": "archive", "url": url, "strip": 1}})
    fleet = released.fleet(settings)
    options = Options(ref="v1", sha256=sha256, report=str(tmp_path / "report.json"))
    verbs.show_plan(fleet, "release", options, verbose=True, as_json=True)
    told: list[Any] = [capfd.readouterr()]
    verbs.show_plan(fleet, "release", options, verbose=True, as_json=False)
    told.append(capfd.readouterr())
    assert f"    from archive: {shown(served)}/shop-v1.tar.gz\n" in told[-1].err
    assert verbs.release(fleet, options) == 0
    assert {"public/index.php", "storage"} <= set(same_everywhere(released))
    assert (live(released) / "public/index.php").read_text() == "<?php echo 'v1';\n"
    assert released.live_release("node1").endswith(sha256[:7])  # type: ignore[union-attr]
    told += [capfd.readouterr(), (tmp_path / "report.json").read_text(), [line for _, line in released.commands]]
    told += [path.read_text() for path in (released.path / "haproxy/var").rglob("*") if path.is_file()]
    assert "shop-{ref}.tar.gz" in str(told)
    assert "h1dden" not in str(told)


@pytest.mark.slow
def test_an_archives_link_at_a_shared_path_is_replaced(released: World, tmp_path: Path) -> None:
    shutil.rmtree(released.origin / "storage")
    (released.origin / "storage").symlink_to("public")
    git(released.origin, "add", "-A", "-f")
    git(released.origin, "commit", "-q", "-m", "linked")
    packed(released, "main", tmp_path / "shop.tar.gz")
    assert release(released, None, source={"kind": "archive", "file": str(tmp_path / "shop.tar.gz"), "strip": 1}) == 0
    assert os.readlink(live(released) / "storage") == str(released.root("node1") / "shared/storage")


def test_other_bytes_on_one_node_are_refused(
    released: World,
    served: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    was = released.snapshot()
    archive = tmp_path / "served/shop.tar"
    sha256 = packed(released, "v1", archive)
    answer = released.answer

    def answered(connector: FakeConnector, command: str, stdin: str = "") -> Any:
        theirs = connector.host.name == "node2" and "--config -" in command
        archive.write_bytes(archive.read_bytes() + b"\0") if theirs else packed(released, "v1", archive)
        return answer(connector, command, stdin)

    monkeypatch.setattr(released, "answer", answered)
    source = {"kind": "artifact", "url": f"{served}/shop.tar", "sha256": sha256}
    assert release(released, None, source=source) == 1
    refused(released, was, capsys, "fetch failed on node2: the archive has the SHA-256 ")


def test_an_archive_from_a_file(released: World, tmp_path: Path) -> None:
    sha256 = packed(released, "v1", tmp_path / "shop-v1.tar")
    source = {"kind": "archive", "file": str(tmp_path / "shop-{ref}.tar"), "strip": 1}
    assert release(released, "v1", source=source) == 0
    assert "public/index.php" in same_everywhere(released)
    assert released.live_release("node1").endswith(sha256[:7])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "options", "line"),
    [
        ({"url": "https://a.test/{ref}.tar"}, {}, r"source.url has {ref}: name the version with --data ref="),
        ({"url": "https://a.test/{ref}.tar"}, {"ref": "v1"}, "sha256 of https://a.test/v1.tar is missing"),
        (
            {"url": "https://u:p@a.test/{ref}.tar?x=y", "ref": "v1", "sha256": "a" * 64},
            {"ref": "v2"},
            "sha256 of https://a.test/v2.tar is missing",
        ),
        ({"url": "https://a.test/x.tar", "sha256": "a" * 64}, {"ref": "v2"}, "source.url has no {ref}"),
        ({"file": "/none/x.tar"}, {}, "/none/x.tar cannot be read"),
        ({"file": "FILE", "sha256": "a" * 64}, {}, "FILE has the SHA-256 [0-9a-f]{64}, but a{64} is expected"),
    ],
)
def test_an_archive_without_a_clear_version_is_refused_at_once(
    released: World, tmp_path: Path, source: dict[str, Any], options: dict[str, Any], line: str
) -> None:
    was = released.snapshot()
    file = tmp_path / "shop.tar"
    packed(released, "v1", file)
    named = {key: str(file) if value == "FILE" else value for key, value in source.items()}
    settings = load({**released.settings, "source": {"kind": "archive", **named}})
    with pytest.raises(OrchestratorError, match=line.replace("FILE", str(file))):
        verbs.release(released.fleet(settings), Options(**options))
    assert released.snapshot() == was


def test_an_archive_in_a_bucket(released: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS_IN_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    sha256 = packed(released, "v1", tmp_path / "shop.tar")
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        endpoint = "http://{}:{}".format(*moto.get_host_and_port())
        s3, region = Account(None, None, endpoint).s3(), KEYS_IN_ENVIRONMENT["AWS_DEFAULT_REGION"]
        s3.create_bucket(Bucket="builds", CreateBucketConfiguration={"LocationConstraint": region})
        s3.upload_file(str(tmp_path / "shop.tar"), "builds", "shop/v1.tar")
        source = {"kind": "artifact", "url": "s3://builds/shop/{ref}.tar", "strip": 1, "endpoint_url": endpoint}
        settings = load({**released.settings, "source": source})
        assert verbs.release(released.fleet(settings), Options(ref="v1", sha256=sha256)) == 0
    finally:
        moto.stop()
    assert "public/index.php" in same_everywhere(released)
    assert "Signature" not in str(released.commands)


# files that are sent from the operator's machine


@pytest.fixture
def here(released: World, tmp_path: Path) -> Path:
    """A working tree with files in it that no node should get."""
    made = tmp_path / "work"
    git(released.origin, "clone", "-q", str(released.origin), str(made))
    (made / "console").write_text("#!/bin/sh\n")
    (made / "console").chmod(0o700)
    (made / "secret.key").write_text("only mine\n")
    (made / "storage/upload.txt").write_text("of this machine\n")
    (made / "link").symlink_to("public/index.php")
    git(made, "init", "-q", "public")
    return made


def directory(path: Path) -> dict[str, Any]:
    return {"kind": "directory", "path": str(path), "exclude": ["*.key"]}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of this machine during a run."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


def test_a_directory_is_sent_as_it_is(released: World, here: Path, temporary: Path) -> None:
    assert release(released, None, source=directory(here)) == 0
    sent = same_everywhere(released)
    assert not (live(released) / ".git").exists()
    assert set(sent) == {"console", "link", "public", "public/index.php", "storage"}
    assert sent["console"].startswith("64 ")
    assert (live(released) / "console").stat().st_mode & 0o777 == 0o755
    assert (live(released) / "public/index.php").stat().st_nlink == 1
    assert not list((released.root("node1") / "shared/storage").iterdir())
    # once more, with one change: the other files are copied from the live release, and not shared with it
    (here / "public/index.php").write_text("<?php echo 'v2.1';\n")
    assert release(released, None, source=directory(here)) == 0
    assert (live(released) / "public/index.php").read_text() == "<?php echo 'v2.1';\n"
    assert (live(released) / "console").stat().st_nlink == 1
    same_everywhere(released)
    assert list(temporary.iterdir()) == []


def test_an_incomplete_upload_is_refused(
    released: World, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], temporary: Path
) -> None:
    was = released.snapshot()
    whole = push.push

    def half(host: Host, source: Path, destination: str, like: str | None) -> None:
        whole(host, source, destination, like)
        if host.name == "node3":
            (released.path / "node3" / destination.removeprefix("/") / "public/index.php").write_text("<?php ech")

    monkeypatch.setattr(push, "push", half)
    assert release(released, None, source=directory(here)) == 1
    refused(released, was, capsys, "fetch failed on node3: the release did not arrive whole: its files have the hash ")
    assert list(temporary.iterdir()) == []


def test_a_push_that_breaks_off_leaves_nothing(
    released: World, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    was = released.snapshot()
    whole = push.reach
    # like a full disk or a lost connection: rsync ends with a status and a line
    nowhere = (["--rsync-path=/none"], "/none/none")
    monkeypatch.setattr(push, "reach", lambda host: nowhere if host.name == "node2" else whole(host))
    assert release(released, None, source=directory(here)) == 1
    refused(released, was, capsys, "fetch failed on node2: rsync ended with status ")


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_the_files_of_the_plan_are_the_ones_released(
    released: World, here: Path, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The files are copied once, for the plan; a later change of them does not get into the release."""
    changed, copy = (here / "public/index.php", "snapshot") if kind == "directory" else (tmp_path / "a.tar", "tarball")
    (here / "public/index.php").write_text("<?php planned();\n")
    git(here, "commit", "-q", "-a", "-m", "planned")
    git(here, "archive", "-o", str(tmp_path / "a.tar"), "HEAD")
    copies: list[Any] = []
    make = getattr(bundle, copy)

    def counted(*asked: Any) -> Any:
        copies.append(asked)
        return make(*asked)

    monkeypatch.setattr(bundle, copy, counted)
    source = directory(here) if kind == "directory" else {"kind": "archive", "file": str(changed)}
    fleet = released.fleet(load({**released.settings, "source": source}))
    verbs.show_plan(fleet, "release", Options(), verbose=False, as_json=False)
    changed.write_text("<?php late();\n")
    prepare = Delivery.prepare

    def late(this: Delivery, *asked: Any) -> None:
        changed.write_text("<?php later();\n")
        prepare(this, *asked)

    monkeypatch.setattr(Delivery, "prepare", late)
    assert verbs.release(fleet, Options()) == 0
    same_everywhere(released)
    assert (live(released) / "public/index.php").read_text() == "<?php planned();\n"
    assert len(copies) == 1
    assert list(temporary.iterdir()) == []
    assert fleet.copies == {}


@pytest.mark.parametrize(
    ("why", "options", "line"),
    [
        ("rsync", {}, "rsync is missing on this machine"),
        (None, {"ref": "v1"}, "a directory .* has no versions"),
        (None, {"sha256": "a" * 64}, "sha256= has an effect only on a tarball"),
    ],
)
def test_a_source_that_cannot_be_sent_is_refused_at_first(
    released: World, here: Path, monkeypatch: pytest.MonkeyPatch, why: str | None, options: dict[str, Any], line: str
) -> None:
    was = released.snapshot()
    if why:
        monkeypatch.setattr(push, "problem", PROBLEM)
        monkeypatch.setattr(shutil, "which", lambda name: None)
    settings = load({**released.settings, "source": directory(here)})
    with pytest.raises(OrchestratorError, match=line):
        verbs.release(released.fleet(settings), Options(**options))
    assert released.snapshot() == was


ASSETS = {
    "name": "assets",
    "run": "mkdir -p public/build && echo built for $COLOR > public/build/app.css",
    "on": "operator",
    "inputs": ["public/*.php"],
    "outputs": ["public/build"],
}


def test_an_artifact_is_exported_built_and_sent(
    released: World, here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, temporary: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = {"kind": "artifact", "checkout": str(here)}
    assert release(released, "v1", source=source, build=[ASSETS]) == 0
    sent = same_everywhere(released)
    # no uncommitted file of the working tree
    assert set(sent) == {"public", "public/build", "public/build/app.css", "public/index.php", "storage"}
    assert (live(released) / "public/build/app.css").read_text() == "built for green\n"
    assert (live(released) / ".release/build/assets").exists()
    commit = git(released.origin, "rev-parse", "v1").strip()
    assert released.live_release("node1").endswith(commit[:7])  # type: ignore[union-attr]
    assert list(temporary.iterdir()) == []
    with pytest.raises(UsageError, match="has no branch, tag or commit v9"):
        release(released, "v9", source=source)


@pytest.mark.slow
def test_outputs_that_cannot_be_cached_are_still_released(
    released: World, here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert release(released, "v1", source={"kind": "artifact", "checkout": str(here)}, build=[ASSETS]) == 0
    assert "public/build/app.css" in same_everywhere(released)


@pytest.mark.slow
def test_our_own_directory_is_left_out_of_an_artifact(released: World, here: Path) -> None:
    (here / ".release").write_text("1.2\n")
    git(here, "add", ".release")
    git(here, "commit", "-q", "-m", "a file of the same name")
    git(here, "config", "core.fsyncMethod", "unknown")  # git warns of this, and goes on
    assert release(released, "HEAD", source={"kind": "artifact", "checkout": str(here)}) == 0
    assert (live(released) / ".release").is_dir()


@pytest.mark.slow
def test_a_failed_operator_step_moves_no_traffic(
    released: World, here: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    was = released.snapshot()
    step = {**ASSETS, "run": "echo no compiler; exit 3"}
    assert release(released, "v1", source={"kind": "artifact", "checkout": str(here)}, build=[step]) == 1
    said = capsys.readouterr().err
    assert "fetch failed on operator: assets: `echo no compiler; exit 3` ended with status 3" in said
    assert "operator | no compiler" in said
    assert released.snapshot() == was


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_cut_off(
    released: World, here: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    settings = load({**released.settings, "source": directory(here)})

    class Killed(BaseException):
        pass

    def die(step: Step) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        before("fetch", "node2", die, dying)
        dying.setattr(Session, "give_back", lambda this: this._renewing and this._renewing.kill())
        with pytest.raises(Killed):
            verbs.release(released.fleet(settings), Options())
    monkeypatch.setattr(session, "LEASE", 0.0)
    assert verbs.resume(released.fleet(settings), Options()) == 0
    same_everywhere(released)
    assert (live(released) / "console").exists()


def test_round_trips(released: World) -> None:
    """Each stage is one script: at most 13 commands on a node for a release without a build."""
    released.commands.clear()
    assert release(released) == 0
    counts = {node: [name for name, _ in released.commands].count(node) for node in released.nodes}
    assert max(counts.values()) <= 13, counts
