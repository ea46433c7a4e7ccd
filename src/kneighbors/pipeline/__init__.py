# SPDX-License-Identifier: Apache-2.0
"""The order of the steps: the only place that knows two of them.

    fit:      data -> sample -> scale -> reduce -> index            ``fitting``
    predict:  queries -> scale -> reduce -> index                   ``searching``
              neighbours -> vote                                    ``answering``, ``radius``
    score:    rows -> index -> vote, for many k at once             ``scoring``
    grow:     rows -> scale -> reduce -> index, and labels  ``growing``
    save:     model -> contents of three files, and back            ``storing``
    inspect:  what each step did to the data                        ``inspecting``

Estimators, the command line, the server and the cluster call these and decide nothing themselves.
Under cosine the index itself brings rows and queries to unit norm, in the reduced space.
"""

from ..model import Model, StepReport
from ..settings import Settings
from .answering import Answers, answer, class_probabilities, classify, regress
from .fitting import fit_model, fit_sample, fit_source, memory_estimate
from .growing import add_rows, remove_rows
from .inspecting import inspect
from .radius import class_probabilities_within, classify_within, regress_within
from .scoring import ScorePath, score_path
from .searching import neighbors, neighbors_within
from .storing import from_contents, to_contents

__all__ = [
    "Answers",
    "Model",
    "ScorePath",
    "Settings",
    "StepReport",
    "add_rows",
    "answer",
    "class_probabilities",
    "class_probabilities_within",
    "classify",
    "classify_within",
    "fit_model",
    "fit_sample",
    "fit_source",
    "from_contents",
    "inspect",
    "memory_estimate",
    "neighbors",
    "neighbors_within",
    "regress",
    "regress_within",
    "remove_rows",
    "score_path",
    "to_contents",
]
