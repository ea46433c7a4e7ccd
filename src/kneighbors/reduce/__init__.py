# SPDX-License-Identifier: Apache-2.0
"""The reduce step: rows of shape (n, input_dim) in; rows of shape (n, target_dim) of the same dtype out.

==========  ==================================================================================================
kind        what a row becomes
==========  ==================================================================================================
``sign``    ``x R / sqrt(t)`` with random signs R; O(n d t), and quick for any d (Achlioptas 2003)
``fjlt``    signs, a Walsh-Hadamard transform, sampled positions; O(n d log d) (Ailon and Chazelle 2009)
``pca``     its coordinates along the directions of most variance, fitted by scikit-learn
``select``  the columns with the best scores: variance, ANOVA F, or mutual information, fitted by scikit-learn
==========  ==================================================================================================

``sign`` and ``fjlt`` look at no data: type, seed, input_dim and target_dim say all, and distances and inner
products are preserved within bounds (``docs/algorithms/projections.md``). ``pca`` and ``select`` are
fitted and kept as plain arrays. Every one of them gives the same bits on every machine, for every number
of threads and every division into batches.

``base`` holds what they share, ``random``, ``pca`` and ``select`` one kind each, ``make`` is the door, and
``transformers`` has the random projections as scikit-learn transformers.
"""

from __future__ import annotations

from .base import Reducer
from .make import fit, load
from .transformers import FastJohnsonLindenstrauss, SignProjection

__all__ = ["FastJohnsonLindenstrauss", "Reducer", "SignProjection", "fit", "load"]
