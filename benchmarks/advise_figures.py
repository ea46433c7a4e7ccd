# SPDX-License-Identifier: Apache-2.0
"""The figures of the guide's pages on choosing, checking and explaining, on real tables.

    python -m benchmarks.advise_figures ~/tables        # about a minute

The folder holds ``forest_cover_15k.csv`` and ``california_housing.csv`` (a balanced sample of UCI covertype,
StatLib California housing; label first). Written are ``docs/images/choosing.svg``, the scorecard of forest
cover, and ``docs/images/advise.json``, the numbers that the pages quote; the guide's tests hold the pages to
them.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import kneighbors
from kneighbors import KNeighborsClassifier, KNeighborsRegressor

from . import machine

__all__ = ["main"]

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
TABLES = {"forest cover": ("forest_cover_15k.csv", 0), "California housing": ("california_housing.csv", 1)}
BUDGET = 20.0
EXPLAINED = 500


def read(folder: Path, name: str) -> tuple[Any, Any]:
    file, header = TABLES[name]
    table = np.genfromtxt(folder / file, delimiter=",", skip_header=header)
    return np.ascontiguousarray(table[:, 1:]), table[:, 0]


def cells_of(card: Any) -> dict[str, Any]:
    """The quoted figures of each cell; times in milliseconds."""
    return {
        cell.name: {
            "score": cell.score,
            "interval": [cell.score_low, cell.score_high],
            "recall": cell.recall,
            "agreement": cell.agreement,
            "single_ms": 1000 * cell.single.p50,
            "fit_ms": 1000 * cell.fit_seconds,
            "disk_mib": None if cell.disk_bytes is None else cell.disk_bytes / 2**20,
            "scores": cell.scores,
        }
        for cell in card.cells
    }


def findings_of(result: Any) -> dict[str, Any]:
    return {
        "facts": {name: value for name, value in result.facts.items() if name != "class_rows"},
        "findings": {
            one.name: {
                "severity": one.severity,
                "options": one.options,
                "share": one.evidence.get("share"),
                "before": one.gain and one.gain.before,
                "after": one.gain and one.gain.after,
                "interval": one.gain and [one.gain.low, one.gain.high],
            }
            for one in result.findings
        },
    }


def explained(rows: Any, labels: Any, name: str) -> dict[str, Any]:
    """How many rows decide an answer, over rows held out at random."""
    order = np.random.default_rng(0).permutation(len(rows))
    asked, fitted = order[:EXPLAINED], order[EXPLAINED:]
    if name == "California housing":
        model = KNeighborsRegressor(scale="standard").fit(rows[fitted], labels[fitted])
        why = model.explain(rows[asked])
        largest = np.abs(why.changes).max(axis=1)
        return {"median_largest_change": float(np.median(largest))}
    model = KNeighborsClassifier().fit(rows[fitted], labels[fitted])
    why = model.explain(rows[asked])
    sizes = [len(flip) for flip in why.flips if flip is not None]
    counts = Counter(sizes)
    right = why.answers == labels[asked]
    whole = np.isclose(why.margin, 1.0)
    return {
        "share_decided_by_one_row": counts[1] / EXPLAINED,
        "median_rows": float(np.median(sizes)),
        "accuracy_at_full_margin": float(right[whole].mean()),
        "accuracy_below": float(right[~whole].mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    numbers: dict[str, Any] = {"choosing": {}, "checking": {}, "explaining": {}}
    for name in TABLES:
        rows, labels = read(folder, name)
        card = kneighbors.scorecard(rows, labels, budget=BUDGET)
        numbers["choosing"][name] = cells_of(card)
        if name == "forest cover":
            (IMAGES / "choosing.svg").write_text(card.to_svg(), encoding="utf-8")
        numbers["checking"][name] = findings_of(kneighbors.preflight(rows, labels))
        numbers["explaining"][name] = explained(rows, labels, name)
        print(name, len(card.cells), "cells")
    numbers["machine"] = {**machine.describe(), "load": os.getloadavg()[0]}
    (IMAGES / "advise.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
