"""The mu-lasso: least squares with a bound on the L1 norm of each column of the weights.

    W = arg min ||X W - L||_F^2    subject to  ||w_j||_1 <= mu  for every column j

scikit-learn's least angle regression follows the solutions of the lasso over its penalty (Efron et al., 2004). They are
linear between the knots of that path, and their L1 norm rises along it, so the solution for a bound is found between
two knots, exactly. Features that depend on one another linearly can end the path early; then the penalty is found by
bisection, with scikit-learn's coordinate descent for each penalty. (The authors of VEBI use spectral projected
gradient; ours took more than ten times as long on the responses of SqueezeNet, and came less close.) Every column is
checked by its duality gap,

    <g, w> + mu * max |g|  >=  f(w) - f(w*),      g the gradient of f(w) = ||X w - l||^2

>>> mu_lasso(np.eye(2), np.array([[3.0], [1.0]]), mu=2.0).round(6).tolist()
[[2.0], [0.0]]
"""

import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, lars_path

from retina_xai.errors import InputError, UsageError

Array = npt.NDArray[np.float64]

EXACT, TOLERANCE = 1e-6, 1e-3
"""Largest duality gap, as a share of ||l||^2: of the path, and at all."""

HALVINGS, SMALLEST = 50, 1e-9
"""Steps of the bisection, and the smallest penalty as a share of the one at which all weights are 0."""

FIRST_KNOTS = 64
"""Length of the first path; it is doubled until the bound is reached."""


def mu_lasso(features: Array, labels: Array, mu: float) -> Array:
    """The weights (d, K) of features (N, d) and labels (N, K), ||w_j||_1 <= mu.

    Raises:
        UsageError: mu is not positive.
        InputError: features or labels that do not fit or are not finite, or no convergence.
    """
    if not 0 < mu < np.inf:
        raise UsageError(f"mu {mu:g}: give a positive number")
    if features.ndim != 2 or labels.ndim != 2 or len(features) != len(labels):
        raise InputError(f"features {features.shape} and labels {labels.shape}: expected (N, d) and (N, K)")
    if not (np.isfinite(features).all() and np.isfinite(labels).all()):
        raise InputError("features or labels hold NaN or infinity: check the network and the photographs")
    gram = features.T @ features if len(features) > features.shape[1] else None
    weights = np.zeros((features.shape[1], labels.shape[1]))
    for column, label in enumerate(labels.T):
        found = _at_bound(features, gram, label, mu)
        if _gap(features, label, found, mu) > EXACT:
            found = _by_bisection(features, gram, label, mu)
            if (gap := _gap(features, label, found, mu)) > TOLERANCE:
                raise InputError(
                    f"the mu-lasso did not converge (duality gap {gap:.2g} of the sum of squares, expected at most "
                    f"{TOLERANCE:g}): use more images, or another mu"
                )
        weights[:, column] = found
    return weights


def _gap(features: Array, label: Array, weights: Array, mu: float) -> float:
    """The duality gap as a share of ||label||^2."""
    gradient = 2 * features.T @ (features @ weights - label)
    return float((gradient @ weights + mu * np.abs(gradient).max()) / max(label @ label, 1e-300))


def _by_bisection(features: Array, gram: Array | None, label: Array, mu: float) -> Array:
    """The weights (d,) of the smallest penalty whose L1 norm is at most mu."""
    high = float(np.abs(features.T @ label).max()) / len(label)
    low, best = high * SMALLEST, np.zeros(features.shape[1])
    model = Lasso(high, fit_intercept=False, warm_start=True, tol=1e-7, max_iter=5000, precompute=gram is not None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the duality gap tells
        for _ in range(HALVINGS):
            model.alpha = float(np.sqrt(low * high))
            weights = model.fit(features, label).coef_
            if np.abs(weights).sum() > mu:
                low = model.alpha
            else:
                high, best = model.alpha, weights.copy()
            if high < low * (1 + 1e-9):
                break
    return np.asarray(best)


def _at_bound(features: Array, gram: Array | None, label: Array, mu: float) -> Array:
    """The point (d,) of the path whose L1 norm is mu; its end if that is smaller."""
    for path in _paths(features, gram, label):
        norms = np.abs(path).sum(axis=0)
        if norms[-1] >= mu:
            after = int(np.argmax(norms >= mu))
            share = (mu - norms[after - 1]) / (norms[after] - norms[after - 1])
            return np.asarray(path[:, after - 1] + share * (path[:, after] - path[:, after - 1]))
    return np.asarray(path[:, -1])


def _paths(features: Array, gram: Array | None, label: Array) -> Iterator[Array]:
    """The knots (d, P) of the path, from weights of 0 on; longer and longer, until its end."""
    knots = FIRST_KNOTS
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the duality gap tells
            *_, path = lars_path(features, label, Gram=gram, method="lasso", max_iter=knots)
        yield path
        if path.shape[1] <= knots or knots > 4 * min(features.shape):
            return
        knots *= 2
