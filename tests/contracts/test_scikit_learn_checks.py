# SPDX-License-Identifier: Apache-2.0
"""Trust row X9: every check that the installed scikit-learn yields passes, with no expected failure.

Each estimator is checked as it comes, and again with settings that change how it answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from kneighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsTransformer,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    RadiusNeighborsTransformer,
)

ESTIMATORS = [
    KNeighborsClassifier(),
    KNeighborsRegressor(),
    NearestNeighbors(),
    KNeighborsTransformer(),
    # The checks of sample weights ask for rows without neighbours within 1, which are refused by default.
    RadiusNeighborsClassifier(outlier_label="most_frequent"),
    RadiusNeighborsRegressor(),
    RadiusNeighborsTransformer(),
    KNeighborsClassifier(weights="distance", algorithm="kd_tree", p=1),
    KNeighborsRegressor(weights="distance", algorithm="ball_tree", metric="chebyshev"),
    KNeighborsClassifier(metric="cosine", n_jobs=2),
    KNeighborsClassifier(metric="nan_euclidean"),
    KNeighborsRegressor(metric="precomputed"),
    KNeighborsTransformer(mode="connectivity", metric="manhattan"),
    RadiusNeighborsClassifier(weights="distance", algorithm="kd_tree", p=1, outlier_label="most_frequent"),
    RadiusNeighborsRegressor(radius=4.0, weights="distance", metric="chebyshev"),
    RadiusNeighborsTransformer(mode="connectivity", metric="manhattan"),
]

# Trees give way to brute force on sparse input and say so, in scikit-learn's words.
pytestmark = pytest.mark.filterwarnings("ignore:cannot use tree with sparse input")


@parametrize_with_checks(ESTIMATORS)
def test_x9_scikit_learn_check(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS[:7], ids=lambda estimator: type(estimator).__name__)
def test_x9_every_check_is_yielded(estimator: Any) -> None:
    """The list above is scikit-learn's own, none marked as expected to fail, weights and sparse input
    included.
    """
    names = {
        getattr(check, "func", check).__name__
        for _, check in estimator_checks_generator(estimator, legacy=True, expected_failed_checks={})
    }
    assert {"check_estimator_sparse_array", "check_dtype_object", "check_estimators_pickle"} <= names
    assert ("check_sample_weight_equivalence_on_sparse_data" in names) == hasattr(estimator, "predict")


def test_x9_array_api_checks_run_where_scipy_was_told_so() -> None:
    """scipy reads SCIPY_ARRAY_API when it is imported; without it scikit-learn skips one check per
    estimator.
    """
    code = (
        "import warnings, kneighbors\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "for one in (kneighbors.KNeighborsClassifier(), kneighbors.KNeighborsRegressor(),\n"
        "            kneighbors.NearestNeighbors(), kneighbors.KNeighborsTransformer(),\n"
        "            kneighbors.RadiusNeighborsClassifier(outlier_label='most_frequent'),\n"
        "            kneighbors.RadiusNeighborsRegressor(), kneighbors.RadiusNeighborsTransformer()):\n"
        "    results = check_estimator(one, on_skip=None, on_fail=None)\n"
        "    print(type(one).__name__,\n"
        "          [(r['check_name'], r['status'], str(r['exception'])) for r in results\n"
        "          if r['status'] != 'passed'])\n"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    only_for_decision_functions = (
        "[('check_classifiers_multilabel_output_format_decision_function', 'skipped', "
        "'{} does not have a decision_function method.')]"
    )
    assert lines == {
        "KNeighborsClassifier": only_for_decision_functions.format("KNeighborsClassifier"),
        "KNeighborsRegressor": "[]",
        "NearestNeighbors": "[]",
        "KNeighborsTransformer": "[]",
        "RadiusNeighborsClassifier": only_for_decision_functions.format("RadiusNeighborsClassifier"),
        "RadiusNeighborsRegressor": "[]",
        "RadiusNeighborsTransformer": "[]",
    }
