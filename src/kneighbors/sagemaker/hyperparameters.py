# SPDX-License-Identifier: Apache-2.0
"""The managed algorithm's hyperparameters: strings, their documented ranges, defaults and couplings.

Names that begin with ``_`` or ``sagemaker_`` belong to the service and are not looked at, but for
``_faiss_index_nprobe`` and two of our own: ``_seed`` (of the sample and the projection) and ``_quota``
("merge", or "equal" for the managed algorithm's exact ``sample_size`` / hosts rows of each host).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..settings import Settings
from .failures import JobError

__all__ = ["ALGORITHMS", "Hyperparameters", "parse"]

PQ_M = (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96)
ALGORITHMS: dict[str, str] = {"faiss.Flat": "brute"}
"""Index types that are built, and the setting ``algorithm`` of each; the place for others to join."""
METRICS = {"L2": "euclidean", "INNER_PRODUCT": "inner_product", "COSINE": "cosine"}
_INDEX_TYPES = ("faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ")
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Hyperparameters:
    """What a job asks for, checked; ``given`` and defaults under the managed algorithm's names.

    Attributes
    ----------
    values : dict
        Every hyperparameter; "auto" stays as it is, absent ones are None.
    """

    values: dict[str, Any]

    @property
    def task(self) -> Any:
        return self.values["predictor_type"]

    @property
    def k(self) -> int:
        return int(self.values["k"])

    @property
    def sample_size(self) -> int:
        return int(self.values["sample_size"])

    @property
    def mini_batch_size(self) -> int:
        return int(self.values["mini_batch_size"])

    @property
    def feature_dim(self) -> int | None:
        found = self.values["feature_dim"]
        return None if found == "auto" else int(found)

    def settings(self) -> Settings:
        """The same as settings of a model."""
        return Settings(
            n_neighbors=self.k,
            algorithm=ALGORITHMS[self.values["index_type"]],
            metric=METRICS[self.values["index_metric"]],
            random_state=self.values["_seed"],
            sample_size=self.sample_size,
            reduce=self.values["dimension_reduction_type"],
            reduce_dim=self.values["dimension_reduction_target"],
        )

    def check_width(self, n_features: int) -> None:
        """Refuse data that is not as wide as promised, or no wider than what it is to be reduced to."""
        if self.feature_dim is not None and self.feature_dim != n_features:
            raise JobError(
                f"Hyperparameter feature_dim: {self.feature_dim} was given, but the rows of the train "
                f"channel have {n_features} features beside the label. Set feature_dim to {n_features}, "
                "or mend the data."
            )
        target = self.values["dimension_reduction_target"]
        if target is not None and target >= n_features:
            raise _out_of_range(
                "dimension_reduction_target", target, f"1 to {n_features - 1} (feature_dim - 1)"
            )


def _whole(least: int, most: int = _LARGEST) -> Callable[[str, str], int]:
    def read(name: str, text: str) -> int:
        if not re.fullmatch(r"\+?[0-9]{1,19}", text):
            raise JobError(
                f"Hyperparameter {name}: could not parse value {_shown(text)}; expected a whole number, "
                f"{_range(least, most)}."
            )
        if not least <= int(text) <= most:
            raise _out_of_range(name, text, _range(least, most))
        return int(text)

    return read


def _one_of(*options: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in options:
            near = difflib.get_close_matches(text.lower(), [option.lower() for option in options], 1)
            guess = next((option for option in options if near and option.lower() == near[0]), None)
            raise JobError(
                f"Hyperparameter {name}: {_shown(text)} is not in {', '.join(options)}."
                + (f" Did you mean {guess}?" if guess else "")
            )
        return text

    return read


def _auto_or(read: Callable[[str, str], int]) -> Callable[[str, str], int | str]:
    return lambda name, text: text if text == "auto" else read(name, text)


def _absent_or(read: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """Graphical tools send an empty text, and some users "none", for what is not set."""
    return lambda name, text: None if text in ("", "none") else read(name, text)


def _sub_quantizers(name: str, text: str) -> int:
    found = _whole(1)(name, text)
    if found not in PQ_M:
        raise _out_of_range(name, text, ", ".join(map(str, PQ_M)))
    return found


_REQUIRED = object()
_KNOWN: dict[str, tuple[Callable[[str, str], Any], Any]] = {
    "k": (_whole(1, 1024), _REQUIRED),
    "predictor_type": (_one_of("classifier", "regressor"), _REQUIRED),
    "sample_size": (_whole(1), _REQUIRED),
    "feature_dim": (_auto_or(_whole(1)), "auto"),
    "dimension_reduction_type": (_absent_or(_one_of("sign", "fjlt")), None),
    "dimension_reduction_target": (_absent_or(_whole(1)), None),
    "index_type": (_one_of(*_INDEX_TYPES), "faiss.Flat"),
    "index_metric": (_one_of(*METRICS), "L2"),
    "faiss_index_ivf_nlists": (_auto_or(_whole(1)), "auto"),
    "faiss_index_pq_m": (_absent_or(_sub_quantizers), None),
    "mini_batch_size": (_whole(1), 5000),
    "_faiss_index_nprobe": (_whole(1), 5),
    "_seed": (_whole(0), 0),
    "_quota": (_one_of("merge", "equal"), "merge"),
}


def parse(given: Mapping[str, Any]) -> Hyperparameters:
    """Check hyperparameters as the service hands them over.

    Parameters
    ----------
    given : mapping from str to str
        Numbers in place of strings are taken as well.

    Raises
    ------
    JobError
        A name, a value or a combination that is not allowed; it says what is.

    Examples
    --------
    >>> parse({"k": "5", "predictor_type": "classifier", "sample_size": "1000"}).values["index_metric"]
    'L2'
    """
    for name in given:
        if name not in _KNOWN and not name.startswith(("_", "sagemaker_")):
            near = difflib.get_close_matches(name, _KNOWN, 1)
            raise JobError(
                f"Extraneous hyperparameter found: {name}."
                + (f" Did you mean {near[0]}?" if near else f" Known are {', '.join(_public())}.")
            )
    values: dict[str, Any] = {}
    for name, (read, default) in _KNOWN.items():
        if name in given:
            values[name] = read(name, _text(name, given[name]))
        elif default is _REQUIRED:
            raise JobError(f"Missing required hyperparameter: {name}.")
        else:
            values[name] = default
    _check_together(values)
    return Hyperparameters(values)


def _check_together(values: dict[str, Any]) -> None:
    kind, target = values["dimension_reduction_type"], values["dimension_reduction_target"]
    if target is not None and kind is None:
        raise JobError(
            "Hyperparameter dimension_reduction_target should only be set when dimension_reduction_type is "
            "set. Set dimension_reduction_type to sign or fjlt, or leave the target out."
        )
    if kind is not None and target is None:
        raise JobError(
            f"Missing required hyperparameter: dimension_reduction_target, since dimension_reduction_type is "
            f"{kind}. Set it to 1 or more, below feature_dim."
        )
    width = values["feature_dim"]
    if target is not None and width != "auto" and target >= width:
        raise _out_of_range("dimension_reduction_target", target, f"1 to {width - 1} (feature_dim - 1)")
    index_type, metric, pq_m = values["index_type"], values["index_metric"], values["faiss_index_pq_m"]
    if pq_m is not None and index_type != "faiss.IVFPQ":
        raise JobError(
            f"Hyperparameter faiss_index_pq_m should only be set when index_type is faiss.IVFPQ, and it is "
            f"{index_type}. Leave it out, or set index_type to faiss.IVFPQ."
        )
    if index_type == "faiss.IVFPQ" and metric != "L2":
        raise JobError(
            f"Hyperparameter index_metric: {metric} is not supported with index_type faiss.IVFPQ. Set it to "
            "L2, or set index_type to faiss.Flat or faiss.IVFFlat."
        )
    if index_type == "faiss.IVFPQ" and pq_m is None:
        raise JobError(
            "Missing required hyperparameter: faiss_index_pq_m, since index_type is faiss.IVFPQ. Set it to "
            f"one of {', '.join(map(str, PQ_M))}."
        )
    if index_type not in ALGORITHMS:
        raise JobError(
            f"Hyperparameter index_type: {index_type} is not built by this version. Set it to "
            f"{' or '.join(ALGORITHMS)}, whose answers are exact."
        )


def _public() -> list[str]:
    return [name for name in _KNOWN if not name.startswith("_")]


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise JobError(
            f"Hyperparameter {name}: could not parse value {_shown(json.dumps(value))}; expected text."
        )
    return str(value)


def _out_of_range(name: str, value: Any, allowed: str) -> JobError:
    return JobError(f"Hyperparameter {name}: {_shown(str(value))} is not in {allowed}.")


def _range(least: int, most: int) -> str:
    return f"{least} or more" if most == _LARGEST else f"{least} to {most}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
