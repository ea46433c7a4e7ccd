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
from typing import Any, Literal

__all__ = ["PARAMETERS", "Having", "OneOf", "Parameter", "Range", "constraints", "find"]

ALGORITHMS = ("auto", "ball_tree", "kd_tree", "brute", "hnsw")
REDUCTIONS = ("sign", "fjlt", "pca", "select")
SCALINGS = ("standard", "minmax", "robust", "unit")


@dataclass(frozen=True)
class Range:
    """Numbers of a kind from ``low`` to ``high``; None is no end, ``closed`` says which ends belong to it."""

    kind: type
    low: float | None
    high: float | None
    closed: Literal["left", "right", "both", "neither"]


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    options: tuple[str, ...]


@dataclass(frozen=True)
class Having:
    """An object with certain methods."""

    methods: tuple[str, ...]


@dataclass(frozen=True)
class Parameter:
    """One setting.

    Attributes
    ----------
    name : str
        The estimator's spelling; the key of ``PARAMETERS``.
    default : object
        The default everywhere.
    rules : tuple
        What it may be, as data: ``Range``, ``OneOf``, ``Having``, a type, ``callable``, None, or
        scikit-learn's names of more ("array-like", "random_state"). Kept free of scikit-learn, whose import
        takes a second, so that the command line can offer its options at once.
    meaning : str
        One sentence, shown by ``--help`` and in the documentation.
    option, json, sagemaker : str or None
        The other three spellings; None where the setting does not exist.
    """

    name: str
    default: Any
    rules: tuple[Any, ...]
    meaning: str
    option: str | None = None
    json: str | None = None
    sagemaker: str | None = None

    @property
    def allowed(self) -> tuple[Any, ...]:
        """The rules in the form of scikit-learn's parameter validation."""
        return tuple(_for_scikit_learn(rule) for rule in self.rules)


def _for_scikit_learn(rule: Any) -> Any:
    from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

    if isinstance(rule, Range):
        return Interval(rule.kind, rule.low, rule.high, closed=rule.closed)
    if isinstance(rule, OneOf):
        return StrOptions(set(rule.options))
    if isinstance(rule, Having):
        return HasMethods(list(rule.methods))
    return rule


_POSITIVE_INT = Range(numbers.Integral, 1, None, "left")


_ALL = (
    Parameter(
        "n_neighbors",
        5,
        (_POSITIVE_INT,),
        "How many neighbours answer a query.",
        option="--k",
        json="k",
        sagemaker="k",
    ),
    Parameter(
        "weights",
        "uniform",
        (OneOf(("uniform", "distance")), callable, None),
        "How much each neighbour's vote counts: the same for all, by inverse distance, or by a function of "
        "the distances.",
        option="--weights",
        json="kneighbors.weights",
    ),
    Parameter(
        "algorithm",
        "auto",
        (OneOf(ALGORITHMS), Having(("fit", "search"))),
        "Which index finds the neighbours: all are exact but hnsw, which is asked for its recall.",
        option="--algorithm",
        json="kneighbors.algorithm",
        sagemaker="index_type",
    ),
    Parameter(
        "leaf_size",
        30,
        (_POSITIVE_INT,),
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
        (Range(numbers.Real, 0, None, "right"), None),
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
        (Range(numbers.Real, 0, None, "both"),),
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
        (_POSITIVE_INT, None),
        "Rows kept from the training data, drawn by a seeded key; None keeps all.",
        option="--sample-size",
        json="kneighbors.sample_size",
        sagemaker="sample_size",
    ),
    Parameter(
        "scale",
        None,
        (OneOf(SCALINGS), None),
        "How columns are made comparable before distances are measured.",
        option="--scale",
        json="kneighbors.scale",
    ),
    Parameter(
        "reduce",
        None,
        (OneOf(REDUCTIONS), None),
        "How columns are made fewer: random signs, a fast Johnson-Lindenstrauss transform, PCA, selection.",
        option="--reduce",
        json="dimension_reduction.type",
        sagemaker="dimension_reduction_type",
    ),
    Parameter(
        "reduce_dim",
        None,
        (_POSITIVE_INT, None),
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
