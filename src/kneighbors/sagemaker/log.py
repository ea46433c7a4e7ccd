# SPDX-License-Identifier: Apache-2.0
"""What a job prints: lines in the form that the service's regular expressions look for.

A line is ``[MM/DD/YYYY HH:MM:SS LEVEL thread] text``. ``METRIC_DEFINITIONS`` are the expressions that a tuner
needs to be told with an image that is not the service's own.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from typing import Any, TextIO

__all__ = ["METRIC_DEFINITIONS", "Journal", "start_logging"]

METRIC_DEFINITIONS = [
    {"Name": "test:accuracy", "Regex": r"#quality_metric: host=\S+, test accuracy <score>=(\S+)"},
    {"Name": "test:mse", "Regex": r"#quality_metric: host=\S+, test mse <loss>=(\S+)"},
    {"Name": "test:macro_f_beta", "Regex": r"#quality_metric: host=\S+, test macro_f_\S+ <score>=(\S+)"},
    {"Name": "train:progress", "Regex": r"#progress_metric: host=\S+, completed (\S+) %"},
    {
        "Name": "train:throughput",
        "Regex": r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
    },
]
_log = logging.getLogger("kneighbors.sagemaker")


def start_logging(stream: TextIO | None = None) -> None:
    """Log lines to a stream (None: standard output), in the service's form."""
    handler = logging.StreamHandler(sys.stdout if stream is None else stream)
    form = "[%(asctime)s %(levelname)s %(thread)d] %(message)s"
    handler.setFormatter(logging.Formatter(form, datefmt="%m/%d/%Y %H:%M:%S"))
    _log.handlers[:] = [handler]
    _log.setLevel(logging.INFO)
    _log.propagate = False


class Journal:
    """The lines of one host."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._started = time.time()

    def say(self, text: str) -> None:
        """A line of prose."""
        _log.info(_printable(text))

    def fail(self, text: str) -> None:
        """A line at the level ERROR."""
        _log.error(_printable(text))

    def progress(self, percent: float) -> None:
        """How much of the training data has been read."""
        _log.info("#progress_metric: host=%s, completed %s %% of epochs", self.host, float(percent))

    def throughput(self, rows: int, seconds: float) -> None:
        """How fast it was read."""
        rate = rows / max(seconds, 1e-9)
        _log.info("#throughput_metric: host=%s, train throughput=%s records/second", self.host, rate)

    def score(self, name: str, value: float, kind: str = "score") -> None:
        """A score of the test channel; ``kind`` is "score" where more is better, else "loss"."""
        if not name.startswith("macro"):
            _log.info("#test_score (%s) : %s", self.host, (name, float(value)))
        _log.info("#quality_metric: host=%s, test %s <%s>=%s", self.host, name, kind, float(value))

    def metrics(self, counts: dict[str, float], meta: str | None = None) -> None:
        """The machine-readable line: each number as the sum, count, minimum and maximum of itself."""
        dimensions = {"Algorithm": "AWS/KNN", "Host": self.host, "Operation": "training"}
        body: dict[str, Any] = {
            "StartTime": self._started,
            "EndTime": time.time(),
            "Dimensions": dimensions | ({} if meta is None else {"Meta": meta}),
            "Metrics": {
                name: {"sum": value, "count": 1, "min": value, "max": value}
                for name, value in counts.items()
                if math.isfinite(value)
            },
        }
        _log.info("#metrics %s", json.dumps(body))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
