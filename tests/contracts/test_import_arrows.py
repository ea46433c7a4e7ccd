# SPDX-License-Identifier: Apache-2.0
"""Arrows point one way: who may import whom, held by reading every source file, and what an import loads."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap

import pytest

from tests.contracts.tree import modules, part_of

# The steps know no other step: they share the form of rows, metrics, settings, errors, and the core.
STEPS = {"data", "sample", "scale", "reduce", "index", "vote", "model_files"}
VOCABULARY = {"data", "metrics", "parameters", "errors", "_native"}
# Forms and helpers that the pipeline puts together; no step needs them.
PIPELINE_HELPERS = {"labels", "model", "sections", "settings", "stored_labels", "threads"}
# These parse, call the pipeline and format.
EDGES = {"estimators", "serve", "sagemaker", "cluster", "advise", "playground", "cli"}

HEAVY = {
    "web servers": {
        "aiohttp",
        "fastapi",
        "flask",
        "h11",
        "httptools",
        "starlette",
        "tornado",
        "uvicorn",
        "werkzeug",
    },
    "plotting libraries": {"bokeh", "matplotlib", "plotly", "seaborn", "altair"},
    "Ray": {"ray"},
    "notebook tools": {"IPython", "ipywidgets", "anywidget"},
}
AT_HOME = {"ray": {"cluster"}, "anywidget": {"playground"}, "ipywidgets": {"playground"}}

each_module = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)


def arrows(module):
    return {part_of(name) for name in module.ours} - {module.part, ""}


@each_module
def test_steps_import_only_the_vocabulary(module):
    if module.part not in STEPS:
        return
    wrong = arrows(module) - VOCABULARY
    assert not wrong, f"{module.name} is part of the step '{module.part}' and imports {sorted(wrong)}"


@each_module
def test_only_the_pipeline_knows_two_steps(module):
    if module.part == "pipeline":
        return
    known = arrows(module) & (STEPS - {"data"})
    assert len(known) <= 1, f"{module.name} knows the steps {sorted(known)}; only the pipeline may know two"


@each_module
def test_nothing_below_the_pipeline_looks_up(module):
    if module.part in EDGES or module.part == "":
        return
    above = EDGES | ({"pipeline"} if module.part != "pipeline" else set())
    wrong = arrows(module) & above
    assert not wrong, f"{module.name} imports {sorted(wrong)}, which sits above it"


@each_module
def test_edges_do_not_know_each_others_insides(module):
    """Edges call the pipeline or the estimators; estimators know no other edge.

    The page is a guest of the server and shows the scorecard; the command line starts what there is.
    """
    if module.part not in EDGES:
        return
    allowed = {
        "estimators": set(),
        "playground": {"estimators", "serve", "advise"},
        "cli": EDGES,
        "sagemaker": {"estimators", "serve"},
    }.get(module.part, {"estimators"})
    wrong = arrows(module) & EDGES - allowed
    assert not wrong, f"{module.name} imports {sorted(wrong)}"


def test_errors_and_parameters_import_nothing_of_ours():
    for module in modules():
        if module.part in ("errors", "parameters"):
            assert not arrows(module) - {"errors"}, f"{module.name} imports {sorted(arrows(module))}"


def test_every_part_has_its_place_in_this_map():
    known = STEPS | VOCABULARY | PIPELINE_HELPERS | EDGES | {"", "pipeline"}
    unknown = {module.part for module in modules()} - known
    assert not unknown, f"say where {sorted(unknown)} belong: here and in docs/architecture.md"


def test_parts_form_no_circle():
    graph = {}
    for module in modules():
        graph.setdefault(module.part, set()).update(arrows(module))
    finished, path = set(), []

    def visit(part):
        assert part not in path, f"circle: {' -> '.join([*path[path.index(part) :], part])}"
        if part in finished:
            return
        path.append(part)
        for target in sorted(graph.get(part, ())):
            visit(target)
        path.pop()
        finished.add(part)

    for part in sorted(graph):
        visit(part)


@each_module
def test_heavy_libraries_stay_at_home(module):
    for kind, names in HEAVY.items():
        for name in {other.split(".")[0] for other in module.others} & names:
            home = AT_HOME.get(name, {"serve", "playground", "sagemaker"})
            assert module.part in home, f"{module.name} imports {name}; {kind} belong in {sorted(home)}"


@each_module
def test_p6_no_code_in_data(module):
    """P6: no pickle, eval or YAML where files are read; nowhere else either."""
    banned = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "imp"}
    used = {other.split(".")[0] for other in module.others} & banned
    assert not used, f"{module.name} imports {sorted(used)}"
    for node in ast.walk(module.source):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else ""
            assert called not in {"eval", "exec", "compile", "__import__"}, (
                f"{module.name}:{node.lineno} {called}()"
            )
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            pickles = keywords.get("allow_pickle")
            assert pickles is None or (isinstance(pickles, ast.Constant) and pickles.value is False), (
                f"{module.name}:{node.lineno} allows pickle"
            )


def loaded_by(program: str) -> set[str]:
    program = (
        textwrap.dedent(program)
        + "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(finished.stdout.split())


def test_import_loads_nothing_until_it_is_used():
    loaded = loaded_by("import kneighbors")
    assert not loaded & {"numpy", "scipy", "sklearn", "pyarrow", "msgspec", "rich", "click", "pandas"}


def test_import_takes_less_than_0_3_seconds():
    program = "import time; t = time.perf_counter(); import kneighbors; print(time.perf_counter() - t)"
    seconds = min(
        float(
            subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        )
        for _ in range(3)
    )
    assert seconds < 0.3


def test_fit_save_and_load_need_no_server_plot_or_cluster(tmp_path):
    loaded = loaded_by(
        f"""
        import kneighbors
        model = kneighbors.KNeighborsClassifier(1).fit([[0.0], [1.0]], [0, 1])
        model.save({str(tmp_path / "model")!r})
        kneighbors.load({str(tmp_path / "model")!r}).predict([[0.2]])
        """
    )
    assert "sklearn" in loaded
    for kind, names in HEAVY.items():
        assert not loaded & names, f"{kind} were loaded: {sorted(loaded & names)}"
    by_scikit_learn = loaded_by("import sklearn.neighbors")
    assert not (loaded - by_scikit_learn) & {"pyarrow", "pandas", "polars", "rich", "click", "yaml"}
