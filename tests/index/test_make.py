# SPDX-License-Identifier: Apache-2.0
"""Which index answers, and what scikit-learn's trees refuse."""

import copy

import numpy as np
import pytest
from sklearn.neighbors import VALID_METRICS, NearestNeighbors

from kneighbors.errors import ParameterError, ParameterTypeError
from kneighbors.index import (
    BlockIndex,
    FlatIndex,
    KDTreeIndex,
    MetricIndex,
    PrecomputedIndex,
    load_index,
    make_index,
)
from kneighbors.metrics import NAMES, resolve

ROWS = np.random.default_rng(6).random((30, 2)) + 0.1


def distance(x, y):
    return float(np.abs(x - y).max())


@pytest.mark.parametrize("algorithm", ["auto", "brute", "ball_tree"])
@pytest.mark.parametrize(
    ("metric", "kind"),
    [("minkowski", FlatIndex), ("l2", FlatIndex), ("euclidean", FlatIndex), ("manhattan", MetricIndex)],
)
def test_every_algorithm_gives_the_exact_index_of_the_metric(algorithm, metric, kind):
    assert type(make_index(algorithm, resolve(metric))) is kind


def test_a_k_d_tree_where_it_has_the_metric():
    assert type(make_index("kd_tree", resolve("minkowski"))) is KDTreeIndex
    assert type(make_index("kd_tree", resolve("minkowski", p=1))) is KDTreeIndex
    assert type(make_index("kd_tree", resolve("minkowski", p=3))) is MetricIndex
    assert type(make_index("kd_tree", resolve("manhattan", metric_params={"w": [1.0]}))) is MetricIndex


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine", "inner_product"])
def test_the_native_metrics_that_no_tree_has(metric):
    index = make_index("auto", resolve(metric))
    assert isinstance(index, FlatIndex) and index.metric == metric


def test_sparse_and_precomputed():
    assert isinstance(make_index("auto", resolve("euclidean"), sparse=True), BlockIndex)
    assert isinstance(make_index("brute", resolve("precomputed"), sparse=True), PrecomputedIndex)
    with pytest.warns(UserWarning, match="cannot use tree with sparse input: using brute force"):
        make_index("kd_tree", resolve("euclidean"), sparse=True)


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "pyfunc"])
def test_a_tree_takes_exactly_the_metrics_scikit_learns_tree_takes(algorithm, name):
    if name in VALID_METRICS[algorithm]:
        make_index(algorithm, resolve(name))
    else:
        with pytest.raises(ParameterError, match=f"Metric '{name}' not valid"):
            make_index(algorithm, resolve(name))


@pytest.mark.parametrize(
    ("algorithm", "metric", "p", "params"),
    [
        ("kd_tree", distance, 2, None),
        ("kd_tree", "minkowski", 0.5, None),
        ("ball_tree", "minkowski", 0.5, None),
        ("kd_tree", "minkowski", 3, {"w": [1.0, 2.0]}),
        ("ball_tree", "minkowski", 3, {"w": [1.0, 2.0]}),
        ("ball_tree", distance, 2, None),
        ("kd_tree", "cosine", 2, None),
        ("kd_tree", "haversine", 2, None),
    ],
)
def test_a_tree_refuses_as_scikit_learn_does(algorithm, metric, p, params):
    try:
        NearestNeighbors(algorithm=algorithm, metric=metric, p=p, metric_params=params).fit(ROWS)
    except ValueError as error:
        with pytest.raises(ParameterError, match=str(error).split("'")[0].split("(")[0].strip()):
            make_index(algorithm, resolve(metric, p, params))
    else:
        make_index(algorithm, resolve(metric, p, params))


def test_powers_below_one_warn_as_in_scikit_learn():
    with pytest.warns(UserWarning, match="Mind that for 0 < p < 1"):
        make_index("auto", resolve("minkowski", 0.5))


def test_an_unknown_algorithm():
    with pytest.raises(ParameterError, match="algorithm='annoy' is not known; one of auto"):
        make_index("annoy", resolve("euclidean"))
    with pytest.raises(ParameterTypeError, match="or an index object works"):
        make_index(3, resolve("euclidean"))


def test_an_index_object_is_a_pattern_that_is_left_alone():
    pattern = FlatIndex("cosine").fit(ROWS)
    made = make_index(pattern, resolve("cosine")).fit(ROWS[:7])
    assert (made.n_rows, pattern.n_rows) == (7, 30)
    assert made is not pattern and copy.copy(pattern).n_rows == 30
    with pytest.raises(ParameterError, match="give both the same metric"):
        make_index(pattern, resolve("euclidean"))


def test_an_unknown_kind_is_refused_on_load():
    with pytest.raises(ParameterError, match="index kind 'cloud' is not known"):
        load_index({"kind": "cloud"}, {})


def test_import_arrows_of_the_step():
    """The step imports data, metrics, parameters, errors and the core; no other step."""
    import ast
    from pathlib import Path

    import kneighbors.index

    allowed = {"data", "metrics", "parameters", "errors", "_native"}
    for file in Path(kneighbors.index.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 2:
                assert (node.module or "").split(".")[0] in allowed, (file.name, node.module)
