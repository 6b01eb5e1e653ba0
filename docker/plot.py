"""Write a plot as SVG. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape


def document(width: int, height: int, parts: Iterable[str]) -> str:
    """Return the text of an SVG file with a white background.

    + width, height: size of the plot, in pixels
    + parts: the elements of the plot, from back to front
    """
    view = f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12"'
    begin = f'<svg xmlns="http://www.w3.org/2000/svg" {view}>'
    return "\n".join([begin, box(0, 0, width, height, "white"), *parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, anchor: str = "start", *, size: int = 12, color: str = "black") -> str:
    """Return a line of text.

    + anchor: which part of the text is at ``x``: ``start``, ``middle`` or ``end``
    """
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{color}">{escape(words)}</text>'


def line(path: str, color: str, width: float = 1) -> str:
    """Return a line.

    + path: the line as SVG's path data, such as ``M60 100H700``
    """
    return f'<path d="{path}" stroke="{color}" stroke-width="{width}" fill="none"/>'


def box(x: float, y: float, width: float, height: float, color: str) -> str:
    """Return a filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>'


def dot(x: float, y: float, color: str) -> str:
    """Return a filled circle. Circles that overlap are visible, because the color is half transparent."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}" fill-opacity="0.5"/>'
