"""``python -m tests.shell``: shellcheck over every shell script of the repository."""

from __future__ import annotations

import sys

from tests.shell.check import main

sys.exit(main())
