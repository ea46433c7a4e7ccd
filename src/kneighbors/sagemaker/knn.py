# SPDX-License-Identifier: Apache-2.0
"""``KNN``: a training job in the managed algorithm's terms, run here."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..errors import ParameterError
from .failures import JobError
from .hyperparameters import parse
from .log import METRIC_DEFINITIONS

__all__ = ["KNN"]

_RECORDIO = "application/x-recordio-protobuf"


class KNN:
    """Train a model by hyperparameters of the managed algorithm, without a container or a cloud.

    The names and their checks are those of the SDK's former class ``KNN``; what only a cloud job has (role,
    instances) is left out. The model is a folder that ``kneighbors serve`` and ``kneighbors.load`` take.

    Parameters
    ----------
    k, sample_size : int
    predictor_type : {"classifier", "regressor"}
    output_path : str or os.PathLike
        The model folder. It is made if it is not there; a model in it is replaced.
    **hyperparameters
        Further ones by the managed algorithm's names, such as ``index_metric="COSINE"``. None leaves one out.

    Attributes
    ----------
    scores : dict of str to float
        After ``fit``: "test:accuracy" and "test:macro_f_beta", or "test:mse", where there was a test channel;
        "train:throughput".

    Raises
    ------
    ParameterError
        A hyperparameter or a combination that is not allowed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from kneighbors.sagemaker import KNN
    >>> rows, labels = np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([0, 0, 1, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     knn = KNN(k=1, sample_size=100, predictor_type="classifier", output_path=folder + "/model")
    ...     estimator = knn.fit((rows, labels), (rows, labels))
    ...     knn.scores["test:accuracy"], estimator.predict([[0.9]]).tolist()
    (1.0, [1])
    """

    def __init__(
        self,
        *,
        k: int,
        sample_size: int,
        predictor_type: str,
        output_path: str | os.PathLike[str],
        **hyperparameters: Any,
    ) -> None:
        given = {"k": k, "sample_size": sample_size, "predictor_type": predictor_type, **hyperparameters}
        self.output_path = os.fspath(output_path)
        self.scores: dict[str, float] = {}
        self._given = {name: _text(value) for name, value in given.items() if value is not None}
        try:
            parse(self._given)
        except JobError as error:
            raise ParameterError(str(error)) from error

    def hyperparameters(self) -> dict[str, str]:
        """All of them as strings: what a cloud training job with a ``training_image`` is given."""
        return dict(self._given)

    @property
    def metric_definitions(self) -> list[dict[str, str]]:
        """Names and regular expressions of the metrics: what a tuner with an image of one's own is given."""
        return [dict(one) for one in METRIC_DEFINITIONS]

    def fit(
        self,
        train: Any,
        test: Any = None,
        *,
        content_type: str | None = None,
        logs: bool = False,
    ) -> Any:
        """Train, and score if there are test rows.

        Parameters
        ----------
        train, test : str, os.PathLike or pair
            A file or folder as a channel has it, or ``(rows, labels)`` in memory. None for ``test``: no
            scores.
        content_type : str or None, default=None
            Of files: "text/csv" (no header, the label first) or None for RecordIO-protobuf.
        logs : bool, default=False
            Whether the job's lines are printed.

        Returns
        -------
        KNeighborsClassifier or KNeighborsRegressor
            The model at ``output_path``, loaded. It answers in the estimators' terms (distances not squared,
            nearest first); the server answers in the managed algorithm's.

        Raises
        ------
        DataError
            The job failed; the message is that of its failure file.
        """
        from .training import train as run

        with tempfile.TemporaryDirectory(prefix="kneighbors-job-") as base:
            folders = Path(base)
            for folder in ("input/config", "input/data", "output"):
                (folders / folder).mkdir(parents=True)
            channels = {"train": train} if test is None else {"train": train, "test": test}
            described = {
                name: _lay_out(folders / "input" / "data" / name, given, content_type)
                for name, given in channels.items()
            }
            for name, content in (("hyperparameters", self._given), ("inputdataconfig", described)):
                (folders / "input" / "config" / f"{name}.json").write_text(json.dumps(content))
            os.makedirs(self.output_path, exist_ok=True)
            (folders / "model").symlink_to(os.path.abspath(self.output_path), target_is_directory=True)
            said = _Copy(sys.stdout if logs else None)
            code = run({"SAGEMAKER_BASE_DIR": base}, stream=said)
            if code:
                failure = folders / "output" / "failure"
                text = failure.read_text() if failure.exists() else f"The job ended with code {code}."
                raise JobError(text.partition("\n")[0].partition(": ")[2] or text)
        self.scores = _scores(said.getvalue())
        from ..estimators import load

        return load(self.output_path)


class _Copy(io.StringIO):
    """Keeps what is written, and passes it on."""

    def __init__(self, other: Any) -> None:
        super().__init__()
        self._other = other

    def write(self, text: str) -> int:
        if self._other is not None:
            self._other.write(text)
        return super().write(text)


def _lay_out(folder: Path, given: Any, content_type: str | None) -> dict[str, str]:
    """A channel's folder, and its description."""
    if isinstance(given, tuple) and len(given) == 2:
        from ..data import encode_recordio, open

        batch = open(given).read()
        assert batch.labels is not None
        if batch.labels.dtype.kind in "OU":
            raise JobError("labels of text were given; expected numbers, or a CSV file with text in it.")
        folder.mkdir()
        (folder / "part-0").write_bytes(encode_recordio({"values": batch.labels}, batch.features))
        return {"ContentType": _RECORDIO}
    path = os.path.abspath(os.fspath(given))
    if not os.path.exists(path):
        raise JobError(f"{path}: there is no such file or folder.")
    if os.path.isdir(path):
        folder.symlink_to(path, target_is_directory=True)
    else:
        folder.mkdir()
        (folder / os.path.basename(path)).symlink_to(path)
    return {} if content_type is None else {"ContentType": content_type}


def _scores(said: str) -> dict[str, float]:
    found = {one["Name"]: re.findall(one["Regex"], said) for one in METRIC_DEFINITIONS}
    return {name: float(values[-1]) for name, values in found.items() if values}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
