# SPDX-License-Identifier: Apache-2.0
"""Behind the page: grids are the estimators' answers, programs run, bad input is refused."""

from __future__ import annotations

import io
import itertools
import json
import tarfile

import msgspec
import numpy as np
import pytest

import kneighbors
from kneighbors.errors import DataError, KneighborsError, ParameterError
from kneighbors.playground import (
    api,
    ball,
    curse,
    curve,
    fitting,
    pasted,
    place,
    presets,
    regions,
    scores,
    shapes,
    state,
    take_home,
)
from kneighbors.playground.state import METRICS, State

change = msgspec.structs.replace


def state_of(name: str, **settings) -> tuple[State, tuple]:
    preset = presets.load(name)
    points = [tuple(point) for point in preset["points"]]
    return State(points=points, **{**preset["settings"], **settings}), preset["view"]


def fitted_by_hand(chosen: State):
    """A fresh estimator, put together here and not by the page."""
    kind = (
        kneighbors.KNeighborsClassifier if chosen.task == "classification" else kneighbors.KNeighborsRegressor
    )
    X = np.array([point[:2] for point in chosen.points])
    y = np.array([point[2] for point in chosen.points])
    model = kind(
        chosen.n_neighbors, weights=chosen.weights, metric=chosen.metric, p=chosen.p, scale=chosen.scale
    )
    return model.fit(X, y.astype(int) if chosen.task == "classification" else y)


