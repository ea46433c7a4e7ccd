# SPDX-License-Identifier: Apache-2.0
"""Each setting once: its name, what it may be, its default, its meaning and its spellings.

Estimators validate against this table, the command line builds its options from it, and the documentation and
the model files take their names from it. A setting has up to four spellings: the estimator's parameter, the
command line's option, the key in the model's JSON and SageMaker's hyperparameter.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

__all__ = ["PARAMETERS", "Parameter", "constraints", "find"]

ALGORITHMS = ("auto", "ball_tree", "kd_tree", "brute")
REDUCTIONS = ("sign", "fjlt", "pca", "select")
SCALINGS = ("standard", "minmax", "robust", "unit")


@dataclass(frozen=True)
class Parameter:
    """One setting.

    Attributes
    ----------
    name : str
        The estimator's spelling; the key of ``PARAMETERS``.
    default : object
        The default everywhere.
    allowed : tuple
        Constraints in scikit-learn's form: types, intervals, options, None.
    meaning : str
        One sentence, shown by ``--help`` and in the documentation.
    option, json, sagemaker : str or None
        The other three spellings; None where the setting does not exist.
    """

    name: str
    default: Any
    allowed: tuple[Any, ...]
    meaning: str
    option: str | None = None
    json: str | None = None
    sagemaker: str | None = None


def _positive_int() -> Interval:
    return Interval(numbers.Integral, 1, None, closed="left")


_ALL = (
    Parameter(
        "n_neighbors",
        5,
        (_positive_int(),),
        "How many neighbours answer a query.",
        option="--k",
        json="k",
        sagemaker="k",
    ),
    Parameter(
        "weights",
        "uniform",
        (StrOptions({"uniform", "distance"}), callable, None),
        "How much each neighbour's vote counts: the same for all, by inverse distance, or by a function of "
        "the distances.",
        option="--weights",
        json="kneighbors.weights",
    ),
    Parameter(
        "algorithm",
        "auto",
        (StrOptions(set(ALGORITHMS)), HasMethods(["fit", "search"])),
        "Which index finds the neighbours; every choice offered here is exact.",
        option="--algorithm",
        json="kneighbors.algorithm",
        sagemaker="index_type",
    ),
    Parameter(
        "leaf_size",
        30,
        (_positive_int(),),
        "Rows in a leaf of a tree index; never changes an answer.",
        option="--leaf-size",
        json="kneighbors.leaf_size",
    ),
    Parameter(
        "metric",
        "minkowski",
        (str, callable),
        "How distance is measured, by scikit-learn's and scipy's names, or a function of two rows.",
        option="--metric",
        json="kneighbors.metric",
        sagemaker="index_metric",
    ),
    Parameter(
        "p",
        2,
        (Interval(numbers.Real, 0, None, closed="right"), None),
        "The power of the Minkowski metric: 1 is Manhattan, 2 is Euclidean.",
        option="--p",
        json="kneighbors.p",
    ),
    Parameter(
        "metric_params",
        None,
        (dict, None),
        "Further arguments of the metric, such as V or VI for Mahalanobis.",
        json="kneighbors.metric_params",
    ),
    Parameter(
        "n_jobs",
        None,
        (numbers.Integral, None),
        "Threads: None takes the cores this process may use, -1 takes all of them; never changes an answer.",
        option="--n-jobs",
    ),
    Parameter(
        "radius",
        1.0,
        (Interval(numbers.Real, 0, None, closed="both"),),
        "How far a radius query looks, in the metric's unit.",
        json="kneighbors.radius",
    ),
    Parameter(
        "priors",
        None,
        ("array-like", None),
        "Class priors, in the order of classes_, that multiply the votes; None leaves the votes as they are.",
        json="kneighbors.priors",
    ),
    Parameter(
        "random_state",
        0,
        ("random_state",),
        "Seed of whatever randomness is ours: the sample and the projections.",
        option="--seed",
        json="kneighbors.random_state",
    ),
    Parameter(
        "sample_size",
        None,
        (_positive_int(), None),
        "Rows kept from the training data, drawn by a seeded key; None keeps all.",
        option="--sample-size",
        json="kneighbors.sample_size",
        sagemaker="sample_size",
    ),
    Parameter(
        "scale",
        None,
        (StrOptions(set(SCALINGS)), None),
        "How columns are made comparable before distances are measured.",
        option="--scale",
        json="kneighbors.scale",
    ),
    Parameter(
        "reduce",
        None,
        (StrOptions(set(REDUCTIONS)), None),
        "How columns are made fewer: random signs, a fast Johnson-Lindenstrauss transform, PCA, selection.",
        option="--reduce",
        json="dimension_reduction.type",
        sagemaker="dimension_reduction_type",
    ),
    Parameter(
        "reduce_dim",
        None,
        (_positive_int(), None),
        "Columns after the reduction.",
        option="--reduce-dim",
        json="dimension_reduction.target_dim",
        sagemaker="dimension_reduction_target",
    ),
)

PARAMETERS: dict[str, Parameter] = {parameter.name: parameter for parameter in _ALL}


def constraints(*names: str) -> dict[str, list[Any]]:
    """Constraints of the named settings, in the form scikit-learn's validation takes."""
    return {name: list(PARAMETERS[name].allowed) for name in names}


def find(spelling: str, where: Callable[[Parameter], str | None]) -> Parameter | None:
    """The setting that is spelled so in one of the four places, or None."""
    return next((parameter for parameter in _ALL if where(parameter) == spelling), None)
