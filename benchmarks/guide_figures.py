# SPDX-License-Identifier: Apache-2.0
"""The figures of the guide: what each step does to accuracy, speed and memory, on real tables.

    python -m benchmarks.guide_figures ~/tables             # all figures, some minutes
    python -m benchmarks.guide_figures ~/tables scale vote  # some

The folder holds ``letter.csv``, ``forest_cover_15k.csv`` and ``california_housing.csv`` (UCI letter
recognition, a balanced sample of UCI covertype, StatLib California housing; label first). Written are
``docs/images/*.svg`` and the numbers behind them, ``docs/images/guide.json``, which the guide's tests hold
its pages to.

Three quarters of a table's rows train, the rest test; the cut is seeded. Speeds are ratios within a round to
the same model without reduction, medians over the rounds, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kneighbors import KNeighborsClassifier, KNeighborsRegressor

from . import machine

__all__ = ["main"]

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
NUMBERS = IMAGES / "guide.json"

K = 5
SCALES = (None, "standard", "minmax", "robust", "unit")
REDUCTIONS = ("sign", "fjlt", "pca", "select")
SAMPLES = (250, 500, 1_000, 2_000, 4_000, 8_000)
FOREST_DIMS = (2, 4, 8, 12, 16, 24, 32, 48)
WIDE_DIMS = (8, 16, 32, 64, 128, 256, 512)
NEIGHBOURS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50)
MEGABYTES = (25, 50, 100, 200, 400)
ROUNDS = 15

Table = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
TABLES = {
    "forest cover": ("forest_cover_15k.csv", 0),
    "letter": ("letter.csv", 0),
    "California housing": ("california_housing.csv", 1),
}


# --- data


@cache
def table(folder: Path, name: str) -> Table:
    """Training rows and labels, test rows and labels."""
    file, n_header = TABLES[name]
    whole = np.loadtxt(folder / file, delimiter=",", skiprows=n_header)
    order = np.random.default_rng(0).permutation(len(whole))
    train, test = np.split(whole[order], [len(whole) * 3 // 4])
    kind = float if name == "California housing" else int
    return train[:, 1:], train[:, 0].astype(kind), test[:, 1:], test[:, 0].astype(kind)


@cache
def wide_table() -> Table:
    """20,000 rows of 1,024 columns in 20 classes: clouds of 40 dimensions, turned, with noise."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 20, 21_000)
    centres = generator.normal(0.0, 1.0, (20, 40))
    inner = centres[labels] + generator.normal(0.0, 1.6, (len(labels), 40))
    rows = inner @ generator.normal(0.0, 1.0, (40, 1024)) + generator.normal(0.0, 2.0, (len(labels), 1024))
    rows = rows.astype(np.float32)
    return rows[:20_000], labels[:20_000], rows[20_000:], labels[20_000:]


def score(data: Table, **settings: Any) -> float:
    """Accuracy, or R2 for a table of values."""
    rows, labels, queries, truth = data
    kind = KNeighborsRegressor if labels.dtype.kind == "f" else KNeighborsClassifier
    return float(kind(**{"n_neighbors": K, **settings}).fit(rows, labels).score(queries, truth))


# --- what is measured


def measure_data(folder: Path) -> dict[str, Any]:
    """Peak memory of ``kneighbors fit`` that samples 10,000 rows, over CSV files of growing size."""
    generator = np.random.default_rng(0)
    block = (
        "\n".join(
            f"{label}," + ",".join(f"{value:.6f}" for value in row)
            for label, row in zip(
                generator.integers(0, 9, 10_000), generator.normal(size=(10_000, 20)), strict=True
            )
        ).encode()
        + b"\n"
    )
    found = []
    with tempfile.TemporaryDirectory() as place:
        for megabytes in MEGABYTES:
            with open(f"{place}/t.csv", "wb") as file:
                for _ in range(round(megabytes * 1e6 / len(block))):
                    file.write(block)
            program = (
                "import resource, subprocess, sys, time; started = time.perf_counter()\n"
                "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, time.perf_counter() - started)"
            )
            fit = [sys.executable, "-m", "kneighbors.cli", "fit", f"{place}/t.csv", "--sample-size", "10000"]
            command = [sys.executable, "-c", program, *fit, "--model-dir", f"{place}/model"]
            peak, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            found.append({"megabytes": megabytes, "peak_mib": int(peak) / 1024, "seconds": float(seconds)})
    return {"files": found, "sample_size": 10_000}


