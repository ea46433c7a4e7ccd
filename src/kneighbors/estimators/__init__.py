# SPDX-License-Identifier: Apache-2.0
"""The estimators: scikit-learn's contract in front of the pipeline.

=========================  ===========================================================================
``base.py``                what all share: parameters, neighbour queries, graphs, saving
``classifier.py`` etc.     one estimator per file
``inputs.py``              rows, labels and weights, checked; NaN named with row and column
``loading.py``             from a model folder back to an estimator
=========================  ===========================================================================
"""

from __future__ import annotations

from .classifier import KNeighborsClassifier
from .loading import load
from .nearest import NearestNeighbors
from .regressor import KNeighborsRegressor
from .transformer import KNeighborsTransformer

__all__ = ["KNeighborsClassifier", "KNeighborsRegressor", "KNeighborsTransformer", "NearestNeighbors", "load"]
