# SPDX-License-Identifier: Apache-2.0
"""The pictures of exact search, drawn from result files of ``benchmarks.exact``; nothing is measured here.

    python -m benchmarks.exact_figures results/<machine>/exact-quick-2t-<time>.json
    python -m benchmarks.exact_figures results/<machine>/exact-2t-<time>.json --batches text50k

The first draws ``docs/images/exact.svg``: every comparison of the file, ours over the best rival, and what
share of the machine's peak either used. The second draws ``docs/images/exact-batches.svg``: rates over batch
sizes of one data set. Needs ``pip install --group bench``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .report import best_rival
from .rivals import OURS

__all__ = ["draw_batches", "draw_ratios", "main"]

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
MINE, OTHERS, GREY = "#0b5394", "#c44e00", "#8a8a8a"
COLOURS = ("#c44e00", "#3a7d44", "#7a3e9d", "#8a8a8a", "#9c6b00", "#00788a", "#b5446e")
Result = dict[str, Any]


def _plot(width: float, height: float, columns: int) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "kneighbors", "font.size": 9, "legend.frameon": False})
    matplotlib.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True})
    matplotlib.rcParams.update({"grid.color": "#e3e3e3", "axes.axisbelow": True})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, columns, figsize=(width, height), layout="constrained", squeeze=False, sharey=columns > 1
    )
    return figure, axes[0]


def _caption(result: Result) -> str:
    """Threads, date, and how quiet the machine was: a picture says what its figures are worth."""
    cells = result["cells"]
    disturbed, rounds = sum(c["rounds_disturbed"] for c in cells), sum(c["rounds"] for c in cells)
    threads = result["plan"]["n_threads"]
    return (
        f"{threads} thread{'s' if threads > 1 else ''}, {result['date'][:10]}; others were at work in "
        f"{disturbed} of {rounds} rounds"
    )


def _ours(cell: Result) -> Result | None:
    return next((e for e in cell["contestants"] if e["library"] == OURS and "rate" in e), None)


def _share(entry: Result) -> float:
    return max((entry.get("share_of_peak") or {"none": 0.0}).values())


def draw_ratios(result: Result, path: Path) -> None:
    """Ours over the best rival of each comparison, and both shares of the machine's peak."""
    rows = [
        (cell["title"], ours, rival)
        for cell in result["cells"]
        if (ours := _ours(cell)) is not None and (rival := best_rival(cell)) is not None
    ]
    figure, (left, right) = _plot(8.4, 0.9 + 0.27 * len(rows), 2)
    places = range(len(rows))
    left.barh(places, [rival["ratio"] for _, _, rival in rows], color=MINE, height=0.62)
    left.axvline(1, color="black", linewidth=0.8)
    for place, (_, _, rival) in zip(places, rows, strict=True):
        right_share = (rival.get("answer") or {}).get("right", 1.0)
        note = "" if right_share == 1 else f", {right_share:.1%} right"
        label = f" {rival['ratio']:.1f} x {rival['library']}{note}"
        left.text(rival["ratio"], place, label, va="center", fontsize=7.5)
    left.set_xlim(0, 1.75 * max(rival["ratio"] for _, _, rival in rows))
    left.set_yticks(places, [title for title, _, _ in rows], fontsize=7.5)
    left.invert_yaxis()
    left.set_xlabel("times the best rival's rate (median of rounds)")
    right.barh([p - 0.18 for p in places], [_share(o) for _, o, _ in rows], 0.34, color=MINE, label=OURS)
    right.barh(
        [p + 0.18 for p in places], [_share(r) for _, _, r in rows], 0.34, color=OTHERS, label="best rival"
    )
    right.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    right.set_xlabel("share of the float32 or the reading peak")
    right.legend(loc="lower right", fontsize=8)
    figure.suptitle(_caption(result), fontsize=8, color=GREY)
    figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")


def draw_batches(result: Result, case: str, path: Path) -> None:
    """Queries per second over the batch size, every library at its best, k = 10."""
    rates: dict[str, dict[int, float]] = {}
    for cell in result["cells"]:
        if cell["case"] != case or cell["k"] != 10:
            continue
        for entry in cell["contestants"]:
            if "rate" in entry:
                best = rates.setdefault(entry["library"], {})
                best[cell["batch"]] = max(entry["rate"], best.get(cell["batch"], 0.0))
    if not rates:
        raise SystemExit(f"{case!r} with k = 10 is not in this result")
    figure, (axis,) = _plot(6.4, 3.6, 1)
    others = iter(COLOURS)
    for library, points in rates.items():
        mine = library == OURS
        batches = sorted(points)
        values = [points[batch] for batch in batches]
        colour = MINE if mine else next(others, GREY)
        axis.plot(batches, values, "o-", color=colour, linewidth=2.2 if mine else 1, markersize=4)
        axis.annotate(
            library, (batches[-1], values[-1]), (5, 0), textcoords="offset points", va="center", color=colour
        )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(0.8, 12 * max(max(points) for points in rates.values()))
    axis.set_xlabel("queries in a call")
    axis.set_ylabel("queries per second")
    axis.set_title(f"{case}, k = 10; {_caption(result)}", fontsize=8)
    figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")


def main() -> None:
    """Draw from one result file."""
    parser = argparse.ArgumentParser(description="draw docs/images/exact.svg, or exact-batches.svg")
    parser.add_argument("result", type=Path)
    parser.add_argument("--batches", metavar="CASE", help="rates over the batch sizes of this case instead")
    given = parser.parse_args()
    result = json.loads(given.result.read_text())
    if given.batches:
        draw_batches(result, given.batches, IMAGES / "exact-batches.svg")
    else:
        draw_ratios(result, IMAGES / "exact.svg")


if __name__ == "__main__":
    main()
