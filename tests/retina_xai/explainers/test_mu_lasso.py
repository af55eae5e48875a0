"""The mu-lasso against a generic convex solver, closed forms and its own optimality."""

import numpy as np
import pytest
from scipy.optimize import minimize

from retina_xai.errors import InputError, UsageError
from retina_xai.explainers.mu_lasso import mu_lasso


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def generic(features, label, mu):
    """The same problem for w = u - v with u, v >= 0, by sequential least squares programming."""
    count = features.shape[1]

    def objective(pair):
        return ((features @ (pair[:count] - pair[count:]) - label) ** 2).sum()

    bound = {"type": "ineq", "fun": lambda pair: mu - pair.sum()}
    options = {"ftol": 1e-14, "maxiter": 1000}
    limits = [(0, None)] * (2 * count)
    found = minimize(objective, np.zeros(2 * count), method="SLSQP", bounds=limits, constraints=bound, options=options)
    assert found.x.min() > -1e-9
    assert found.x.sum() <= mu + 1e-6, found.message
    return found.x[:count] - found.x[count:], found.fun


@pytest.mark.parametrize("mu", [0.3, 1.0, 50.0])
@pytest.mark.parametrize(("rows", "columns"), [(30, 8), (6, 12)])
def test_a_generic_solver_finds_the_same(rng, rows, columns, mu):
    features, labels = rng.random((rows, columns)), (rng.random((rows, 3)) > 0.6).astype(float)
    found = mu_lasso(features, labels, mu)
    for column in range(3):
        weights, least = generic(features, labels[:, column], mu)
        assert ((features @ found[:, column] - labels[:, column]) ** 2).sum() <= least + 1e-7
        if mu < 50 and rows > columns:  # otherwise the minimum is not unique
            np.testing.assert_allclose(found[:, column], weights, atol=1e-5)
    assert (np.abs(found).sum(axis=0) <= mu * (1 + 1e-9)).all()


def test_closed_forms():
    labels = np.array([[3.0, 0.2, 0.0], [1.0, -0.1, 0.0], [-0.5, 0.0, 0.0]])
    soft = mu_lasso(np.eye(3), labels, 2.0)
    np.testing.assert_allclose(soft, [[2.0, 0.2, 0], [0.0, -0.1, 0], [0, 0, 0]], atol=1e-6)
    assert (mu_lasso(np.zeros((4, 2)), np.ones((4, 1)), 1.0) == 0).all()


def test_many_correlated_columns_are_solved_to_the_gap(rng):
    """As the responses of filters: positive, alike, and more of them than images."""
    features = np.abs(0.01 + 0.002 * rng.standard_normal((40, 300)))
    labels = np.eye(5)[rng.integers(0, 5, 40)]
    found = mu_lasso(features, labels, 10.0)
    gradient = 2 * features.T @ (features @ found - labels)
    gap = (gradient * found).sum(axis=0) + 10 * np.abs(gradient).max(axis=0)
    assert (gap <= 1e-9 * (labels**2).sum(axis=0) * (1 + 1e-6)).all()
    together = mu_lasso(features, np.tile(labels, 20), 10.0)
    np.testing.assert_allclose(together, np.tile(found, 20), atol=1e-6)


def test_equal_columns_and_dead_filters(rng):
    features = rng.random((20, 4))
    doubled = np.concatenate([features, features, np.zeros((20, 2))], axis=1)
    label = (rng.random((20, 1)) > 0.5).astype(float)
    found, expected = mu_lasso(doubled, label, 0.5), mu_lasso(features, label, 0.5)
    np.testing.assert_allclose(found[:4] + found[4:8], expected, atol=1e-9)
    assert (found[8:] == 0).all()


@pytest.mark.parametrize(
    ("features", "labels", "mu", "error", "message"),
    [
        (np.ones((3, 2)), np.ones((3, 1)), 0.0, UsageError, "mu 0: give a positive number"),
        (
            np.ones((3, 2)),
            np.ones((2, 1)),
            1.0,
            InputError,
            r"features \(3, 2\) and labels \(2, 1\): expected \(N, d\)",
        ),
        (np.full((3, 2), np.nan), np.ones((3, 1)), 1.0, InputError, "hold NaN or infinity"),
    ],
)
def test_unfit_arguments_are_refused(features, labels, mu, error, message):
    with pytest.raises(error, match=message):
        mu_lasso(features, labels, mu)


def test_dependent_features_that_end_the_path_are_solved_by_bisection(monkeypatch, rng):
    """Two layers whose shares each sum to 1, and filters that repeat others."""
    shares = rng.dirichlet(np.ones(3), 12)
    features = np.concatenate([shares, shares[:, ::-1]], axis=1)
    labels = np.eye(3)[shares.argmax(axis=1)]
    found = mu_lasso(features, labels, 4.0)
    for column in range(3):
        least = generic(features, labels[:, column], 4.0)[1]
        assert ((features @ found[:, column] - labels[:, column]) ** 2).sum() <= least * (1 + 1e-3) + 1e-3
    features = rng.random((30, 8))
    exact = mu_lasso(features, labels[:1].repeat(30, axis=0) * features[:, :3], 1.0)
    monkeypatch.setattr("retina_xai.explainers.mu_lasso._at_bound", lambda features, *rest: np.zeros(features.shape[1]))
    again = mu_lasso(features, labels[:1].repeat(30, axis=0) * features[:, :3], 1.0)
    np.testing.assert_allclose(again, exact, atol=1e-3)


def test_no_convergence_is_an_error(monkeypatch, rng):
    for name in ("_at_bound", "_by_bisection"):
        monkeypatch.setattr(
            f"retina_xai.explainers.mu_lasso.{name}", lambda features, *rest: np.zeros(features.shape[1])
        )
    with pytest.raises(InputError, match="the mu-lasso did not converge .*: use more images, or another mu"):
        mu_lasso(rng.random((30, 20)), rng.random((30, 1)), 1.0)