def cells_by_hand(view, columns: int, rows: int) -> np.ndarray:
    x0, x1, y0, y1 = view
    return np.array(
        [
            [x0 + (column + 0.5) * (x1 - x0) / columns, y1 - (row + 0.5) * (y1 - y0) / rows]
            for row in range(rows)
            for column in range(columns)
        ]
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", presets.PRESETS)
def test_the_grid_is_the_estimators_answer(name, metric):
    chosen, view = state_of(name, metric=metric, p=1.5)
    grid = regions.regions(chosen, view, 30, 25)
    model, cells = fitted_by_hand(chosen), cells_by_hand(view, 30, 25)
    expected = model.predict(cells).reshape(25, 30)
    if chosen.task == "classification":
        assert (grid.labels == expected).all()
        votes = np.sort(model.predict_proba(cells), axis=1)
        margin = votes[:, -1] - votes[:, -2]
        assert np.abs(grid.shade.ravel() - 255 * margin).max() <= 0.5 + 1e-9
        assert (grid.ties.ravel() == (margin <= 1e-12)).all()
    else:
        level = 255 * (expected - grid.low) / (grid.high - grid.low)
        assert np.abs(grid.shade - level).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("scale", [None, "standard", "minmax", "robust", "unit"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_the_grid_follows_scale_and_weights(scale, weights):
    chosen, view = state_of("wine", scale=scale, weights=weights)
    grid = regions.regions(chosen, view, 24, 20)
    assert (grid.labels.ravel() == fitted_by_hand(chosen).predict(cells_by_hand(view, 24, 20))).all()


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_every_k_of_a_slider_is_a_fresh_answer(weights):
    """Remembered neighbours vote as newly searched ones, whichever way k moves."""
    chosen, view = state_of("digits", weights=weights)
    searches = 0
    for k in (1, 2, 3, 9, 17, 33, 8, 1, 60, 59):
        moved = change(chosen, n_neighbors=k)
        grid = regions.regions(moved, view, 24, 20)
        searches += grid.searched
        expected = fitted_by_hand(moved).predict(cells_by_hand(view, 24, 20))
        assert (grid.labels.ravel() == expected).all()
    assert searches <= 4


def test_blocks_too_large_to_remember_give_the_same(monkeypatch):
    chosen, view = state_of("blobs", n_neighbors=11)
    expected = regions.regions(chosen, view, 40, 30)
    monkeypatch.setattr(regions, "_REMEMBERED_CELLS", 100)
    monkeypatch.setattr(regions, "_BLOCK_CELLS", 500)
    monkeypatch.setattr(regions, "_GRIDS", fitting.Recent(4))
    again = regions.regions(chosen, view, 40, 30)
    assert again.searched
    assert (again.labels == expected.labels).all() and (again.shade == expected.shade).all()


def test_twins_with_other_labels_are_ties():
    chosen, view = state_of("conflict")
    grid = regions.regions(chosen, view, 60, 50)
    assert 0.02 < grid.ties.mean() < 0.98
    assert (grid.shade[grid.ties == 1] == 0).all()


def test_the_bytes_can_be_read_back():
    chosen, view = state_of("surface")
    grid = regions.regions(chosen, view, 12, 10)
    packed = regions.pack(grid)
    length = int.from_bytes(packed[:4], "little")
    head = json.loads(packed[4 : 4 + length])
    assert (head["columns"], head["rows"], head["low"], head["high"]) == (12, 10, grid.low, grid.high)
    planes = np.frombuffer(packed[4 + length :], np.uint8).reshape(3, 10, 12)
    assert (planes[1] == grid.shade).all()


# --- one place


def places_of(view, count: int = 40) -> np.ndarray:
    generator = np.random.default_rng(3)
    return np.column_stack(
        [generator.uniform(view[0], view[1], count), generator.uniform(view[2], view[3], count)]
    )


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize(("name", "k"), [("spiral", 3), ("sparse", 5), ("conflict", 4), ("surface", 3)])
def test_the_point_that_flips_really_does(name, k, weights):
    """Judge: fit again without each point, and with each other label, and ask."""
    chosen, view = state_of(name, n_neighbors=k, weights=weights)
    spots = places_of(view, 12)
    without = [
        fitted_by_hand(change(chosen, points=chosen.points[:row] + chosen.points[row + 1 :])).predict(spots)
        for row in range(len(chosen.points))
    ]
    for spot, after in zip(spots, np.stack(without, axis=1), strict=True):
        found = place.flips(chosen, tuple(spot))
        now = fitted_by_hand(chosen).predict([spot])[0]
        near = fitted_by_hand(chosen).kneighbors([spot], k)[1][0]
        if chosen.task == "regression":
            moved = np.abs(after - now)
            assert found["becomes"] == pytest.approx(after[found["id"]])
            assert moved[found["id"]] == pytest.approx(moved.max())
            continue
        removals = [row for row in near if after[row] != now]
        if removals:
            assert found == {"id": removals[0], "by": "removal", "becomes": after[removals[0]]}
            continue
        assert not (after != now).any()
        relabelled = {}
        for row, label in itertools.product(near, np.unique(chosen.labels)):
            points = list(chosen.points)
            points[row] = (*points[row][:2], float(label))
            answer = fitted_by_hand(change(chosen, points=points)).predict([spot])[0]
            if answer != now:
                relabelled.setdefault(row, []).append((label, answer))
        if not relabelled:
            assert found is None
        else:
            assert found["by"] == "label"
            assert found["id"] == next(iter(relabelled))
            assert (found["label"], found["becomes"]) in relabelled[found["id"]]


def test_a_place_tells_what_the_estimator_tells():
    chosen, view = state_of("iris", weights="distance")
    for spot in places_of(view, 5):
        told = place.ask(chosen, tuple(spot), view)
        model = fitted_by_hand(chosen)
        distances, ids = model.kneighbors([spot])
        assert [one["id"] for one in told["neighbors"]] == ids[0].tolist()
        assert [one["distance"] for one in told["neighbors"]] == distances[0].tolist()
        assert sum(one["weight"] for one in told["neighbors"]) == pytest.approx(1)
        assert [one["share"] for one in told["votes"]] == model.predict_proba([spot])[0].tolist()
        assert told["answer"] == model.predict([spot])[0]


@pytest.mark.parametrize("scale", [None, "standard", "unit"])
@pytest.mark.parametrize("metric", METRICS)
def test_the_ball_is_where_the_distance_is_the_radius(metric, scale):
    chosen, view = state_of("iris", metric=metric, p=3.0, scale=scale)
    spot = (4.0, 1.1)
    model = fitted_by_hand(chosen)
    radius = float(model.kneighbors([spot])[0][0, -1])
    corners = np.array(ball.outline(chosen, spot, radius, view))
    assert corners.shape == (144, 2)
    # A row put on the outline is as far from the place as the radius says.
    prepared = model._model.prepare(np.vstack([[spot], corners]))
    params = {"V": np.cov(model._model.rows.T)} if metric == "mahalanobis" else None
    judge = kneighbors.NearestNeighbors(n_neighbors=1, metric=metric, p=3.0, metric_params=params)
    distances = judge.fit(prepared[:1]).kneighbors(prepared[1:])[0][:, 0]
    reach = np.abs(corners - spot) / [view[1] - view[0], view[3] - view[2]]
    cut_off = np.hypot(*reach.T) > 2.9
    assert not cut_off.all()
    # At the tip of a wedge every angle meets: no distance there says anything about the outline.
    tip = (np.hypot(*corners.T) < 1e-3) | (np.hypot(*prepared[1:].T) < 0.1)
    kept = ~cut_off & ~tip
    assert kept.sum() > 20
    assert np.allclose(distances[kept], radius, rtol=1e-5)


# --- curves


def test_the_curve_is_leave_one_out():
    chosen, _ = state_of("sparse", weights="distance")
    told = curve.curve(chosen)
    X, y = chosen.xy, chosen.labels
    assert told["ks"] == list(range(1, 14))
    for k, error in zip(told["ks"], told["errors"], strict=True):
        wrong = [
            kneighbors.KNeighborsClassifier(k, weights="distance")
            .fit(np.delete(X, row, 0), np.delete(y, row))
            .predict(X[row : row + 1])[0]
            != y[row]
            for row in range(len(X))
        ]
        assert error == pytest.approx(np.mean(wrong))
    assert told["best"] == told["ks"][told["errors"].index(min(told["errors"]))]


def test_the_curve_of_a_regression_is_the_unexplained_share():
    chosen, _ = state_of("surface")
    told = curve.curve(chosen)
    model = fitted_by_hand(chosen)
    assert told["errors"][chosen.n_neighbors - 1] == pytest.approx(1 - model.score(None, chosen.labels))
    assert curve.error_at(chosen) == told["errors"][chosen.n_neighbors - 1]


def test_useless_columns_hide_the_neighbours_and_reduction_finds_them_again():
    chosen, _ = state_of("spiral", noise=64)
    told = curse.curse(chosen)
    plain, rescued = told["errors"]["none"], told["errors"]["pca"]
    assert plain[0] < 0.05 and plain[-1] > 0.3 and rescued[-1] < 0.1
    assert told["contrast"]["noisy"] < 0.2 * told["contrast"]["plain"]
    for histogram in told["histograms"].values():
        assert sum(histogram["shares"]) == pytest.approx(1, abs=0.03)
    width = {
        name: sum(share > 0.002 for share in histogram["shares"])
        for name, histogram in told["histograms"].items()
    }
    assert width["noisy"] < 0.5 * width["plain"]
    assert told["now"] == plain[-1]


def test_noise_of_the_first_points_stays_when_one_is_added():
    chosen, _ = state_of("blobs", noise=3)
    grown = change(chosen, points=[*chosen.points, (0.0, 0.0, 1.0)])
    factor = grown.noise_spread / chosen.noise_spread
    assert np.allclose(grown.columns[:-1, 2:], factor * chosen.columns[:, 2:])


# --- index and scorecard


@pytest.mark.parametrize("algorithm", kneighbors.parameters.ALGORITHMS)
def test_the_index_says_what_it_is_and_what_it_counted(algorithm):
    chosen, view = state_of("moons", algorithm=algorithm, scale="standard")
    told = shapes.index_view(chosen, view, (0.5, 0.2))
    assert told["kind"] and told["brute"] == len(chosen.points)
    assert told["counted"] > 0
    for shape in told["shapes"]:
        assert np.isfinite(np.array(shape["lines"])).all()


def test_parts_are_drawn_in_data_units(monkeypatch):
    """An index that names boxes, circles, planes and edges is drawn, whatever its kind."""
    chosen, view = state_of("unscaled", scale="standard")
    index = type(fitting.estimator(chosen)._model.index)
    plain = index.describe
    parts = {
        "cells": [
            {"rows": 2, "box": [[-1.0, -1.0], [0.0, 1.0]]},
            {"rows": 1, "center": [0.0, 0.0], "radius": 0.5},
            {"rows": 1, "center": [0.0, 0.0]},
        ],
        "planes": [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]],
        "edges": [[0, 1], [1, 2]],
    }
    monkeypatch.setattr(index, "describe", lambda self, parts=False, given=parts: {**plain(self), **given})
    told = shapes.index_view(chosen, view, (50_000.0, 0.5))
    drawn = {}
    for shape in told["shapes"]:
        drawn.setdefault(shape["word"], []).append(np.array(shape["lines"]))
    assert {word: len(lines) for word, lines in drawn.items()} == {
        "box": 1, "circle": 1, "cross": 1, "plane": 2, "edge": 2
    }  # fmt: skip
    mean, spread = chosen.xy.mean(axis=0), chosen.xy.std(axis=0)
    assert np.allclose(drawn["box"][0][0], mean - spread)
    assert np.allclose(drawn["cross"][0], mean)
    assert np.allclose(np.abs((drawn["circle"][0] - mean) / spread) ** 2 @ [1, 1], 0.25)
    assert np.allclose(drawn["plane"][0][:, 1], mean[1])
    assert np.allclose(drawn["plane"][1][:, 0], mean[0], rtol=1e-6)
    assert np.allclose(drawn["edge"][1], chosen.xy[[1, 2]])


def test_the_scorecard_is_measured_and_its_formulas_are_printed():
    chosen, _ = state_of("moons", scale="standard")
    told = scores.scores(chosen)
    assert {cell["scale"] for cell in told["cells"]} == {None, "standard"}
    for cell in told["cells"]:
        assert set(cell["scores"]) == set(told["formulas"]) == {"inference", "accuracy", "training", "size"}
        assert all(0 <= score <= 1 for score in cell["scores"].values())
    with pytest.raises(DataError, match="too few"):
        scores.scores(State(points=chosen.points[:3]))


# --- take it home


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("moons", {}),
        ("wine", {"scale": "standard", "weights": "distance", "metric": "minkowski", "p": 1.5}),
        ("surface", {"metric": "manhattan"}),
        ("blobs", {"noise": 4, "reduce": "pca", "random_state": 5}),
        ("iris", {"metric": "mahalanobis", "algorithm": "ball_tree"}),
    ],
)
def test_the_program_gives_the_same_picture(name, settings, capsys):
    chosen, view = state_of(name, **settings)
    text = take_home.python_program(chosen, view, 36, 30)
    text = text.replace("import matplotlib.pyplot", "import matplotlib_is_not_wanted_here")
    names = {}
    exec(compile(text, "program", "exec"), names)
    grid = regions.regions(chosen, view, 36, 30)
    if chosen.task == "classification":
        assert (names["picture"] == grid.labels).all()
    else:
        level = 255 * (names["picture"] - grid.low) / (grid.high - grid.low)
        assert np.abs(level - grid.shade).max() <= 0.5 + 1e-9
    assert float(capsys.readouterr().out.split()[2]) == pytest.approx(1 - curve.error_at(chosen), abs=6e-4)


