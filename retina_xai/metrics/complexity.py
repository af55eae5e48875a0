"""How concentrated is a map? Two metrics of the evidence alone; they do not ask whether it is right.

    sparseness   Gini index of the evidence, in [0, 1): 0 for equal values, near 1 where a few pixels hold everything
                 (Chalasani et al., ICML 2020); high is sparse
    complexity   entropy (nats) of the evidence divided by its sum (Bhatt et al., IJCAI 2020); low is simple

Both are those of Quantus (`Sparseness`, `Complexity`). A map without evidence has neither (NaN).
"""

import math

from torch import Tensor


def sparseness(evidence: Tensor) -> float:
    """Gini index of evidence (H, W) >= 0.

    >>> import torch
    >>> sparseness(torch.tensor([[0.0, 0.0], [0.0, 1.0]])), sparseness(torch.ones(3, 3))
    (0.75, 0.0)
    """
    values = evidence.detach().double().flatten().sort().values.cpu()
    total, count = float(values.sum()), len(values)
    if total <= 0:
        return math.nan
    places = 2 * values.new_tensor(range(1, count + 1)) - count - 1
    return float((places * values).sum() / (count * total))


def complexity(evidence: Tensor) -> float:
    """Entropy of evidence (H, W) >= 0, in [0, log(H W)].

    >>> import torch
    >>> round(complexity(torch.ones(2, 2)) - math.log(4), 6), complexity(torch.eye(1))
    (0.0, 0.0)
    """
    values = evidence.detach().double().flatten().cpu()
    total = float(values.sum())
    if total <= 0:
        return math.nan
    shares = values[values > 0] / total
    return abs(float((shares * shares.log()).sum()))
