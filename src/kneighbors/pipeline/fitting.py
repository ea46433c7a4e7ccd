# SPDX-License-Identifier: Apache-2.0
"""Fit: sample, scale, reduce, index, in this order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import reduce, scale
from ..errors import DataError, ParameterError
from ..index import TREE_COLUMNS, Index, KDTreeIndex, MetricIndex, choose, make_index, tree_metric
from ..labels import Labels, check_discrete, encode_classes, encode_targets
from ..metrics import Metric, resolve
from ..model import Model, StepReport
from ..sample import Sample, Sampler, sampled_rows
from ..settings import Settings
from .answering import check_weights

if TYPE_CHECKING:
    from ..data import Source

__all__ = ["fit_model", "fit_sample", "fit_source", "memory_estimate"]

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Task = Literal["classifier", "regressor"]
Progress = Callable[[int, "int | None", int], None]


def fit_model(
    rows: Any,
    settings: Settings,
    *,
    labels: Labels | None = None,
    sample_weight: Floats | None = None,
    feature_names: list[str] | None = None,
    n_threads: int = 1,
) -> Model:
    """All steps of fitting, over rows in memory.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32 or float64, or CSR
        Checked; kept by reference where no step makes new ones.
    settings : Settings
    labels : Labels or None
        Of the rows with a positive weight.
    sample_weight : ndarray of shape (n,) or None
        Weights of 0 or more; rows of weight 0 are left out before the sample is drawn.
    feature_names : list of str or None
    n_threads : int, default=1
        Never changes an answer.

    Raises
    ------
    ParameterError
        Settings that contradict each other or the shape of the rows.
    DataError
        Rows that a step cannot take.
    """
    n_rows_seen = int(rows.shape[0])
    metric = resolve(settings.metric, settings.p, settings.metric_params)
    check_steps(settings, metric, rows)
    row_ids = None
    if sample_weight is not None:
        row_ids, sample_weight = _positive(sample_weight)
        if row_ids is not None:
            rows = _pick(rows, row_ids, metric)
    steps = []
    if settings.sample_size is not None:
        started = time.perf_counter()
        candidates = np.arange(n_rows_seen, dtype=np.int64) if row_ids is None else row_ids
        chosen = sampled_rows(candidates, settings.sample_size, settings.random_state)
        if len(chosen) < len(candidates):
            row_ids = candidates[chosen]
            rows = _pick(rows, chosen, metric)
            labels = None if labels is None else labels.take(chosen)
            sample_weight = None if sample_weight is None else sample_weight[chosen]
        steps.append(_report("sample", rows, started, 0 if row_ids is None else row_ids.nbytes))
    return _fit_sampled(
        rows,
        settings,
        metric,
        steps,
        n_threads,
        n_rows_seen=n_rows_seen,
        row_ids=row_ids,
        sample_weight=sample_weight,
        labels=labels,
        feature_names=feature_names,
    )


def fit_source(
    source: Source,
    settings: Settings,
    task: Task | None,
    *,
    n_threads: int = 1,
    progress: Progress | None = None,
) -> Model:
    """All steps of fitting, over a source that is read once, in batches and bounded memory.

    Parameters
    ----------
    source : data.Source
        With a column of labels exactly when there is a task.
    settings : Settings
    task : {"classifier", "regressor"} or None
    n_threads : int, default=1
    progress : callable or None
        Called with rows read, rows in all (or None) and bytes read.

    Returns
    -------
    Model
        The same as ``fit_model`` gives for all rows of the source.

    Raises
    ------
    DataError
        The source cannot be read, or its labels do not fit the task.
    """
    if (task is not None) != source.has_labels:
        have = "has" if source.has_labels else "has no"
        raise DataError(
            f"{source.name} {have} labels, but the predictor type is {task or 'none'}. Name the label column "
            "for a classifier or regressor, and none for plain search."
        )
    metric = resolve(settings.metric, settings.p, settings.metric_params)
    check_weights(metric, settings.weights)
    check_steps(settings, metric, np.empty((0, source.n_features)))  # before a long file is read
    started = time.perf_counter()
    sampler = Sampler(settings.sample_size, settings.random_state)
    for batch in source.batches(progress=progress):
        sampler.update(batch.first_row, batch.features, batch.labels)
    names = None if source.feature_names is None else list(source.feature_names)
    return fit_sample(
        sampler.result(), settings, task, n_threads=n_threads, feature_names=names, started=started
    )


def fit_sample(
    sample: Sample,
    settings: Settings,
    task: Task | None,
    *,
    n_threads: int = 1,
    feature_names: list[str] | None = None,
    started: float | None = None,
) -> Model:
    """The steps after a sample that was drawn elsewhere, by one worker or several.

    Parameters
    ----------
    sample : sample.Sample
        With global row numbers, and with labels exactly when there is a task.
    settings : Settings
    task : {"classifier", "regressor"} or None
    n_threads : int, default=1
    feature_names : list of str or None, default=None
    started : float or None, default=None
        ``time.perf_counter()`` when sampling began; None reports no time for it.

    Returns
    -------
    Model

    Raises
    ------
    ParameterError
        Settings that do not go together or do not fit the rows.
    DataError
        Labels that do not fit the task.
    """
    started = time.perf_counter() if started is None else started
    metric = resolve(settings.metric, settings.p, settings.metric_params)
    check_steps(settings, metric, sample.features)
    everything = len(sample.sample_indices) == sample.n_seen
    labels = None
    if task is not None:
        labels = (encode_classes if task == "classifier" else encode_targets)(sample.labels)
        check_discrete(labels)
    return _fit_sampled(
        sample.features,
        settings,
        metric,
        [_report("sample", sample.features, started, sample.sample_indices.nbytes)],
        n_threads,
        n_rows_seen=sample.n_seen,
        row_ids=None if everything else sample.sample_indices,
        sample_weight=None,
        labels=labels,
        feature_names=feature_names,
    )


def _fit_sampled(
    rows: Any,
    settings: Settings,
    metric: Metric,
    steps: list[StepReport],
    n_threads: int,
    *,
    labels: Labels | None,
    **kept: Any,
) -> Model:
    """The steps after the sample."""
    check_weights(metric, settings.weights)
    n_features = int(rows.shape[1])
    scaler = reducer = None
    if settings.scale is not None:
        started = time.perf_counter()
        scaler = scale.fit(settings.scale, rows)
        rows = scaler.transform(rows)
        steps.append(_report("scale", rows, started, sum(a.nbytes for a in scaler.arrays().values())))
    if settings.reduce is not None:
        started = time.perf_counter()
        assert settings.reduce_dim is not None
        reducer = reduce.fit(
            settings.reduce,
            rows,
            settings.reduce_dim,
            random_state=settings.random_state,
            labels=None if labels is None else labels.values[:, 0],
            task=None if labels is None else "regressor" if labels.classes is None else "classifier",
        )
        rows = reducer.transform(rows, n_threads=n_threads)
        steps.append(_report("reduce", rows, started, sum(a.nbytes for a in reducer.arrays().values())))
    started = time.perf_counter()
    index: Index | None = None
    reason = "It was asked for."
    if isinstance(settings.algorithm, str) and settings.algorithm == "auto":
        index, reason = choose(metric, rows)
    if index is None:
        sparse = hasattr(rows, "toarray")
        index = make_index(settings.algorithm, metric, leaf_size=settings.leaf_size, sparse=sparse)
    index.fit(rows)
    steps.append(_report("index", rows, started, int(index.memory_bytes)))
    return Model(
        settings=settings,
        metric=metric,
        index=index,
        algorithm_reason=reason,
        n_features=n_features,
        scaler=scaler,
        reducer=reducer,
        labels=labels,
        steps=steps,
        **kept,
    )


def check_steps(settings: Settings, metric: Metric, rows: Any) -> None:
    """Refuse settings that do not go together or do not fit the rows.

    Raises
    ------
    ParameterError
        Naming both settings and a way out.
    """
    if (settings.reduce is None) != (settings.reduce_dim is None):
        given, missing = ("reduce", "reduce_dim") if settings.reduce_dim is None else ("reduce_dim", "reduce")
        raise ParameterError(
            f"{given}={getattr(settings, given)!r} was given without {missing}. Set both: reduce says how, "
            "reduce_dim to how many columns."
        )
    changed = [name for name in ("scale", "reduce") if getattr(settings, name) is not None]
    if not changed:
        return
    if metric.formula == "precomputed":
        raise ParameterError(
            f"{' and '.join(changed)} cannot be used with metric='precomputed': distances have no columns."
        )
    if hasattr(rows, "toarray"):
        raise ParameterError(
            f"{' and '.join(changed)} need dense rows, and X is sparse. Pass X.toarray(), or reduce X first "
            "(scikit-learn's TruncatedSVD takes sparse rows)."
        )
    if settings.reduce_dim is not None and settings.reduce_dim > rows.shape[1]:
        raise ParameterError(
            f"reduce_dim={settings.reduce_dim} was given for rows of {rows.shape[1]} columns. Choose 1 to "
            f"{rows.shape[1]}."
        )


def _pick(rows: Any, places: Ids, metric: Metric) -> Any:
    rows = rows[places]
    return rows[:, places] if metric.formula == "precomputed" else rows


def _report(step: str, rows: Any, started: float, n_bytes: int) -> StepReport:
    seconds = time.perf_counter() - started
    return StepReport(step, int(rows.shape[0]), int(rows.shape[1]), seconds, int(n_bytes))


def _positive(sample_weight: Floats) -> tuple[Ids | None, Floats | None]:
    """The rows that count and their weights; None where all do, or where each counts once."""
    counts = np.flatnonzero(sample_weight).astype(np.int64)
    kept = sample_weight[counts]
    return (
        None if len(counts) == len(sample_weight) else counts,
        None if (kept == 1.0).all() else kept,
    )


def memory_estimate(settings: Settings, n_rows: int, n_columns: int, dtype: Any = np.float32) -> int:
    """Bytes that a model will hold beyond its rows and labels, as its index will report them.

    Rows that int8 codes cannot tell apart take float32 panels, about four times as much.
    """
    from .._native import flat_memory_bytes

    if settings.sample_size is not None:
        n_rows = min(n_rows, settings.sample_size)
    if settings.reduce_dim is not None:
        n_columns = settings.reduce_dim
    metric = resolve(settings.metric, settings.p, settings.metric_params)
    in_tree = settings.algorithm == "kd_tree" or (settings.algorithm == "auto" and n_columns <= TREE_COLUMNS)
    if in_tree and tree_metric(metric) is not None:
        return KDTreeIndex.bytes_for(n_rows, n_columns, np.dtype(dtype).itemsize)
    if metric.native is not None:
        return flat_memory_bytes(n_rows, n_columns)
    return MetricIndex.bytes_for(metric, n_rows, n_columns) if metric.tile or metric.whitens else 0
