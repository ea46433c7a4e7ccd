# SPDX-License-Identifier: Apache-2.0
"""The state as a Python program that gives the same picture, and as the three files of a model."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

from .fitting import estimator, parameters
from .state import State, View

__all__ = ["model_archive", "python_program"]

_PROGRAM = """\
import numpy as np
from kneighbors import {estimator}

# x, y and the {label} of each point
points = np.array([
{points}
])
X, y = points[:, :2], points[:, 2]{as_int}
{noise}
model = {estimator}({parameters})
model.fit(X, y)

# the middle of every cell of the picture, from the top left
x0, x1, y0, y1 = {view}
columns, rows = {columns}, {rows}
across = x0 + (np.arange(columns) + 0.5) * (x1 - x0) / columns
down = y1 - (np.arange(rows) + 0.5) * (y1 - y0) / rows
grid = np.column_stack([np.tile(across, rows), np.repeat(down, columns)]){grid_noise}
picture = model.predict(grid).reshape(rows, columns)

print("leave-one-out score:", round(model.score(None, y), 3))

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("pip install matplotlib, and the picture is drawn too")
else:
    plt.imshow(picture, extent=(x0, x1, y0, y1), aspect="auto", alpha=0.4)
    plt.scatter(X[:, 0], X[:, 1], c=y, edgecolors="white")
    plt.show()
"""


def python_program(state: State, view: View, columns: int = 240, rows: int = 200) -> str:
    """A program of its own that fits the same model and predicts the same grid.

    Raises
    ------
    DataError
        There are no points.
    """
    estimator(state)  # what cannot be fitted here is refused here
    is_class = state.task == "classification"
    lines = [
        "    "
        + " ".join(f"[{x!r}, {y!r}, {label if not is_class else int(label)!r}]," for x, y, label in part)
        for part in (state.points[start : start + 4] for start in range(0, len(state.points), 4))
    ]
    noise = grid_noise = ""
    if state.noise:
        noise = (
            f"\n# {state.noise} columns that say nothing\n"
            f"generator = np.random.default_rng({state.random_state})\n"
            f"useless = generator.normal(0.0, {state.noise_spread!r}, (len(X), {state.noise}))\n"
            "X = np.column_stack([X, useless])\n"
        )
        grid_noise = f"\ngrid = np.column_stack([grid, np.zeros((len(grid), {state.noise}))])"
    chosen = parameters(state)
    return _PROGRAM.format(
        estimator="KNeighborsClassifier" if is_class else "KNeighborsRegressor",
        label="class" if is_class else "value",
        points="\n".join(lines),
        as_int=".astype(int)" if is_class else "",
        noise=noise,
        parameters=", ".join(f"{name}={value!r}" for name, value in chosen.items()),
        view=tuple(view),
        columns=columns,
        rows=rows,
        grid_noise=grid_noise,
    )


def model_archive(state: State) -> bytes:
    """The three files as `model.tar.gz`, which ``kneighbors.load`` reads once it is unpacked."""
    fitted = estimator(state)
    kept = io.BytesIO()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        fitted.save(folder)
        with tarfile.open(fileobj=kept, mode="w:gz") as archive:
            for path in sorted(folder.iterdir()):
                entry = tarfile.TarInfo(path.name)
                entry.size = path.stat().st_size
                with path.open("rb") as file:
                    archive.addfile(entry, file)
    return kept.getvalue()
