# SPDX-License-Identifier: Apache-2.0
"""Questions about data and models, answered by measuring.

===============  ==============================================================================
``scorecard``    which index, scaling and reduction serves these rows best, and at what price?
``preflight``    what in these rows will mislead, and what is mending it worth?
``explain``      why does a model answer as it does, and what would change its answer?
===============  ==============================================================================
"""

from __future__ import annotations

from .explain import ClassifierExplanation, Explanation, RegressorExplanation, explain
from .preflight import Finding, Preflight, preflight
from .scorecard import Scorecard, scorecard

__all__ = [
    "ClassifierExplanation",
    "Explanation",
    "Finding",
    "Preflight",
    "RegressorExplanation",
    "Scorecard",
    "explain",
    "preflight",
    "scorecard",
]
