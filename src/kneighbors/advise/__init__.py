# SPDX-License-Identifier: Apache-2.0
"""Questions about data and models, answered by measuring.

===============  ==============================================================================
``scorecard``    which index, scaling and reduction serves these rows best, and at what price?
``explain``      why does a model answer as it does, and what would change its answer?
===============  ==============================================================================
"""

from __future__ import annotations

from .explain import ClassifierExplanation, Explanation, RegressorExplanation, explain
from .scorecard import Scorecard, scorecard

__all__ = [
    "ClassifierExplanation",
    "Explanation",
    "RegressorExplanation",
    "Scorecard",
    "explain",
    "scorecard",
]
