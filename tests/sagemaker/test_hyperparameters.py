# SPDX-License-Identifier: Apache-2.0
"""Hyperparameters: every documented range, default and coupling."""

from __future__ import annotations

import pytest

from kneighbors.errors import DataError
from kneighbors.parameters import PARAMETERS
from kneighbors.sagemaker.hyperparameters import PQ_M, parse

LEAST = {"k": "5", "predictor_type": "classifier", "sample_size": "100", "feature_dim": "10"}


def test_the_defaults_are_the_documented_ones():
    values = parse(LEAST).values
    assert values == {
        "k": 5,
        "predictor_type": "classifier",
        "sample_size": 100,
        "feature_dim": 10,
        "dimension_reduction_type": None,
        "dimension_reduction_target": None,
        "index_type": "faiss.Flat",
        "index_metric": "L2",
        "faiss_index_ivf_nlists": "auto",
        "faiss_index_pq_m": None,
        "mini_batch_size": 5000,
        "_faiss_index_nprobe": 5,
        "_seed": 0,
        "_quota": "merge",
    }


def test_every_spelling_of_the_settings_table_is_known():
    spelled = {p.sagemaker for p in PARAMETERS.values() if p.sagemaker is not None}
    assert spelled <= set(parse(LEAST).values)


@pytest.mark.parametrize("name", ["k", "predictor_type", "sample_size"])
def test_what_is_required(name):
    with pytest.raises(DataError, match=f"Missing required hyperparameter: {name}"):
        parse({key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"k": "0"}, "Hyperparameter k: '0' is not in 1 to 1024"),
        ({"k": "1025"}, "Hyperparameter k: '1025' is not in 1 to 1024"),
        ({"k": "-1"}, "Hyperparameter k: could not parse value '-1'; expected a whole number, 1 to 1024"),
        ({"k": "5.0"}, "could not parse value '5.0'"),
        ({"k": ""}, "could not parse value ''"),
        ({"k": "１０"}, "could not parse"),
        ({"k": "9" * 10_000}, "could not parse"),
        ({"k": True}, "could not parse value 'true'"),
        ({"k": None}, "could not parse value 'null'"),
        ({"k": ["5"]}, "could not parse"),
        ({"predictor_type": "Classifier"}, "'Classifier' is not in classifier, regressor. Did you mean cl"),
        ({"sample_size": "0"}, "sample_size: '0' is not in 1 or more"),
        ({"feature_dim": "0"}, "feature_dim: '0' is not in 1 or more"),
        ({"mini_batch_size": "0"}, "mini_batch_size: '0'"),
        ({"index_type": "faiss.flat"}, "'faiss.flat' is not in .* Did you mean faiss.Flat"),
        ({"index_metric": "l2"}, "'l2' is not in L2, INNER_PRODUCT, COSINE"),
        ({"dimension_reduction_type": "pca"}, "'pca' is not in sign, fjlt"),
        ({"dimension_reduction_type": "sign"}, "Missing required hyperparameter: dimension_reduction_target"),
        ({"dimension_reduction_target": "3"}, "should only be set when dimension_reduction_type is set"),
        (
            {"dimension_reduction_type": "none", "dimension_reduction_target": "3"},
            "should only be set when dimension_reduction_type",
        ),
        (
            {"dimension_reduction_type": "fjlt", "dimension_reduction_target": "10"},
            "dimension_reduction_target: '10' is not in 1 to 9",
        ),
        (
            {"dimension_reduction_type": "fjlt", "dimension_reduction_target": "0"},
            "dimension_reduction_target: '0' is not in 1 or more",
        ),
        ({"faiss_index_pq_m": "8"}, "should only be set when index_type is faiss.IVFPQ"),
        ({"index_type": "faiss.IVFPQ", "faiss_index_pq_m": "5"}, "faiss_index_pq_m: '5' is not in 1, 2, 3"),
        ({"index_type": "faiss.IVFPQ"}, "Missing required hyperparameter: faiss_index_pq_m"),
        (
            {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": "8", "index_metric": "COSINE"},
            "COSINE is not supported with index_type faiss.IVFPQ",
        ),
        ({"faiss_index_ivf_nlists": "many"}, "faiss_index_ivf_nlists: could not parse"),
        ({"faiss_index_nprobe": "3"}, "Extraneous hyperparameter found: faiss_index_nprobe"),
        ({"sample_sise": "3"}, "Extraneous hyperparameter found: sample_sise. Did you mean sample_size"),
    ],
)
def test_what_is_refused(changed, says):
    with pytest.raises(DataError, match=says) as caught:
        parse(LEAST | changed)
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"k": 5, "sample_size": 100},
        {"k": "1024"},
        {"_tuning_objective_metric": "", "_kvstore": "dist_async", "sagemaker_program": "x"},
        {"dimension_reduction_type": "", "dimension_reduction_target": "", "faiss_index_pq_m": ""},
        {"dimension_reduction_type": "none"},
        {"dimension_reduction_type": "sign", "dimension_reduction_target": "9"},
        {"sample_size": str(2**40)},
        {"feature_dim": "auto"},
        {"faiss_index_ivf_nlists": "500"},
    ],
)
def test_what_is_taken(changed):
    parse(LEAST | changed)


def test_the_code_lengths_are_the_documented_ones():
    assert PQ_M == (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96)


def test_a_width_that_is_known_later_is_checked_later():
    found = parse(
        LEAST
        | {"feature_dim": "auto", "dimension_reduction_type": "sign", "dimension_reduction_target": "10"}
    )
    found.check_width(11)
    with pytest.raises(DataError, match="dimension_reduction_target: '10' is not in 1 to 9"):
        found.check_width(10)
