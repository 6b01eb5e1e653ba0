"""Which room may import which, what users may import, and the page that says so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_rooms_import_only_rooms_below_them() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run(
        [lint, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert " 0 broken" in checked.stdout


def public_surface() -> dict[str, set[str]]:
    """Names by module, as the page lists them."""
    page = (ROOT / "docs" / "architecture.md").read_text().partition("## Public surface")[2]
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", page, re.MULTILINE)
    return {module: set(re.findall(r"`(\w+)`", names)) for module, names in rows}


def imported(source: str) -> Iterator[tuple[str, str]]:
    """Module and name of each import from this package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "orchestrator":
            yield from ((str(node.module), alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "orchestrator")


def examples(page: str) -> Iterator[str]:
    """The blocks of a page, indented or fenced, that are Python."""
    indented = re.findall(r"(?:^    .*\n|^\n)+", page, re.MULTILINE)
    fenced = re.findall(r"```\w*\n(.*?)```", page, re.DOTALL)
    for block in map(textwrap.dedent, indented + fenced):
        if re.search(r"^(from|import) ", block, re.MULTILINE):
            yield block


def test_the_public_surface_exists() -> None:
    surface = public_surface()
    assert "orchestrator.deploy" in surface
    for module, names in surface.items():
        assert names, module
        found = import_module(module)
        assert [name for name in names if not hasattr(found, name)] == [], module


def test_users_files_import_only_the_public_surface() -> None:
    surface = public_surface()
    files = [ROOT / "config.py", *(ROOT / "inventory").rglob("*.py"), *(ROOT / "deploys").rglob("*.py")]
    texts = {str(path): path.read_text() for path in files}
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        texts |= {f"{page} {index}": code for index, code in enumerate(examples(page.read_text()))}
    found = [(where, module, name) for where, text in texts.items() for module, name in imported(text)]
    assert len(found) > len(files) / 2
    assert [one for one in found if one[2] not in surface.get(one[1], ())] == []


def test_the_picture_names_every_room() -> None:
    picture = (ROOT / "docs" / "architecture.md").read_text().split("```")[1]
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "orchestrator").iterdir() if _is_room(path)}
    assert rooms - set(re.findall(r"\w+", picture)) == set()


def _is_room(path: Path) -> bool:
    return (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").is_file()
