# SPDX-License-Identifier: Apache-2.0
"""How distance is measured: the one place that knows the metrics' names.

``resolve`` turns what a user wrote (a name, ``p``, ``metric_params`` or a function) into a frozen ``Metric``.
One native scan answers the metrics that are a dot product (``Metric.native``), another those with tiles of
their own (``Metric.tile``), and two metrics are Euclidean once rows are moved (``Metric.whitens``). Every
other one is computed here in float64, by scipy, for any block of queries and rows. A Python function is
called once per pair of rows: it is hundreds of times slower than any name.

``names.py``      every name, its arguments and their checks: ``resolve``
``metric.py``     ``Metric``: one resolved metric, measuring blocks
``formulas.py``   the formulas, and what is estimated from the rows
``whitening.py``  rows moved so that "seuclidean" and "mahalanobis" become Euclidean

Where a formula divides zero by zero the answer is fixed, so that every distance can be ordered: two empty
sets ("dice", "sokalsneath") and two zero vectors ("braycurtis") are at distance 0; a zero vector ("cosine")
or a constant one ("correlation") is at distance 1 from everything. NaN leaves only for "nan_euclidean",
between rows that share no known coordinate, and from a user's function; it is ordered last.
"""

from __future__ import annotations

from .formulas import reduced_angles
from .metric import Metric
from .names import NAMES, resolve
from .whitening import Whitening

__all__ = ["NAMES", "Metric", "Whitening", "reduced_angles", "resolve"]
