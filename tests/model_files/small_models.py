# SPDX-License-Identifier: Apache-2.0
"""Small models for the tests, and how two of them are compared."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from xxhash import xxh3_64_intdigest

from kneighbors.model_files import ModelContents, read, write

INDEX, LABELS, JSON = "model_algo-1", "model_algo-1.labels", "model_algo-1.json"


def classifier() -> ModelContents:
    """String classes, codes that fit float32, a scaler, an empty section, settings of every JSON type."""
    rows = np.array([[0.5, -1.0], [2.0, 1e-30], [3.25, -0.0], [4.0, 7.0], [1.5, 1e30]], dtype=np.float32)
    return ModelContents(
        k=3,
        predictor_type="classifier",
        dimension_reduction=None,
        normalize=False,
        settings={
            "algorithm": "auto",
            "metric": "minkowski",
            "p": 2,
            "radius": 1e-7,
            "priors": [0.25, 0.30000000000000004, 0.45],
            "n_rows": 5,
            "label_kind": "string",
            "note": {"größe": 'a "b" \\ c', "missing": None, "yes": True, "deep": [[-5, 0.1], [-0.0]]},
        },
        sections={
            "rows": rows,
            "classes.0.text": np.frombuffer("catdoglöwe".encode(), dtype=np.uint8),
            "classes.0.offsets": np.array([0, 3, 6, 11]),
            "scale.mean": np.array([0.1, 0.2]),
            "removed": np.empty(0, dtype=np.int64),
        },
        labels=np.array([2, 0, 1, 1, 0]),
    )


def regressor() -> ModelContents:
    """Two outputs that float32 cannot hold, a reduction, the cosine metric."""
    return ModelContents(
        k=2,
        predictor_type="regressor",
        dimension_reduction={"type": "sign", "seed": 3, "target_dim": 2, "input_dim": 4},
        normalize=True,
        settings={"metric": "cosine", "label_kind": "number"},
        sections={"rows": np.arange(6, dtype=np.float64).reshape(3, 2) / 3.0},
        labels=np.array([[0.1, 2.0**53 + 2], [-0.0, 1e-300], [1.0, 0.3]]),
    )


def unlabelled() -> ModelContents:
    """No labels: predictor_type null and an empty file."""
    return ModelContents(
        k=1,
        predictor_type=None,
        dimension_reduction=None,
        normalize=False,
        settings={"metric": "euclidean"},
        sections={"rows": np.arange(8, dtype=np.float32).reshape(4, 2)},
    )


MODELS: dict[str, Callable[[], ModelContents]] = {
    "classifier": classifier,
    "regressor": regressor,
    "unlabelled": unlabelled,
}


def same_array(one: Any, other: Any) -> bool:
    """Equal in dtype, shape and every bit."""
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def differences(one: ModelContents, other: ModelContents) -> list[str]:
    """The names of the fields in which two models differ, down to the bit."""
    found = [
        name
        for name in ("k", "predictor_type", "dimension_reduction", "normalize", "settings")
        if _told(getattr(one, name)) != _told(getattr(other, name))
    ]
    if list(one.sections) != list(other.sections) or not all(
        same_array(one.sections[name], other.sections[name]) for name in one.sections
    ):
        found.append("sections")
    if not same_array(one.labels, other.labels):
        found.append("labels")
    return found


def _told(value: Any) -> str:
    """A text that tells 1 from 1.0 and 0.0 from -0.0, but not the order of keys."""
    return json.dumps(value, sort_keys=True)


def files_of(folder: Path) -> dict[str, bytes]:
    """The content of each file in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Put these files in a folder, whatever is there."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def overwrite(path: Path, content: bytes) -> None:
    """Replace a file's content in place: a file that is emptied first is flushed to disk each time."""
    with open(path, "r+b") as file:
        file.write(content)
        file.truncate(len(content))


def saved(folder: Path, name: str = "classifier") -> ModelContents:
    """Write one of the models and return it as it reads back."""
    write(folder, MODELS[name]())
    return read(folder)


def edit_json(folder: Path, change: Callable[[dict[str, Any]], None], **style: Any) -> None:
    """Rewrite the JSON with another program's spacing after a change."""
    path = folder / JSON
    tree = json.loads(path.read_text("utf-8"))
    change(tree)
    path.write_text(json.dumps(tree, **style), "utf-8")


def reseal(index: bytes, header: bytes | None = None, file_bytes: int | None = None) -> bytes:
    """The index with another header and right checksums: what a careful attacker writes."""
    old_length = int.from_bytes(index[16:24], "little")
    data = index[64 + -(-old_length // 64) * 64 :]
    header = index[64 : 64 + old_length] if header is None else header
    padded = header.ljust(-(-len(header) // 64) * 64, b"\0")
    size = 64 + len(padded) + len(data) if file_bytes is None else file_bytes
    prefix = index[:16] + len(header).to_bytes(8, "little") + size.to_bytes(8, "little")
    prefix += xxh3_64_intdigest(header).to_bytes(8, "little") + bytes(16)
    return prefix + xxh3_64_intdigest(prefix).to_bytes(8, "little") + padded + data


def header_of(index: bytes) -> dict[str, Any]:
    """The JSON header of an index."""
    length = int.from_bytes(index[16:24], "little")
    return dict(json.loads(index[64 : 64 + length]))


def with_index(folder: Path, index: bytes) -> None:
    """Replace the index, and have the JSON and the fingerprints agree with it wherever they can."""
    tree = json.loads((folder / JSON).read_text("utf-8"))
    entry = tree["kneighbors"]["files"]["index"]
    entry["bytes"] = len(index)
    files = json.loads(json.dumps(tree["kneighbors"]["files"]))
    del files["index"]["sha256"]
    fingerprint = hashlib.sha256(_canonical(files).encode()).hexdigest().encode()
    length = int.from_bytes(index[16:24], "little")
    header = re.sub(rb'("kneighbors.files":")[0-9a-f]{64}', rb"\g<1>" + fingerprint, index[64 : 64 + length])
    if header != index[64 : 64 + length]:
        index = reseal(index, header, int.from_bytes(index[24:32], "little"))
    entry["sha256"] = hashlib.sha256(index).hexdigest()
    overwrite(folder / JSON, json.dumps(tree).encode())
    overwrite(folder / INDEX, index)


def _canonical(value: Any) -> str:
    """The documented canonical text, written a second time and only for what the file table holds."""
    if isinstance(value, dict):
        return "{" + ",".join(f'"{key}":{_canonical(value[key])}' for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, int):
        text = str(value)
        digits = text.rstrip("0")
        return f"{digits}e{len(text) - len(digits)}" if digits else "0"
    return "null" if value is None else f'"{value}"'
