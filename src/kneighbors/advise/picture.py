# SPDX-License-Identifier: Apache-2.0
"""A scorecard as one SVG, written by hand: no plotting library, and sharp at every size.

Colours are blue, orange, green and violet of about the same lightness, and each bar carries its name and
number, so nothing rests on colour. Light and dark follow the reader's setting.
"""

from __future__ import annotations

from html import escape
from typing import Any

__all__ = ["draw"]

_WIDTH, _LEFT, _ROW, _TOP = 960, 190, 26, 92
_COLUMN, _BAR = 124, 84
_COLOURS = {"inference": "#2f6fb3", "accuracy": "#b8651b", "training": "#2f8559", "size": "#7a5bb0"}
_STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1d2733; }
.title { font-size: 17px; font-weight: 600; }
.quiet { fill: #5b6673; }
.number { font-variant-numeric: tabular-nums; }
.paper { fill: #ffffff; }
.track { fill: #e8ecf0; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6ebf0; }
  .quiet { fill: #9aa7b4; }
  .paper { fill: #12181f; }
  .track { fill: #27313c; }
}
"""


def draw(card: dict[str, Any]) -> str:
    """The SVG of what ``Scorecard.to_dict`` gives."""
    cells = card["cells"]
    height = _TOP + _ROW * len(cells) + 40
    data = card["data"]
    subtitle = (
        f"{data['rows_fitted']:,} rows of {data['columns']} columns, k = {card['settings']['n_neighbors']}, "
        f"{data['rows_scored']:,} rows held out; longer bars are better"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="Scorecard of {len(cells)} models: inference, accuracy, '
        'training and size">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="8"/>',
        _text(20, 32, "Scorecard", "title"),
        _text(20, 53, subtitle, "quiet"),
    ]
    for place, name in enumerate(_COLOURS):
        parts.append(_text(_LEFT + place * _COLUMN, _TOP - 12, name))
    parts.append(
        _text(_LEFT + 4 * _COLUMN + 16, _TOP - 12, f"{data['score']}, per query, fit, disk", "quiet")
    )
    for row, cell in enumerate(cells):
        parts += _line(cell, _TOP + row * _ROW)
    parts.append("</svg>\n")
    return "\n".join(parts)


def _line(cell: dict[str, Any], top: int) -> list[str]:
    base = top + 15
    parts = [_text(20, base, _shortened(cell["name"]))]
    for place, (name, colour) in enumerate(_COLOURS.items()):
        left, score = _LEFT + place * _COLUMN, cell["scores"][name]
        parts += [
            f'<rect class="track" x="{left}" y="{top + 5}" width="{_BAR}" height="12" rx="2"/>',
            f'<rect x="{left}" y="{top + 5}" width="{_BAR * score:.1f}" height="12" rx="2" fill="{colour}"/>',
            _text(left + _BAR + 6, base, f"{score:.2f}", "number"),
        ]
    disk = cell["disk_bytes"]
    figures = f"{cell['score']:.3f}, {_seconds(cell['single']['p50'])}, {_seconds(cell['fit_seconds'])}, "
    figures += "not saved" if disk is None else _bytes(disk)
    return [*parts, _text(_LEFT + 4 * _COLUMN + 16, base, figures, "quiet number")]


def _text(x: int, y: int, words: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{style}>{escape(words)}</text>'


def _shortened(name: str) -> str:
    return name if len(name) <= 27 else name[:26] + "…"


def _seconds(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"
