# SPDX-License-Identifier: Apache-2.0
"""sagemaker: the managed k-NN algorithm's container, running anywhere.

``python -m kneighbors.sagemaker train`` does what ``docker run <image> train`` does: it reads hyperparameters
and channels from the documented folders, and leaves a model and, if something was wrong, one line that says
what. ``serve`` answers with that model on port 8080. ``SAGEMAKER_BASE_DIR`` moves the folders. Nothing
outside this package knows of it.

===================  ======================================================================================
``training``         ``train``: the order of things, as leader and as worker
``serving``          ``serve``: the server, as the service starts it
``folders``          where inputs and outputs are
``configuration``    the configuration files; ``hyperparameters`` has their ranges and couplings
``channels``         files and FIFOs as rows; ``sharing`` says which rows are whose
``hosts``            how several hosts meet; ``messages`` is what they say
``scoring``          accuracy, macro F and mean squared error of the test channel
``log``              the lines that tuning and dashboards look for
``failures``         exit codes and the failure file
``knn``              ``KNN``: fit and predict through the box, without a container
===================  ======================================================================================
"""

from .knn import KNN
from .log import METRIC_DEFINITIONS
from .training import train

__all__ = ["KNN", "METRIC_DEFINITIONS", "train"]
