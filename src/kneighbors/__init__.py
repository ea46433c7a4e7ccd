# SPDX-License-Identifier: Apache-2.0
"""k-nearest neighbours as real software: exact, scikit-learn's interface, a model of three plain files.

Names are loaded when first used, so that ``import kneighbors`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .advise.explain import explain
    from .advise.preflight import preflight
    from .advise.scorecard import scorecard
    from .estimators import (
        KNeighborsClassifier,
        KNeighborsRegressor,
        KNeighborsTransformer,
        NearestNeighbors,
        RadiusNeighborsClassifier,
        RadiusNeighborsRegressor,
        RadiusNeighborsTransformer,
        load,
    )

__version__ = "0.1.0"

__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "KNeighborsTransformer",
    "NearestNeighbors",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "RadiusNeighborsTransformer",
    "__version__",
    "explain",
    "load",
    "preflight",
    "scorecard",
]

_HOMES = {
    "KNeighborsClassifier": "kneighbors.estimators",
    "KNeighborsRegressor": "kneighbors.estimators",
    "KNeighborsTransformer": "kneighbors.estimators",
    "NearestNeighbors": "kneighbors.estimators",
    "RadiusNeighborsClassifier": "kneighbors.estimators",
    "RadiusNeighborsRegressor": "kneighbors.estimators",
    "RadiusNeighborsTransformer": "kneighbors.estimators",
    "explain": "kneighbors.advise",
    "load": "kneighbors.estimators",
    "preflight": "kneighbors.advise",
    "scorecard": "kneighbors.advise",
}
_STEPS = (
    "advise",
    "data",
    "errors",
    "estimators",
    "index",
    "metrics",
    "model_files",
    "parameters",
    "pipeline",
    "reduce",
    "sample",
    "scale",
    "vote",
)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _STEPS:
        return importlib.import_module(f"kneighbors.{name}")
    raise AttributeError(f"module 'kneighbors' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({name for name in globals() if name.startswith("__")} | {*__all__, *_STEPS})