def test_the_models_three_files(tmp_path):
    chosen, view = state_of("xor", scale="minmax")
    with tarfile.open(fileobj=io.BytesIO(take_home.model_archive(chosen))) as archive:
        assert archive.getnames() == ["model_algo-1", "model_algo-1.json", "model_algo-1.labels"]
        archive.extractall(tmp_path / "model", filter="data")
    cells = cells_by_hand(view, 20, 20)
    expected = fitted_by_hand(chosen).predict(cells)
    assert (kneighbors.load(tmp_path / "model").predict(cells) == expected).all()


# --- presets and pasted rows


@pytest.mark.parametrize("name", presets.PRESETS)
def test_presets_are_the_same_every_time_and_lie_in_their_window(name):
    first, again, other = presets.load(name), presets.load(name), presets.load(name, 1)
    assert first == again
    x0, x1, y0, y1 = first["view"]
    for x, y, _ in first["points"]:
        assert x0 < x < x1 and y0 < y < y1
        assert len(f"{x!r}") < 12
    assert other["points"] != first["points"] or name in ("iris", "wine", "diabetes")
    assert State(points=[tuple(point) for point in first["points"]], **first["settings"])


def test_the_unscaled_preset_is_rescued_by_scaling():
    chosen, _ = state_of("unscaled")
    assert curve.error_at(chosen) > 3 * curve.error_at(change(chosen, scale="standard"))


