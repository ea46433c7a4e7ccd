# SPDX-License-Identifier: Apache-2.0
"""One file per library: how it is asked, and its best settings.

A rival's file imports its library inside its methods, so the list itself can be read anywhere; ``OURS`` comes
first.
"""

from .base import Rival, Variant
from .faiss import Faiss
from .kneighbors import Kneighbors
from .scann import Scann
from .scikit_learn import ScikitLearn
from .scikit_learn_intelex import ScikitLearnIntelex
from .svs import Svs
from .usearch import Usearch

__all__ = ["OURS", "RIVALS", "Rival", "Variant"]

OURS = Kneighbors.name
RIVALS: dict[str, type[Rival]] = {
    rival.name: rival for rival in (Kneighbors, Faiss, ScikitLearn, ScikitLearnIntelex, Scann, Usearch, Svs)
}
