"""List the paths that operations will compare on a host, so that one command can read all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typing_extensions import override

from orchestrator.provision.answers import Answers
from orchestrator.provision.facts import Account
from orchestrator.provision.work import Work, paths_of


class Listed(Work):
    """Lists the paths of operations. No operation is run.

    The list may lack a path: for example, the home directory of a user is not known. Then the operation reads this path
    itself.

    + paths: the paths, in order
    """

    def __init__(self, answers: Answers | None = None) -> None:
        super().__init__(answers)
        self.paths: list[str] = []

    @override
    def do(self, what: str, operation: Callable[..., Any], **arguments: Any) -> bool:
        """List the paths of one operation. Always returns False, because nothing is changed."""
        self.paths += paths_of(operation, arguments)
        return False

    @override
    def account(self, user: str) -> Account:
        """Return the usual account of a user. The host is not asked."""
        return Account(f"/home/{user}", user)
