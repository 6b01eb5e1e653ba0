"""Read the SQL files of a release."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from pyinfra.api.command import StringCommand
from typing_extensions import override

from orchestrator.errors import Unclear
from orchestrator.facts.base import Fact
from orchestrator.scripts.command import question
from orchestrator.scripts.files import read

SCRIPT = read("facts/sql_files.sh")


class SqlFiles(Fact[Mapping[str, bytes] | None]):
    """
    Returns the content of each SQL file in a directory of a release, by the file's name; None without the directory.

    + root: directory of the application
    + release: id of the release
    + directory: path of the directory inside the release
    + user: deploy user, who can change the directory of the application
    """

    @override
    def command(self, root: str, release: str, directory: str, user: str) -> StringCommand:
        return question(SCRIPT, root, release, directory, user=user, seconds=30)

    @override
    def parse(self, output: list[str]) -> Mapping[str, bytes] | None:
        if output == ["absent"]:
            return None
        if not output or output[-1] != f"files={len(output) - 1}":
            # a part of the answer is missing
            raise Unclear(" ".join(output)[-200:])
        found = {}
        for line in output[:-1]:
            said = re.fullmatch(r"file=([A-Za-z0-9+/=]*) (.+)", line)
            if said is None:
                raise Unclear(line[-200:])
            found[said[2]] = base64.b64decode(said[1], validate=True)
        return found