def measure_sample(folder: Path) -> dict[str, Any]:
    """Accuracy over the sample's size, for five seeds."""
    found: dict[str, Any] = {}
    for name in ("forest cover", "letter"):
        data = table(folder, name)
        by_size = {
            size: [score(data, sample_size=size, random_state=seed) for seed in range(5)] for size in SAMPLES
        }
        found[name] = {"all": score(data), "rows": len(data[0]), "by_size": by_size}
    return found


def measure_scale(folder: Path) -> dict[str, Any]:
    """Accuracy (R2 for California housing) for each way to scale."""
    return {
        name: {str(scale): score(table(folder, name), scale=scale) for scale in SCALES} for name in TABLES
    }


def measure_reduce(folder: Path) -> dict[str, Any]:
    """Accuracy and speed over the number of columns kept."""
    cases = {
        "forest cover": (table(folder, "forest cover"), FOREST_DIMS, {"scale": "standard"}),
        "1,024 columns": (wide_table(), WIDE_DIMS, {}),
    }
    return {name: _reduced(*case) for name, case in cases.items()}


def _reduced(data: Table, dims: tuple[int, ...], settings: dict[str, Any]) -> dict[str, Any]:
    rows, labels, queries, truth = data
    models = {(None, rows.shape[1]): KNeighborsClassifier(K, n_jobs=1, **settings).fit(rows, labels)}
    for kind in REDUCTIONS:
        for dim in dims:
            models[kind, dim] = KNeighborsClassifier(
                K, n_jobs=1, reduce=kind, reduce_dim=dim, **settings
            ).fit(rows, labels)
    asked = queries[:4000]
    times: dict[Any, list[float]] = {key: [] for key in models}
    order, generator = list(models), np.random.default_rng(0)
    for _ in range(ROUNDS):
        generator.shuffle(order)  # type: ignore[arg-type]
        for key in order:
            started = time.perf_counter()
            models[key].predict(asked)
            times[key].append(time.perf_counter() - started)
    whole = times[None, rows.shape[1]]
    found: dict[str, Any] = {
        "all": float(models[None, rows.shape[1]].score(queries, truth)),
        "columns": rows.shape[1],
        "rows": len(rows),
        "queries_per_second": len(asked) / statistics.median(whole),
    }
    for kind in REDUCTIONS:
        found[kind] = {
            dim: {
                "accuracy": float(models[kind, dim].score(queries, truth)),
                "speed": statistics.median(
                    one / other for one, other in zip(whole, times[kind, dim], strict=True)
                ),
            }
            for dim in dims
        }
    return found


def measure_vote(folder: Path) -> dict[str, Any]:
    """Accuracy over k, for equal votes and votes by inverse distance."""
    return {
        name: {
            weights: {k: score(table(folder, name), n_neighbors=k, weights=weights) for k in NEIGHBOURS}
            for weights in ("uniform", "distance")
        }
        for name in ("forest cover", "letter")
    }


# --- what is drawn

COLOURS = ("#0b5394", "#c44e00", "#3a7d44", "#7a3e9d", "#8a8a8a")


def _axes(n: int, width: float = 7.4, height: float = 3.1) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "kneighbors",
            "font.family": "DejaVu Sans",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e3e3e3",
            "axes.axisbelow": True,
            "axes.titlesize": 9.5,
            "axes.titleweight": "bold",
            "legend.frameon": False,
        }
    )
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, n, figsize=(width, height), layout="constrained", squeeze=False)
    return figure, axes[0]


def _save(figure: Any, name: str) -> None:
    figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None, "Creator": None}, facecolor="white")


def _percent(axis: Any, label: str) -> None:
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axis.set_ylabel(label)


def _plain_ticks(axis: Any, ticks: Any) -> None:
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.minorticks_off()


def draw_data(numbers: dict[str, Any]) -> None:
    figure, (axis,) = _axes(1, width=4.6)
    files = numbers["files"]
    axis.plot([one["megabytes"] for one in files], [one["peak_mib"] for one in files], "o-", color=COLOURS[0])
    axis.set(ylim=(0, None), xlabel="size of the CSV, MB", ylabel="peak memory, MiB")
    axis.set_title("Memory while 10,000 rows are sampled")
    _save(figure, "data")