@pytest.mark.parametrize(
    ("text", "task", "labels"),
    [
        ("0,1\n2,3\n", "classification", [0, 0]),
        ("a;b;kind\n0;1;cat\n2;3;dog\n4;4;cat\n", "classification", [0, 1, 0]),
        ("0,1,7\n2,3,3\n", "classification", [7, 3]),
        ("0,1,70\n2,3,30\n", "classification", [1, 0]),
        ("0,1,0.5\n2,3,1.25\n", "regression", [0.5, 1.25]),
        ("\ufeff0,1,true\n2,3,false\n", "classification", [1, 0]),
    ],
)
def test_pasted_rows(text, task, labels):
    read = pasted.read_points(text)
    assert read["task"] == task
    assert [point[2] for point in read["points"]] == labels
    assert State(points=[tuple(point) for point in read["points"]], task=task)


def test_pasted_rows_of_many_columns_are_projected_and_many_rows_thinned():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(2500, 4))
    text = "".join(f"{a},{b},{c},{d},{int(a > 0)}\n" for a, b, c, d in rows)
    read = pasted.read_points(text)
    assert len(read["points"]) == state.MAX_POINTS
    assert "projected" in read["note"] and "thinned" in read["note"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("1\n2\n", "One column"),
        ("1,2,a\n3,x,b\n", "line 2"),
        ("1,2,a\n3,nan,b\n", "line 2"),
        ("1,2\n3\n", "line 2"),
        ("".join(f"1,2,word{number}\n" for number in range(11)), "at most 10"),
    ],
)
def test_pasted_text_that_cannot_be_used_is_refused_with_its_place(text, words):
    with pytest.raises(DataError, match=words):
        pasted.read_points(text)


