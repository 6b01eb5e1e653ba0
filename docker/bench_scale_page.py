"""Write the page docs/benchmarks-scale.md and its plot from the result of `make bench-scale`.

    python docker/bench_scale_page.py [docs]

The directory has benchmarks-scale.json, which `make bench-scale` has written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from math import ceil, floor, log10
from pathlib import Path

import plot
from bench_scale_result import COMMANDS, LINEAR, MEASURES, Measure, Result, Size, growth, points

JSON = "benchmarks-scale.json"
PAGE = "benchmarks-scale.md"
PICTURE = "benchmarks-scale.svg"
TEXT = Path(__file__).with_suffix(".md")
"""The text of the page without its results."""


def read(folder: Path) -> Result:
    """Return the result from the file benchmarks-scale.json of a directory."""
    return Result.from_json(json.loads((folder / JSON).read_text()))


def files(result: Result) -> dict[str, str]:
    """Return name -> text of the page and of its plot."""
    lines = "".join(f"{line}\n" for line in section(result))
    return {PAGE: TEXT.read_text().replace("@RESULTS@\n", lines), PICTURE: svg(result)}


def write(folder: Path, result: Result | None = None) -> None:
    """Write the page and its plot.

    + result: a new result, which replaces the former result; None to write the page of the former result
    """
    if result is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JSON).write_text(json.dumps(result.to_json(), indent=1) + "\n")
    for name, text in files(read(folder)).items():
        (folder / name).write_text(text)


# --- the page ---


def section(result: Result) -> Iterator[str]:
    """Yield the lines about the result."""
    yield "## Result"
    yield ""
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    yield (
        f"{result.day}, {versions}. The machine has {result.cores} core{'' if result.cores == 1 else 's'}, and had a "
        f"load average of {result.load:.1f} before the run."
    )
    yield ""
    heads = [f"{command} {what}" for command in COMMANDS for what in ("CPU", "wall")]
    yield f"| nodes | {' | '.join(heads)} | memory | journal | records |"
    yield "|---" * (len(heads) + 4) + "|"
    yield from map(row, result.sizes)
    yield ""
    yield from _fit(result)
    yield ""
    yield f"![CPU time of the commands by the number of nodes]({PICTURE})"
    yield ""


def row(size: Size) -> str:
    """Return the line of the table about a fleet."""
    spent = [f"{used.cpu:.2f} | {used.seconds:.2f}" for used in (size.commands[name] for name in COMMANDS)]
    sizes = f"{size.memory / 1e6:.0f} MB | {size.journal / 1e3:.1f} KB | {size.records}"
    return f"| {size.nodes:,} | {' | '.join(spent)} | {sizes} |"


def _fit(result: Result) -> Iterator[str]:
    """Yield the lines about the cost of a further node."""
    third, second, largest = (size.nodes for size in result.sizes[-3:])
    yield (
        f"The next table shows the cost of each further node between {second:,} and {largest:,} nodes. The ratio "
        f"compares this cost with the cost of each further node between {third:,} and {second:,} nodes."
    )
    yield f"If the ratio is between {1 / LINEAR:g} and {LINEAR:g}, the page calls the growth linear."
    yield ""
    yield "| value | each further node | ratio | growth |"
    yield "|---|---|---|---|"
    for measure in MEASURES:
        yield _fitted(result, measure)


def _fitted(result: Result, measure: Measure) -> str:
    found = growth(points(result, measure))
    ratio = "-" if found.ratio is None else f"{found.ratio:.2f}"
    return f"| {measure.name} | {found.each * measure.scale:.2f} {measure.unit} | {ratio} | {found.words} |"


# --- the plot ---

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BELOW = 720, 360, 60, 90, 30, 50
COLORS = {"release": "#2a7f62", "rollback": "#c0392b", "status": "#34495e"}


def svg(result: Result) -> str:
    """Return a plot of the CPU time of each command by the number of nodes. Both scales are logarithmic."""
    sizes = result.sizes
    spent = [used.cpu for size in sizes for used in size.commands.values()]
    low, high = floor(log10(min(spent))), ceil(log10(max(spent)))
    first, last = log10(sizes[0].nodes), log10(sizes[-1].nodes)

    def x(nodes: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (log10(nodes) - first) / (last - first)

    def y(seconds: float) -> float:
        return HEIGHT - BELOW - (HEIGHT - BELOW - TOP) * (log10(seconds) - low) / (high - low)

    parts = [plot.text(LEFT, 18, "CPU time in the operator's process, seconds", size=14)]
    for power in range(low, high + 1):
        parts.append(plot.line(f"M{LEFT} {y(10**power):.1f}H{WIDTH - RIGHT}", "#ccc"))
        parts.append(plot.text(LEFT - 8, y(10**power) + 4, f"{10**power:g}", "end"))
    for size in sizes:
        parts.append(plot.text(x(size.nodes), HEIGHT - BELOW + 18, f"{size.nodes:,}", "middle"))
    parts.append(plot.text(WIDTH / 2, HEIGHT - 10, "nodes", "middle"))
    for name, color in COLORS.items():
        line = [(x(size.nodes), y(size.commands[name].cpu)) for size in sizes]
        parts.append(plot.line("M" + " ".join(f"{at:.1f},{value:.1f}" for at, value in line), color, 2))
        parts += [plot.dot(at, value, color) for at, value in line]
        parts.append(plot.text(WIDTH - RIGHT + 12, line[-1][1] + 4, name, color=color))
    return plot.document(WIDTH, HEIGHT, parts)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
