# SPDX-License-Identifier: Apache-2.0
"""The order of the steps, on one screen.

    fit:      rows -> [sample -> scale -> reduce] -> index          (the steps in brackets come later)
    predict:  queries -> [scale -> reduce] -> index -> vote
    save:     model -> contents of three files, and back

This is the only file that knows two steps. Estimators, the command line, the server and the cluster call it.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from . import settings as settings_form
from . import stored_labels, vote
from .errors import DataError, ParameterError
from .index import load_index, make_index
from .labels import Labels
from .metrics import Metric, resolve
from .model import Model, StepReport, check, reports_from
from .model_files.contents import ModelContents
from .sections import pack_text, unpack_text
from .settings import Settings

__all__ = [
    "Model",
    "Settings",
    "StepReport",
    "class_probabilities",
    "classify",
    "fit_model",
    "from_contents",
    "memory_estimate",
    "neighbors",
    "neighbors_within",
    "regress",
    "to_contents",
]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_ROUNDING = 2.0**-40  # sums of weights such as 0.1 miss their exact value by a little


# --- fit ---------------------------------------------------------------------------------------------------


def fit_model(
    rows: Any,
    settings: Settings,
    *,
    labels: Labels | None = None,
    sample_weight: Floats | None = None,
    feature_names: list[str] | None = None,
) -> Model:
    """All steps of fitting, in their order.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32 or float64, or CSR
        Checked; kept by reference.
    settings : Settings
    labels : Labels or None
        Of the rows with a positive weight.
    sample_weight : ndarray of shape (n,) or None
        Weights of 0 or more; rows of weight 0 are left out.
    feature_names : list of str or None
    """
    n_rows_seen = int(rows.shape[0])
    row_ids = None
    if sample_weight is not None:
        row_ids, sample_weight = _positive(sample_weight)
        if row_ids is not None:
            rows = rows[row_ids]
            if settings.metric == "precomputed":
                rows = rows[:, row_ids]
    metric = resolve(settings.metric, settings.p, settings.metric_params)
    check_weights(metric, settings.weights)
    started = time.perf_counter()
    index = make_index(
        settings.algorithm, metric, leaf_size=settings.leaf_size, sparse=hasattr(rows, "toarray")
    )
    index.fit(rows)
    report = StepReport("index", int(rows.shape[0]), time.perf_counter() - started, int(index.memory_bytes))
    return Model(
        settings, metric, index, rows, n_rows_seen, row_ids, sample_weight, labels, feature_names, [report]
    )


def _positive(sample_weight: Floats) -> tuple[Ids | None, Floats | None]:
    """The rows that count and their weights; None where all do, or where each counts once."""
    counts = np.flatnonzero(sample_weight).astype(np.int64)
    kept = sample_weight[counts]
    return (
        None if len(counts) == len(sample_weight) else counts,
        None if (kept == 1.0).all() else kept,
    )


def memory_estimate(settings: Settings, n_rows: int, n_columns: int) -> int:
    """Bytes that a model will hold beyond its rows and labels; a fitted model reports the same number."""
    from ._native import flat_memory_bytes

    metric = resolve(settings.metric, settings.p, settings.metric_params)
    return flat_memory_bytes(n_rows, n_columns) if metric.native is not None else 0


# --- search ------------------------------------------------------------------------------------------------


def neighbors(model: Model, queries: Any | None, k: int, *, n_threads: int = 1) -> tuple[Floats, Ids]:
    """The k nearest kept rows of each query, weights aside: distances and ids of shape (n_queries, k).

    ``queries`` None is leave-one-out: each kept row asks, and its own id does not answer.
    """
    _check_k(model, queries, k, model.n_kept)
    distances, places = _search(model, queries, k, n_threads)
    return distances, model.ids(places)


def neighbors_within(
    model: Model, queries: Any | None, radius: float, *, n_threads: int = 1
) -> tuple[NDArray[np.int64], Floats, Ids]:
    """All kept rows within ``radius`` of each query: offsets (n_queries + 1), distances and ids, nearest
    first.
    """
    asked, exclude = _asked(model, queries)
    offsets, distances, places = model.index.search_radius(
        asked, radius, n_threads=n_threads, exclude=exclude
    )
    return offsets, distances, model.ids(places)


def _check_k(model: Model, queries: Any | None, k: int, limit: float, own: float = 1.0) -> None:
    """Refuse a k that cannot be reached: the query does, fit never does. ``own`` is what leave-one-out
    leaves out.
    """
    leave_one_out = queries is None
    if k * (1.0 - _ROUNDING) > limit - own * leave_one_out:
        n_queries = model.n_kept if queries is None else queries.shape[0]
        sign = "<" if leave_one_out else "<="
        raise ParameterError(
            f"Expected n_neighbors {sign} n_samples_fit, but n_neighbors = {k}, n_samples_fit = "
            f"{limit:.15g}, n_samples = {n_queries}. Ask for fewer neighbours, or fit more rows."
        )


def _search(model: Model, queries: Any | None, k: int, n_threads: int) -> tuple[Floats, Ids]:
    asked, exclude = _asked(model, queries)
    return model.index.search(asked, k, n_threads=n_threads, exclude=exclude)


def _asked(model: Model, queries: Any | None) -> tuple[Any, Ids | None]:
    """The rows that ask, and the place each must not get as an answer."""
    if queries is None:
        return model.rows, np.arange(model.n_kept, dtype=np.int64)
    if model.metric.formula == "precomputed":
        return (queries if model.row_ids is None else queries[:, model.row_ids]), None
    if hasattr(queries, "toarray") and not hasattr(model.rows, "toarray"):
        queries = queries.toarray()  # sparse rows take dense and sparse queries, dense rows dense ones
    return queries, None


# --- vote --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ballot:
    """Whose votes count how much: places among the kept rows and weights, of shape (n_queries, k)."""

    places: Ids
    weights: Floats | None


def classify(
    model: Model,
    queries: Any | None,
    k: int,
    weights: vote.Weights = "uniform",
    priors: list[Floats] | None = None,
    *,
    n_threads: int = 1,
) -> NDArray[Any]:
    """Class labels of the queries, shaped like ``y``."""
    labels, ballot = _fitted_labels(model), _ballot(model, queries, k, weights, n_threads)
    assert labels.classes is not None
    codes = [
        vote.winners(
            labels.values[:, output][ballot.places],
            ballot.weights,
            len(classes),
            None if priors is None else priors[output],
        )
        for output, classes in enumerate(labels.classes)
    ]
    return labels.decode(codes)


def class_probabilities(
    model: Model,
    queries: Any | None,
    k: int,
    weights: vote.Weights = "uniform",
    priors: list[Floats] | None = None,
    *,
    n_threads: int = 1,
) -> list[Floats]:
    """For each output, the shares of the vote, of shape (n_queries, n_classes)."""
    labels, ballot = _fitted_labels(model), _ballot(model, queries, k, weights, n_threads)
    assert labels.classes is not None
    return [
        vote.probabilities(
            labels.values[:, output][ballot.places],
            ballot.weights,
            len(classes),
            None if priors is None else priors[output],
        )
        for output, classes in enumerate(labels.classes)
    ]


def regress(
    model: Model, queries: Any | None, k: int, weights: vote.Weights = "uniform", *, n_threads: int = 1
) -> Floats:
    """Mean targets of the queries, shaped like ``y``."""
    labels, ballot = _fitted_labels(model), _ballot(model, queries, k, weights, n_threads)
    means = vote.mean_targets(labels.values[ballot.places], ballot.weights)
    return means if labels.outputs_2d else means[:, 0]


def check_weights(metric: Metric, weights: vote.Weights) -> None:
    """Inverse distances need distances: an inner product is none."""
    if isinstance(weights, str) and weights == "distance" and metric.formula == "inner_product":
        raise ParameterError(
            "weights='distance' has no meaning for metric='inner_product', whose values are negative "
            "products. Use weights='uniform', a function of the values, or metric='cosine'."
        )


def _fitted_labels(model: Model) -> Labels:
    if model.labels is None:
        raise ParameterError("This model was fitted without labels; it answers neighbours only.")
    return model.labels


def _ballot(model: Model, queries: Any | None, k: int, weights: vote.Weights, n_threads: int) -> _Ballot:
    check_weights(model.metric, weights)
    if model.sample_weight is None:
        _check_k(model, queries, k, model.limit)
        distances, places = _search(model, queries, k, n_threads)
        return _Ballot(places, vote.neighbour_weights(distances, weights))
    _check_k(model, queries, k, model.limit, own=min(1.0, float(model.sample_weight.max())))
    distances, places, shares = _weighted_search(model, queries, k, n_threads)
    if (model.sample_weight == np.floor(model.sample_weight)).all():
        # Whole weights are copies: written out, so that every later step sees what it would see of real
        # copies.
        copies = shares.astype(np.int64).ravel()
        distances = np.repeat(distances.ravel(), copies).reshape(-1, k)
        places = np.repeat(places.ravel(), copies).reshape(-1, k)
        return _Ballot(places, vote.neighbour_weights(distances, weights))
    return _Ballot(places, vote.neighbour_weights(distances, weights, shares))


def _weighted_search(model: Model, queries: Any | None, k: int, n_threads: int) -> tuple[Floats, Ids, Floats]:
    """Distances, places and shares of the rows that make up a weight of k; the width is what the longest
    needs.

    In leave-one-out a row asks as one of its copies: it may answer itself with its weight less 1.
    """
    assert model.sample_weight is not None
    asked = model.rows if queries is None else _asked(model, queries)[0]
    n_queries = asked.shape[0]
    typical = float(np.mean(np.minimum(model.sample_weight, k)))
    width = min(model.n_kept, int(np.ceil(k / typical)) + 2)
    while True:
        distances, places = model.index.search(asked, width, n_threads=n_threads)
        own = None if queries is not None else places == np.arange(n_queries)[:, None]
        shares, reached = vote.take_shares(model.sample_weight[places], k, own=own)
        if reached.all() or width == model.n_kept:
            break
        width = min(model.n_kept, 2 * width)
    # What is not taken must not be seen by the weights either: it stands at the distance of the farthest
    # taken.
    farthest = np.max(distances, axis=1, where=shares > 0.0, initial=-np.inf, keepdims=True)
    distances = np.where(shares > 0.0, distances, farthest)
    used = max(1, int((shares > 0.0).any(axis=0).cumsum().argmax()) + 1) if n_queries else width
    return distances[:, :used], places[:, :used], shares[:, :used]


# --- save and load -----------------------------------------------------------------------------------------


def to_contents(model: Model, settings: Settings) -> ModelContents:
    """The model as the plain values of a model folder.

    Raises
    ------
    ParameterError
        The metric or the weights are functions, which files cannot hold.
    """
    settings = replace(
        model.settings,
        n_neighbors=settings.n_neighbors,
        weights=settings.weights,
        radius=settings.radius,
        priors=settings.priors,
    )
    values, sections = settings_form.to_json(settings)
    index_settings, index_sections = model.index.save()
    values["index"] = index_settings
    sections.update({f"index.{name}": array for name, array in index_sections.items()})
    values["n_rows"] = model.n_kept
    values["n_rows_seen"] = model.n_rows_seen
    values["label_kind"] = stored_labels.kind_of(model.labels)
    values["steps"] = [asdict(report) for report in model.steps]
    if model.row_ids is not None:
        sections["row_ids"] = model.row_ids
    if model.sample_weight is not None:
        sections["sample_weight"] = model.sample_weight
    if model.feature_names is not None:
        sections.update(pack_text(model.feature_names, "feature_names"))
    stored, predictor_type = None, None
    if model.labels is not None:
        stored, values["labels"], class_sections = stored_labels.to_sections(model.labels)
        sections.update(class_sections)
        predictor_type = "regressor" if model.labels.classes is None else "classifier"
    return ModelContents(
        k=min(5, model.n_kept) if settings.n_neighbors is None else int(settings.n_neighbors),
        predictor_type=predictor_type,
        dimension_reduction=None,
        normalize=model.metric.formula == "cosine",
        settings=values,
        sections=sections,
        labels=stored,
    )


def from_contents(contents: ModelContents) -> Model:
    """The model of a folder.

    Raises
    ------
    DataError or ParameterError
        The contents contradict each other, k is above the rows, or a regressor is asked for over string
        labels.
    """
    values, sections = contents.settings, contents.sections
    settings = settings_form.from_json(values, sections, contents.k)
    index_sections = {name[6:]: array for name, array in sections.items() if name.startswith("index.")}
    index = load_index(values["index"], index_sections)
    labels = None
    if contents.predictor_type is not None:
        if contents.labels is None:
            raise DataError(f"predictor_type is {contents.predictor_type}, but the model holds no labels.")
        labels = stored_labels.from_sections(
            contents.labels, values.get("labels", {}), sections, contents.predictor_type
        )
        if len(labels.values) != index.n_rows:
            raise DataError(f"There are {len(labels.values)} labels for {index.n_rows} rows.")
    row_ids, sample_weight = sections.get("row_ids"), sections.get("sample_weight")
    model = Model(
        settings,
        resolve(settings.metric, settings.p, settings.metric_params),
        index,
        cast(Any, index).rows,
        values.get("n_rows_seen", index.n_rows),
        row_ids,
        sample_weight,
        labels,
        unpack_text(sections, "feature_names"),
        reports_from(values.get("steps", [])),
    )
    check(model)
    if contents.k > model.limit:
        raise DataError(
            f"k is {contents.k}, but the model answers with at most {model.limit:.15g} rows. Set k "
            f"between 1 and "
            "that."
        )
    return model
