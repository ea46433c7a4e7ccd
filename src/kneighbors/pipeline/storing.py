# SPDX-License-Identifier: Apache-2.0
"""Save and load: the model as the plain values of a model folder, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from numpy.typing import NDArray

from .. import reduce, scale, stored_labels
from .. import settings as settings_form
from ..errors import DataError
from ..index import PlacesIndex, load_index
from ..metrics import resolve
from ..model import Model, check, reports_from
from ..model_files.contents import ModelContents
from ..sections import pack_text, unpack_text
from ..settings import Settings
from .searching import ROUNDING

__all__ = ["from_contents", "to_contents"]

Sections = dict[str, NDArray[Any]]

# The four numbers of a reduction that the managed algorithm's files name; the rest is ours.
_DOCUMENTED = ("type", "seed", "input_dim", "target_dim")


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
    sections.update(_prefixed("index", index_sections))
    if model.scaler is not None:
        sections.update(_prefixed("scale", model.scaler.arrays()))
    reduction = None
    if model.reducer is not None:
        description = model.reducer.description()
        reduction = {name: description[name] for name in _DOCUMENTED}
        values["reduction"] = {name: value for name, value in description.items() if name not in _DOCUMENTED}
        sections.update(_prefixed("reduce", model.reducer.arrays()))
    values["n_rows"] = model.n_kept
    values["n_rows_seen"] = model.n_rows_seen
    values["n_features"] = model.n_features
    values["label_kind"] = stored_labels.kind_of(model.labels)
    values["steps"] = [asdict(report) for report in model.steps]
    values["algorithm_reason"] = model.algorithm_reason
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
        dimension_reduction=reduction,
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
    index = load_index(values["index"], _under("index", sections))
    scaler = reducer = None
    if settings.scale is not None:
        scaler = scale.Scaler.from_arrays(settings.scale, _under("scale", sections))
    if contents.dimension_reduction is not None:
        description = {**contents.dimension_reduction, **values.get("reduction", {})}
        reducer = reduce.load(description, _under("reduce", sections))
        settings = replace(settings, reduce=description["type"], reduce_dim=description["target_dim"])
    labels = None
    if contents.predictor_type is not None:
        if contents.labels is None:
            raise DataError(f"predictor_type is {contents.predictor_type}, but the model holds no labels.")
        labels = stored_labels.from_sections(
            contents.labels, values.get("labels", {}), sections, contents.predictor_type
        )
        if len(labels.values) != index.n_rows:
            raise DataError(f"There are {len(labels.values)} labels for {index.n_rows} rows.")
    if index.next_id != index.n_rows:
        index = PlacesIndex(index)
    model = Model(
        settings=settings,
        metric=resolve(settings.metric, settings.p, settings.metric_params),
        index=index,
        n_rows_seen=values.get("n_rows_seen", index.n_rows),
        n_features=values.get("n_features", int(index.describe()["n_columns"])),
        row_ids=sections.get("row_ids"),
        sample_weight=sections.get("sample_weight"),
        scaler=scaler,
        reducer=reducer,
        labels=labels,
        feature_names=unpack_text(sections, "feature_names"),
        steps=reports_from(values.get("steps", [])),
        algorithm_reason=values.get("algorithm_reason", Model.algorithm_reason),
    )
    check(model)
    if contents.k * (1.0 - ROUNDING) > model.limit:
        raise DataError(
            f"k is {contents.k}, but the model answers with at most {model.limit:.15g} rows. Set k "
            "between 1 and that."
        )
    return model


def _prefixed(step: str, arrays: Mapping[str, NDArray[Any]]) -> Sections:
    return {f"{step}.{name}": array for name, array in arrays.items()}


def _under(step: str, sections: Sections) -> Sections:
    start = len(step) + 1
    return {name[start:]: array for name, array in sections.items() if name.startswith(f"{step}.")}
