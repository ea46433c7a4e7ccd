# SPDX-License-Identifier: Apache-2.0
"""How distance is measured: the one place that knows the metrics' names.

``resolve`` turns what a user wrote (a name, ``p``, ``metric_params`` or a function) into a frozen ``Metric``.
The native scan answers the metrics that are a dot product (``Metric.native``); every other one is computed
here in float64, mostly by scipy, for any block of queries and rows.

``names.py``      every name, its arguments and their checks: ``resolve``
``metric.py``     ``Metric``: one resolved metric, measuring blocks
``formulas.py``   the formulas that scipy does not have, and what is estimated from the rows

Where a formula divides zero by zero the answer is fixed, so that every distance can be ordered: two empty
sets ("dice", "sokalsneath") and two zero vectors ("braycurtis") are at distance 0; a zero vector ("cosine")
or a constant one ("correlation") is at distance 1 from everything. NaN leaves only for "nan_euclidean",
between rows that share no known coordinate, and from a user's function; it is ordered last.
"""

from __future__ import annotations

from .metric import Metric
from .names import NAMES, resolve

__all__ = ["NAMES", "Metric", "resolve"]