def draw_sample(numbers: dict[str, Any]) -> None:
    figure, axes = _axes(2)
    for axis, (name, found) in zip(axes, numbers.items(), strict=True):
        sizes = [int(size) for size in found["by_size"]]
        scores = list(found["by_size"].values())
        axis.fill_between(sizes, [*map(min, scores)], [*map(max, scores)], color=COLOURS[0], alpha=0.18, lw=0)
        axis.plot(sizes, [*map(statistics.mean, scores)], "o-", color=COLOURS[0], label="sample, five seeds")
        axis.axhline(found["all"], color=COLOURS[1], ls="--", label=f"all {found['rows']:,} rows")
        axis.set(title=name, xlabel="rows kept")
        _plain_ticks(axis, sizes)
        _percent(axis, "accuracy")
        axis.legend(loc="lower right")
    _save(figure, "sample")


def draw_scale(numbers: dict[str, Any]) -> None:
    figure, axes = _axes(3)
    for axis, (name, found) in zip(axes, numbers.items(), strict=True):
        bars = axis.bar([*found], [*found.values()], color=[COLOURS[4], *[COLOURS[0]] * 4], width=0.7)
        axis.bar_label(bars, [f"{value:.3f}" for value in found.values()], fontsize=7.5, padding=2)
        axis.set(title=name, ylim=(0, 1.08), ylabel="R2" if name == "California housing" else "accuracy")
        axis.set_xticks(range(len(found)), ["none", *[*found][1:]], rotation=45, ha="right")
        axis.grid(axis="x", visible=False)
    _save(figure, "scale")


def draw_reduce(numbers: dict[str, Any]) -> None:
    figure, axes = _axes(4, width=9.6, height=2.9)
    for place, (name, found) in enumerate(numbers.items()):
        accuracy, speed = axes[2 * place], axes[2 * place + 1]
        for kind, colour in zip(REDUCTIONS, COLOURS, strict=False):
            dims = [int(dim) for dim in found[kind]]
            accuracy.plot(
                dims, [one["accuracy"] for one in found[kind].values()], "o-", ms=3, color=colour, label=kind
            )
            speed.plot(
                dims, [one["speed"] for one in found[kind].values()], "o-", ms=3, color=colour, label=kind
            )
        accuracy.axhline(found["all"], color=COLOURS[4], ls="--")
        speed.axhline(1.0, color=COLOURS[4], ls="--")
        _percent(accuracy, "accuracy")
        speed.set(ylim=(0, None), ylabel="speed, unreduced = 1")
        for axis in (accuracy, speed):
            axis.set(title=name, xlabel=f"columns kept of {found['columns']:,}")
            _plain_ticks(axis, dims[::2])
    axes[0].legend(loc="lower right")
    _save(figure, "reduce")


def draw_vote(numbers: dict[str, Any]) -> None:
    figure, axes = _axes(2)
    for axis, (name, found) in zip(axes, numbers.items(), strict=True):
        for (weights, by_k), colour in zip(found.items(), COLOURS, strict=False):
            axis.plot([int(k) for k in by_k], [*by_k.values()], "o-", ms=3.5, color=colour, label=weights)
        axis.set(title=name, xlabel="k")
        _plain_ticks(axis, (1, 2, 5, 10, 20, 50))
        _percent(axis, "accuracy")
        axis.legend(loc="lower left")
    _save(figure, "vote")


FIGURES: dict[str, tuple[Callable[[Path], dict[str, Any]], Callable[[dict[str, Any]], None]]] = {
    "data": (measure_data, draw_data),
    "sample": (measure_sample, draw_sample),
    "scale": (measure_scale, draw_scale),
    "reduce": (measure_reduce, draw_reduce),
    "vote": (measure_vote, draw_vote),
}


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the tables lie")
    parser.add_argument("figures", nargs="*", help=f"of {', '.join(FIGURES)}; all when left out")
    parser.add_argument("--draw-only", action="store_true", help="from the numbers of the last run")
    chosen = parser.parse_args()
    numbers = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    for name in chosen.figures or FIGURES:
        measure, draw = FIGURES[name]
        if not chosen.draw_only:
            started = time.perf_counter()
            numbers[name] = json.loads(json.dumps(measure(chosen.folder)))  # keys as the file will have them
            print(f"{name}: {time.perf_counter() - started:.1f} s", flush=True)
            numbers["machine"] = machine.describe()
            NUMBERS.write_text(json.dumps(numbers, indent=1) + os.linesep)
        draw(numbers[name])


if __name__ == "__main__":
    main()
