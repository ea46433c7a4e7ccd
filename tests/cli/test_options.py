# SPDX-License-Identifier: Apache-2.0
"""Options and the table of settings agree, in spelling, range, default and words."""

from __future__ import annotations

import click
import pytest

from kneighbors.cli import evaluate, fit, predict
from kneighbors.cli.options import SETTINGS
from kneighbors.parameters import PARAMETERS, OneOf, Range, find

each_setting = pytest.mark.parametrize("name", SETTINGS)


def options_of(command: click.Command) -> dict[str, click.Option]:
    return {one.name: one for one in command.params if isinstance(one, click.Option) and one.name}


def test_every_setting_with_an_option_is_an_option_of_fit_and_no_other_claims_one():
    spelled = {parameter.name: parameter.option for parameter in PARAMETERS.values() if parameter.option}
    offered = {name: one.opts for name, one in options_of(fit.command).items() if name in PARAMETERS}
    assert offered == {name: [option] for name, option in spelled.items()}


def test_the_spellings_are_those_that_were_decided():
    decided = {
        "n_neighbors": "--k",
        "sample_size": "--sample-size",
        "reduce": "--reduce",
        "reduce_dim": "--reduce-dim",
        "algorithm": "--algorithm",
        "metric": "--metric",
        "scale": "--scale",
    }
    for name, option in decided.items():
        assert PARAMETERS[name].option == option
        assert find(option, lambda parameter: parameter.option) is PARAMETERS[name]
    assert options_of(fit.command)["predictor_type"].opts == ["--predictor-type"]


@each_setting
def test_default_and_meaning_come_from_the_table(name):
    option, parameter = options_of(fit.command)[name], PARAMETERS[name]
    assert option.default == parameter.default
    assert option.help is not None and "None" not in option.help and "function" not in option.help
    assert option.help.split(":")[0].split(";")[0].split(",")[0] in parameter.meaning


@each_setting
def test_choices_and_ranges_come_from_the_table(name):
    option, parameter = options_of(fit.command)[name], PARAMETERS[name]
    words = [rule.options for rule in parameter.rules if isinstance(rule, OneOf)]
    if words and name != "metric":
        assert tuple(option.type.choices) == words[0]
    for rule in parameter.rules:
        if isinstance(rule, Range):
            assert (option.type.min, option.type.max) == (rule.low, rule.high)
            assert option.type.min_open == (rule.closed == "right")


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (["--k", "0"], "--k"),
        (["--k", "2.5"], "--k"),
        (["--k", "many"], "--k"),
        (["--p", "0"], "--p"),
        (["--sample-size", "0"], "--sample-size"),
        (["--reduce-dim", "-3"], "--reduce-dim"),
        (["--scale", "log"], "--scale"),
        (["--reduce", "tsne"], "--reduce"),
        (["--algorithm", "cloud"], "--algorithm"),
        (["--weights", "squared"], "--weights"),
        (["--seed", "-1"], "--seed"),
        (["--n-jobs", "0"], "--n-jobs"),
        (["--predictor-type", "ranker"], "--predictor-type"),
        (["--metric", "euclid"], "--metric"),
        (["--metric", "precomputed"], "--metric"),
        (["--metric", "inner_product", "--weights", "distance"], "--weights"),
        (["--reduce", "pca"], "--reduce-dim"),
        (["--reduce-dim", "2"], "--reduce"),
        (["--label", "none", "--predictor-type", "classifier"], "--label none"),
    ],
)
def test_a_value_outside_its_range_is_wrong_usage_and_names_the_option(run, train, given, refused):
    result = run("fit", train, "--model-dir", "m", *given, code=2)
    assert refused in result.stderr and result.stdout == ""
    assert not (train.parent / "m").exists()


def test_the_same_setting_has_one_spelling_in_every_command():
    for command in (fit.command, predict.command, evaluate.command):
        for name, option in options_of(command).items():
            if name in PARAMETERS:
                assert option.opts == [PARAMETERS[name].option]


def test_columns_by_name_position_and_words(run, train):
    def model(*given: str) -> object:
        run("fit", train, "--model-dir", "m", *given)
        return run("inspect", "m", "--json").stdout

    assert '"feature_names":["height","width","depth","mass"]' in model()
    assert '"feature_names":["height","width"]' in model("--columns", "height,2")
    assert '"feature_names":["mass","width"]' in model("--columns", "mass,2")
    for first in ("first", "0", "kind", "-5"):
        assert '"cat"' in model("--label", first)
    run("fit", train, "--label", "last", "--predictor-type", "regressor", "--model-dir", "m", code=1)
    assert '"task":null' in model("--label", "none", "--columns", "height")
    assert '"feature_names":["height","width","depth","mass"]' in model(
        "--label", "kind", "--predictor-type", "none"
    )