# --- requests

VIEW = [0.0, 1.0, 0.0, 1.0]
ONE = [[0, 0, 0]]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("nothing", {}),
        ("regions", b"{"),
        ("regions", b""),
        ("regions", b"\xff\xfe"),
        ("regions", b'{"state": {"points": [[NaN, 0, 0]]}, "view": [0, 1, 0, 1]}'),
        ("regions", b'{"state": {"points": [[1e400, 0, 0]]}, "view": [0, 1, 0, 1]}'),
        ("regions", b"[" * 100_000),
        ("regions", {"state": {}, "view": VIEW}),
        ("regions", {"state": {"points": [[0, 0, 0]] * 2001}, "view": VIEW}),
        ("regions", {"state": {"points": [[0, 0, 0]], "n_neighbors": 2}, "view": VIEW}),
        ("regions", {"state": {"points": [[0, 0, 0]], "n_neighbors": True}, "view": VIEW}),
        ("regions", {"state": {"points": [[0, 0, 0.5]], "n_neighbors": 1}, "view": VIEW}),
        ("regions", {"state": {"points": [[0, 0, 10]], "n_neighbors": 1}, "view": VIEW}),
        ("regions", {"state": {"points": [[0, 0]], "n_neighbors": 1}, "view": VIEW}),
        ("regions", {"state": {"points": [[0, 0, 0]], "n_neighbors": 1}, "view": [1.0, 0.0, 0.0, 1.0]}),
        ("regions", {"state": {"points": [[0, 0, 0]], "n_neighbors": 1}, "view": VIEW, "columns": 4000}),
        ("regions", {"state": {"points": ONE, "n_neighbors": 1}, "view": VIEW, "columns": 900, "rows": 900}),
        ("regions", {"state": {"points": [[0, 0, 0]], "n_neighbors": 1, "metric": "jaccard"}, "view": VIEW}),
        ("regions", {"state": {"points": [[0, 0, 0]], "n_neighbors": 1, "surprise": 1}, "view": VIEW}),
        ("regions", {"state": {"points": ONE * 3, "metric": "mahalanobis", "n_neighbors": 1}, "view": VIEW}),
        ("place", {"state": {"points": [[0, 0, 0]], "n_neighbors": 1}, "view": VIEW}),
        ("curve", {"state": {"points": [[0, 0, 0]]}}),
        ("curse", {"state": {"points": [[0, 0, 0]]}}),
        ("preset", {"name": "../../etc/passwd"}),
        ("csv", {"text": "1,2\nx"}),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_words(name, body):
    with pytest.raises(KneighborsError) as caught:
        api.answer(name, body if isinstance(body, bytes) else json.dumps(body).encode())
    told = api.failure(caught.value)
    assert set(told) == {"error", "field", "row"} and len(told["error"]) > 15


def test_refusals_name_the_field_and_the_row():
    def told(body):
        try:
            api.answer("curve", json.dumps({"state": body}).encode())
        except KneighborsError as error:
            return api.failure(error)

    assert told({"weights": "heavy"})["field"] == "state.weights"
    assert told({"points": [[0, 0, 0], [0, 0, 3.5]]})["row"] == 1
    assert told({"points": [[0, 0, 0], [0, None, 0]]})["row"] == 1


def test_one_class_one_point_and_equal_points_have_answers():
    for points, k in (
        ([(0.2, 0.2, 4.0)], 1),
        ([(0.5, 0.5, 1.0)] * 6, 3),
        ([(0.0, 0.0, 2.0), (1.0, 1.0, 2.0)], 2),
    ):
        chosen = State(points=points, n_neighbors=k)
        grid = regions.regions(chosen, (0.0, 1.0, 0.0, 1.0), 8, 8)
        assert (grid.labels == points[0][2]).all() and not grid.ties.any()
        told = place.ask(chosen, (0.5, 0.5), (0.0, 1.0, 0.0, 1.0))
        assert told["answer"] == points[0][2] and told["flip"] is None
        for metric in METRICS:
            try:
                regions.regions(change(chosen, metric=metric), (0.0, 1.0, 0.0, 1.0), 4, 4)
            except ParameterError as error:
                assert metric == "mahalanobis" and "inverse" in str(error)
