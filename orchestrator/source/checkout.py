"""The source: a git repository on the operator's machine.

This machine exports the files of one commit, runs the build steps in the exported directory, and pushes this directory
to the nodes.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from typing_extensions import override

from orchestrator.config import Settings
from orchestrator.config.source import ArtifactSource
from orchestrator.errors import UsageError
from orchestrator.facts.contents import found_in
from orchestrator.facts.revision import Named, resolve
from orchestrator.fleet import Fleet
from orchestrator.options import Options
from orchestrator.scratch import Bundle
from orchestrator.scripts.files import read
from orchestrator.source import bundle
from orchestrator.source.contents import missing
from orchestrator.source.kind import Version
from orchestrator.source.tree import Tree

CONTENTS = f'{read("scripts/contents.sh")}\ncontents "$1" "$2"'


class Checkout(Tree):
    """A source: a commit of a git repository on the operator's machine."""

    noun = "a repository (source.checkout)"

    def __init__(self, settings: Settings, source: ArtifactSource, checkout: str) -> None:
        super().__init__(settings)
        self._source = source
        self._checkout = checkout

    @override
    def version(self, fleet: Fleet, options: Options) -> Version:
        ref = options.ref or self._source.ref or "HEAD"
        return Version(ref, commit_of(self._checkout, ref))

    @override
    def files(self, fleet: Fleet, version: Version) -> Bundle:
        source, patience = self._source, self.settings.deadlines.fetch
        return bundle.export(self._checkout, version.revision, source.submodules, source.lfs, patience)

    @override
    def risks(self, fleet: Fleet, version: Version) -> list[str]:
        command = ["sh", "-c", CONTENTS, "orchestrator", str(Path(self._checkout).expanduser()), version.revision]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
        return missing(found_in(done.stdout.splitlines()), self._source, self.settings)


def commit_of(checkout: str, ref: str) -> str:
    """Return the full hash of the commit that a ref names in a git repository on this machine.

    + checkout: path of the repository
    + ref: name of a branch or tag, or a commit hash

    Raises UsageError if the repository or the ref does not exist, or if a branch and a tag have this name and point to
    different commits.
    """

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        path = Path(checkout).expanduser()
        return subprocess.run(
            ["git", "-C", path, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True
        )

    there = git("rev-parse", "--git-dir")
    if there.returncode:
        raise UsageError(f"settings: source.checkout: {there.stderr.strip()}")
    said = git("show-ref", "--dereference", f"refs/heads/{ref}", f"refs/tags/{ref}").stdout
    if said:
        # a name may contain characters at which `split` without arguments and `splitlines` would divide it
        pairs = (line.split(" ", 1) for line in said.rstrip("\n").split("\n"))
        return resolve(ref, Named({name: commit for commit, name in pairs}))
    found = git("rev-parse", "-q", "--verify", f"{ref}^{{commit}}").stdout.strip()
    if not found:
        raise UsageError(
            f"{checkout} has no branch, tag or commit {ref}: correct the name, or fetch the version into it"
        )
    return found
