# SPDX-License-Identifier: Apache-2.0
"""One setting, four spellings: `parameters.py`, estimators, command line and the model's JSON agree."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys

import pytest
from sklearn.base import BaseEstimator

import kneighbors
from kneighbors.parameters import PARAMETERS, constraints, find

ESTIMATORS = [
    getattr(kneighbors, name) for name in kneighbors.__all__ if inspect.isclass(getattr(kneighbors, name))
]
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda cls: cls.__name__)

# The table of the design: the estimator's name -> option, JSON key, SageMaker's hyperparameter.
TABLE = {
    "n_neighbors": ("--k", "k", "k"),
    "sample_size": ("--sample-size", "kneighbors.sample_size", "sample_size"),
    "reduce": ("--reduce", "dimension_reduction.type", "dimension_reduction_type"),
    "reduce_dim": ("--reduce-dim", "dimension_reduction.target_dim", "dimension_reduction_target"),
    "algorithm": ("--algorithm", "kneighbors.algorithm", "index_type"),
    "metric": ("--metric", "kneighbors.metric", "index_metric"),
    "n_lists": ("--n-lists", "kneighbors.n_lists", "faiss_index_ivf_nlists"),
    "n_probe": ("--n-probe", "kneighbors.n_probe", "_faiss_index_nprobe"),
    "n_subquantizers": ("--n-subquantizers", "kneighbors.n_subquantizers", "faiss_index_pq_m"),
    "scale": ("--scale", "kneighbors.scale", None),
}
# Settings of indexes that are not built yet. Once PARAMETERS has one, the table above binds it.
LATER = {"n_lists", "n_probe", "n_subquantizers"}
# Parameters of one estimator that are no setting of a model.
OWN = {
    "KNeighborsTransformer": {"mode": "distance"},
    "RadiusNeighborsTransformer": {"mode": "distance"},
    "RadiusNeighborsClassifier": {"outlier_label": None},
}


@pytest.mark.parametrize("name", TABLE)
def test_the_four_spellings(name):
    if name not in PARAMETERS:
        assert name in LATER, f"{name} is missing from parameters.py"
        pytest.skip(f"{name} comes with its index")
    parameter = PARAMETERS[name]
    assert (parameter.option, parameter.json, parameter.sagemaker) == TABLE[name]


def test_later_settings_leave_that_list_when_they_come():
    assert not LATER & set(PARAMETERS), "drop what has come from LATER"


@pytest.mark.parametrize("spelling", ["option", "json", "sagemaker"])
def test_no_spelling_means_two_settings(spelling):
    used = [getattr(parameter, spelling) for parameter in PARAMETERS.values()]
    used = [value for value in used if value is not None]
    assert len(used) == len(set(used))


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=lambda parameter: parameter.name)
def test_each_setting_is_told_in_full(parameter):
    assert parameter.name.isidentifier() and parameter.name == parameter.name.lower()
    assert parameter.allowed
    assert parameter.meaning[0].isupper() and parameter.meaning.endswith(".")
    if parameter.option is not None:
        assert re.fullmatch(r"--[a-z]+(-[a-z]+)*", parameter.option)
        assert find(parameter.option, lambda one: one.option) is parameter


def test_defaults_are_allowed():
    """Each default passes the rules it stands beside."""
    from sklearn.utils._param_validation import validate_parameter_constraints

    defaults = {name: parameter.default for name, parameter in PARAMETERS.items()}
    validate_parameter_constraints(constraints(*PARAMETERS), defaults, caller_name="PARAMETERS")


# --- estimators ---------------------------------------------------------------------------------------------


def signature_of(estimator) -> dict[str, object]:
    parameters = inspect.signature(estimator.__init__).parameters
    return {name: parameter.default for name, parameter in parameters.items() if name != "self"}


@each_estimator
def test_every_argument_is_a_setting_with_its_default(estimator):
    own = OWN.get(estimator.__name__, {})
    for name, default in signature_of(estimator).items():
        expected = own[name] if name in own else PARAMETERS[name].default
        assert default == expected and type(default) is type(expected), f"{name}={default!r}"


@each_estimator
def test_documented_defaults_are_the_real_ones(estimator):
    """Every argument has an entry in the docstring, in the signature's words."""
    section = estimator.__doc__.split("Parameters\n")[1].split("Attributes\n")[0]
    entries = dict(re.findall(r"^    (\w+) : (.*)$", section, re.M))
    signature = signature_of(estimator)
    assert set(entries) == set(signature)
    for name, text in entries.items():
        stated = re.search(r"default=(.+)$", text)
        assert stated, f"{estimator.__name__}.{name} states no default"
        assert ast.literal_eval(stated[1]) == signature[name], f"{estimator.__name__}.{name}: {text}"


@each_estimator
def test_constraints_cover_every_argument(estimator):
    assert set(signature_of(estimator)) <= set(estimator._parameter_constraints)


@each_estimator
def test_scikit_learns_arguments_come_first_and_in_its_order(estimator):
    """Where scikit-learn has a class of that name, its arguments can be passed as they were."""
    import sklearn.neighbors

    theirs: type[BaseEstimator] = getattr(sklearn.neighbors, estimator.__name__)
    ours = inspect.signature(estimator.__init__).parameters
    for name, parameter in inspect.signature(theirs.__init__).parameters.items():
        assert name in ours, f"{estimator.__name__} lacks scikit-learn's {name}"
        assert ours[name].kind == parameter.kind, f"{name} is {ours[name].kind}"
        if parameter.default is not parameter.empty:
            assert ours[name].default == parameter.default, f"{name}={ours[name].default!r}"


# --- JSON and command line ----------------------------------------------------------------------------------


def test_the_saved_json_uses_these_keys(tmp_path):
    """Settings of a saved model are found under the key that the table gives."""
    rows = [[float(i), float(i % 3), float(i % 5)] for i in range(12)]
    settings = {"n_neighbors": 3, "weights": "distance", "metric": "cosine", "scale": "standard"}
    settings |= {"reduce": "pca", "reduce_dim": 2, "sample_size": 9}
    model = kneighbors.KNeighborsClassifier(**settings).fit(rows, [i % 2 for i in range(12)])
    model.save(tmp_path / "model")
    saved = json.loads((tmp_path / "model" / "model_algo-1.json").read_text())
    for name, value in settings.items():
        place = saved
        for key in PARAMETERS[name].json.split("."):
            place = place[key]
        assert place == value, f"{name} is {place!r} under {PARAMETERS[name].json}"
    assert saved["predictor_type"] == "classifier"
    assert saved["normalize"] is True


@pytest.fixture(scope="module")
def fit_help() -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "kneighbors.cli", "fit", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"},
    )
    return finished.stdout


def test_the_command_line_offers_every_option(fit_help):
    for parameter in PARAMETERS.values():
        if parameter.option is not None:
            assert re.search(rf"(?<!\S){parameter.option}\b", fit_help), f"fit lacks {parameter.option}"
    assert "--predictor-type" in fit_help
