# SPDX-License-Identifier: Apache-2.0
"""The order of the steps: the only place that knows two of them.

    fit:      data -> sample -> scale -> reduce -> index            ``fitting``
    predict:  queries -> scale -> reduce -> index                   ``searching``
              neighbours -> vote                                    ``answering``, ``radius``
    score:    rows -> index -> vote, for many k at once             ``scoring``
    save:     model -> contents of three files, and back            ``storing``
    inspect:  what each step did to the data                        ``inspecting``

Estimators, the command line, the server and the cluster call these and decide nothing themselves.
Under cosine the index itself brings rows and queries to unit norm, in the reduced space.
"""

from ..model import Model, StepReport
from ..settings import Settings
from .answering import Answers, answer, class_probabilities, classify, regress
from .fitting import fit_model, fit_sample, fit_source, memory_estimate
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
    "score_path",
    "to_contents",
]
