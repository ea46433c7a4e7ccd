# SPDX-License-Identifier: Apache-2.0
"""The estimators: scikit-learn's contract in front of the pipeline.

=========================  ===========================================================================
``base.py``                what all share: parameters, fitting, saving
``k_queries.py``           the k nearest rows, and their graph
``radius_queries.py``      all rows within a radius, and their graph
``voters.py``              what classifiers share, and regressors
``classifier.py`` etc.     one estimator per file
``inputs.py``              rows, labels and weights, checked; NaN named with row and column
``loading.py``             from a model folder back to an estimator
=========================  ===========================================================================
"""

from __future__ import annotations

from .classifier import KNeighborsClassifier
from .loading import load
from .nearest import NearestNeighbors
from .radius_classifier import RadiusNeighborsClassifier
from .radius_regressor import RadiusNeighborsRegressor
from .radius_transformer import RadiusNeighborsTransformer
from .regressor import KNeighborsRegressor
from .transformer import KNeighborsTransformer

__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "KNeighborsTransformer",
    "NearestNeighbors",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "RadiusNeighborsTransformer",
    "load",
]
