# SPDX-License-Identifier: Apache-2.0
"""What happened to the data and what the model is made of: one account, for fit and for inspect."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .output import as_bytes, as_count, as_seconds, print_pairs, print_table

__all__ = ["account_of", "show"]

_STEPS = {"sample": "read, sample"}


def account_of(model: Any, folder: str) -> dict[str, Any]:
    """The pipeline's account of a model, with the folder and the sizes of its files."""
    from .. import pipeline

    files = {path.name: path.stat().st_size for path in sorted(Path(folder).iterdir())}
    return {"model": os.fspath(folder), **pipeline.inspect(model), "files": files}


def show(account: dict[str, Any], *, to_error: bool = False) -> None:
    """The account for people."""
    print_pairs(_pairs(account), to_error=to_error)
    steps = [
        (
            _STEPS.get(step["step"], step["step"]),
            as_count(step["rows"]),
            as_count(step["columns"]),
            as_seconds(step["seconds"]),
            as_bytes(step["bytes"]),
        )
        for step in account["steps"]
    ]
    print_table("Steps", ("step", "rows", "columns", "time", "holds"), steps, to_error=to_error)
    files = [(name, as_bytes(size)) for name, size in account["files"].items()]
    print_table("Files", (account["model"], "size"), files, to_error=to_error)


def _pairs(account: dict[str, Any]) -> list[tuple[str, str]]:
    kept = account["rows_kept"]
    pairs = [
        ("predictor type", account["task"] or "none"),
        ("rows", f"{as_count(account['rows_seen'])} read, {as_count(kept)} kept"),
        ("columns", f"{as_count(account['columns_in'])} read, {as_count(account['columns_kept'])} searched"),
    ]
    if account["feature_names"] is not None:
        pairs.append(("names", _some(account["feature_names"])))
    for classes in account["classes"] or ():
        pairs.append(("classes", f"{as_count(len(classes))}: {_some(classes)}"))
    pairs += [
        ("k", str(account["n_neighbors"])),
        ("metric", account["metric"]),
        ("weights", account["weights"]),
    ]
    pairs.append(("scale", account["scale"] or "none"))
    reduction = account["reduce"]
    if reduction is None:
        pairs.append(("reduce", "none"))
    else:
        text = f"{reduction['type']}, {reduction['input_dim']} to {reduction['target_dim']} columns"
        variance = reduction["variance_kept"]
        pairs.append(("reduce", text if variance is None else f"{text}, {variance:.1%} of the variance kept"))
    index = account["index"]
    pairs.append(("index", ", ".join(str(index[key]) for key in ("kind", "dtype") if key in index)))
    return pairs


def _some(names: list[Any]) -> str:
    return ", ".join(str(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
