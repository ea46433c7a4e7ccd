# SPDX-License-Identifier: Apache-2.0
"""playground: one page that shows the real engine at work.

The page (``static/``, plain ES modules) draws; every label, distance and score on it is computed here, by the
estimators. Each file answers one kind of question about a ``State``, the checked form of what is on screen:

==============  ==========================================================================================
``state``       ``State``: points and settings, decoded without trust, with limits
``presets``     data to start from: generated, and scikit-learn's bundled sets
``pasted``      rows pasted or dropped as CSV text
``fitting``     from a state to a fitted estimator; the last few are remembered
``regions``     the answer in every cell of a grid, as bytes
``place``       one place: its neighbours, its vote, and the one point that would change it
``ball``        the outline of everything that is equally far from a place
``curve``       the leave-one-out error over every k
``curse``       what useless columns do to distances and to accuracy
``shapes``      the index drawn: what it is made of, and what one query touched
``scores``      speed, accuracy, training and size of each index kind, measured
``take_home``   the state as a Python program, and as a model's three files
``api``         the routes: names, request bodies, answers
``app``         the page on the server of ``kneighbors.serve``
``widget``      the page in a notebook
==============  ==========================================================================================
"""

from .api import answer
from .state import State

__all__ = ["State", "answer"]
