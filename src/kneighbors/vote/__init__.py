# SPDX-License-Identifier: Apache-2.0
"""The vote: from neighbours to a label, probabilities or a value.

In: per query the distances of its neighbours and their class codes or targets, nearest first. They are
tables of shape (n_queries, k), or, where the number of neighbours differs (within a radius), runs of one
array, query i's at ``offsets[i]:offsets[i + 1]``. Out: one code, one row of probabilities or one value per
query.

=================  ==================================================================
``weights.py``     what each neighbour counts; neighbours whose rows weigh more than 1
``classes.py``     votes on a class, probabilities, priors
``targets.py``     means
``runs.py``        the same three for runs
``paths.py``       classes and means for every k at once
=================  ==================================================================

The rules, each the same everywhere:

- Votes are summed in float64, nearest neighbour first, one after the other, so an answer never depends on
  the batch.
- A tie goes to the smallest label, that is, to the first in ``classes_`` order, with weights too.
- ``weights="distance"`` gives a neighbour 1/distance. Where a query has neighbours at distance zero, those
  count 1 and the others nothing. The weights are taken relative to the nearest, d_min/d, which is the same
  vote but cannot overflow; an infinite or missing distance counts 0, and where every distance is so, all
  count 1.
- ``sample_weight`` given to fit makes k count weight: neighbours are taken until their weights reach k, and
  the last is split (``take_shares``). Within a radius there is no k: each neighbour's vote is multiplied.
- Class priors multiply the votes.

`tests/reference/vote.py` is the slow and obvious judge of this folder.
"""

from .classes import check_priors, class_votes, probabilities, winners
from .paths import mean_path, winner_path
from .runs import run_means, run_probabilities, run_votes, run_weights, run_winners
from .targets import mean_targets
from .weights import Weights, check_votes, neighbour_weights, take_shares, without_own

__all__ = [
    "Weights",
    "check_priors",
    "check_votes",
    "class_votes",
    "mean_path",
    "mean_targets",
    "neighbour_weights",
    "probabilities",
    "run_means",
    "run_probabilities",
    "run_votes",
    "run_weights",
    "run_winners",
    "take_shares",
    "winner_path",
    "winners",
    "without_own",
]
