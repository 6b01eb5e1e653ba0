"""Write the page docs/benchmarks.md and its plots from the results of `make bench`.

    python docker/bench_page.py [docs]

The directory has benchmarks.json, to which `make bench` adds its results.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path

import plot
from bench_result import MEASURES, MOVES, OURS, TOOLS, Result, cpu, failed, median, ratios, values

JSON = "benchmarks.json"
PAGE = "benchmarks.md"
TEXT = Path(__file__).with_suffix(".md")
"""The text of the page without its results."""


def read(folder: Path) -> dict[int, Result]:
    """Return number of nodes -> result, from the file benchmarks.json of a directory; nothing without the file."""
    file = folder / JSON
    said = json.loads(file.read_text()) if file.exists() else []
    return {one["nodes"]: Result.from_json(one) for one in said}


def add(folder: Path, result: Result) -> None:
    """Add a result to the file benchmarks.json. The result replaces a former result with as many nodes."""
    found = read(folder) | {result.nodes: result}
    folder.mkdir(parents=True, exist_ok=True)
    every = [json.dumps(found[nodes].to_json()) for nodes in sorted(found)]
    (folder / JSON).write_text("[\n" + ",\n".join(every) + "\n]\n")


def files(results: Mapping[int, Result]) -> dict[str, str]:
    """Return name -> text of the page and of its plots."""
    plots = {picture(nodes): svg(result) for nodes, result in sorted(results.items())}
    return {PAGE: page([results[nodes] for nodes in sorted(results)]), **plots}


def write(folder: Path) -> None:
    """Write the page and its plots."""
    for name, text in files(read(folder)).items():
        (folder / name).write_text(text)


def picture(nodes: int) -> str:
    """Return the name of the plot for a number of nodes."""
    return f"benchmarks-{nodes}.svg"


# --- the page ---

HEADS = ("release", "rollback", "new answer", "former answer")
"""The columns of the tables, in the order of `MEASURES`."""


def page(results: Sequence[Result]) -> str:
    """Return the text of the page."""
    sections = "".join(f"{line}\n" for result in results for line in section(result))
    return TEXT.read_text().replace("@RESULTS@\n", sections or "This page has no results yet.\n\n")


def section(result: Result) -> Iterator[str]:
    """Yield the lines about one result."""
    yield f"## {result.nodes} nodes"
    yield ""
    yield (
        f"{result.day}, {_count(result.rounds, 'round')}, {result.rate:g} requests a second. The machine has "
        f"{_count(result.cores, 'core')}, and had a load average of {result.load:.1f} before the first round."
    )
    yield "The versions are " + ", ".join(f"{name} {version}" for name, version in result.versions.items()) + "."
    yield ""
    yield "Each cell has the median of the seconds, and in brackets the lowest and the highest value."
    yield ""
    yield f"| tool | {' | '.join(HEADS)} | CPU | failed requests |"
    yield "|---" * (len(HEADS) + 3) + "|"
    for tool in result.tools:
        spans = " | ".join(span(values(result, tool, measure)) for measure in MEASURES)
        lost, every = failed(result, tool)
        yield f"| {TOOLS[tool]} | {spans} | {cpu(result, tool, 'release'):.2f} | {lost:,} of {every:,} |"
    yield ""
    yield from _more(result)
    yield "The ratios are the values of this tool divided by those of the other tool in the same round."
    yield "Below 1, this tool is faster."
    yield ""
    yield f"| compared with | {' | '.join(HEADS)} |"
    yield "|---" * (len(HEADS) + 1) + "|"
    for tool in (tool for tool in result.tools if tool != OURS):
        yield f"| {TOOLS[tool]} | {' | '.join(span(ratios(result, tool, measure)) for measure in MEASURES)} |"
    yield ""
    yield f"![Seconds of each round with {result.nodes} nodes]({picture(result.nodes)})"
    yield ""


def _more(result: Result) -> Iterator[str]:
    """Yield the lines about the kinds of failures and about the command `status`."""
    kinds = {tool: failures(result, tool) for tool in result.tools}
    for tool, found in kinds.items():
        if found:
            words = ", ".join(f"{number:,} {kind}" for kind, number in found.items())
            yield f"* Failed requests of {TOOLS[tool]}: {words}"
    if status := result.tools[OURS].get("status"):
        yield f"* `status` of this tool: {span([one.seconds for one in status])} seconds"
    if status or any(kinds.values()):
        yield ""


def failures(result: Result, tool: str) -> dict[str, int]:
    """Return kind of failure -> number of requests, of all releases and rollbacks of a tool; most frequent first."""
    found = Counter[str]()
    for action in MOVES:
        for one in result.tools[tool][action]:
            found.update(one.failures)
    return dict(found.most_common())


def span(found: Sequence[float]) -> str:
    """Return the median, and the lowest and highest value in brackets."""
    return f"{median(found):.2f} ({min(found):.2f}–{max(found):.2f})" if found else "-"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


# --- the plot ---

WIDTH, LEFT, RIGHT = 720, 170, 20
ROW, TITLE, AXIS = 18, 30, 26
OUR_COLOR, THEIR_COLOR = "#2a7f62", "#34495e"


def svg(result: Result) -> str:
    """Return a plot with a panel for each measure. A dot is the value of one round, and a line is the median."""
    height = TITLE + ROW * len(result.tools) + AXIS
    parts = [
        part for number, measure in enumerate(MEASURES) for part in _panel(result, measure, float(number * height))
    ]
    return plot.document(WIDTH, height * len(MEASURES), parts)


def _panel(result: Result, measure: str, top: float) -> Iterator[str]:
    """Yield the elements of a panel.

    + top: distance from the top of the plot to the top of the panel, in pixels
    """
    found = {tool: values(result, tool, measure) for tool in result.tools}
    step = _step(max((value for some in found.values() for value in some), default=1.0))
    ticks = [step * number for number in range(ceil(max(max(some, default=0.0) for some in found.values()) / step) + 1)]
    bottom = top + TITLE + ROW * len(found)

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / max(ticks[-1], step)

    yield plot.text(LEFT, top + 18, f"{measure}, seconds", size=14)
    for tick in ticks:
        yield plot.line(f"M{x(tick):.1f} {top + TITLE:.1f}V{bottom:.1f}", "#ccc")
        yield plot.text(x(tick), bottom + 14, f"{tick:g}", "middle")
    for number, (tool, some) in enumerate(found.items()):
        y = top + TITLE + ROW * (number + 0.5)
        color = OUR_COLOR if tool == OURS else THEIR_COLOR
        yield plot.text(LEFT - 8, y + 4, TOOLS[tool], "end", color=color)
        yield from (plot.dot(x(value), y, color) for value in some)
        if some:
            yield plot.line(f"M{x(median(some)):.1f} {y - 8:.1f}V{y + 8:.1f}", color, 2)


def _step(highest: float) -> float:
    """Return the distance of the axis' numbers, so that there are at most ten of them up to the highest value."""
    return next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if highest / step <= 10)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
