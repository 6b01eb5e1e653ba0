"""The console command: thin. The verbs of a run are pyinfra's to start: ``pyinfra INVENTORY deploys/VERB.py``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

USAGE = """usage: orchestrator probe URL [...]   ask all the time, count every kind of failure (probe --help)

Runs are started by pyinfra, on your inventory:
    pyinfra inventory/prod.py deploys/release.py        (release, rollback, status, provision)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console command; its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if arguments else 2
    if arguments[0] == "probe":
        from orchestrator.probe.__main__ import main as probe

        return probe(arguments[1:])
    print(f"orchestrator: unknown command {arguments[0]!r}\n{USAGE}", end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
