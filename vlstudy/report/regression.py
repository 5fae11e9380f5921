"""How well a gap predicts what a model is worth: a straight line over models."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 6  # models
RESAMPLES = 10_000
DISTINCT = 3  # models in a resample: through two every line is exact


class Insufficient(Exception):
    """Too little for a line; the message begins with `insufficient:`."""


@dataclass(frozen=True, kw_only=True)
class Regression:
    """The line quality = intercept + slope * gap over n models.

    Attributes:
        r2: share of the quality's variance that the line explains.
        low, high: 95 % bootstrap interval of r2 over models.
    """

    slope: float
    intercept: float
    r2: float
    low: float
    high: float
    n: int

    def at(self, gap: float) -> float:
        """The quality that the line gives to a gap."""
        return self.intercept + self.slope * gap


def regression(gaps: Sequence[float], qualities: Sequence[float]) -> Regression:
    """Ordinary least squares of the models' qualities on one of their gaps.

        R^2 = 1 - SS_res / SS_tot

    The interval holds the middle 95 % of R^2 over 10,000 seeded resamples of the models, without those that hold fewer
    than three of them: any two points lie on a line. R^2 of few models is large by luck: read the interval. Models with
    a number that is not finite are left out.

    Differs from the paper: it prints R^2 without n or interval; the procedure is our choice.
    Source: TPC-CMA (arXiv 2604.00279), the gaps as predictors of quality.

    Args:
        gaps: one number a model.
        qualities: one number a model, in the same order.

    Raises:
        Insufficient: for fewer than six models, or if all have one gap or one quality.
        ValueError: if the lengths differ.

    >>> line = regression([1, 2, 3, 4, 5, 6], [5, 4, 3, 2, 1, 0])
    >>> round(line.slope, 6), round(line.intercept, 6), round(line.r2, 6), line.n
    (-1.0, 6.0, 1.0, 6)
    """
    x, y = np.array(list(zip(gaps, qualities, strict=True)), dtype=float).reshape(-1, 2).T
    kept = np.isfinite(x) & np.isfinite(y)
    x, y = x[kept], y[kept]
    n = len(x)
    if n < FEWEST:
        raise Insufficient(f"insufficient: {n} models are measured, {FEWEST} are the least that say anything.")
    for name, values in (("gap", x), ("quality", y)):
        if np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
            raise Insufficient(f"insufficient: all {n} models have the same {name}, {values[0]:.4g}.")
    slope, _, r2 = _lines(x, y, np.ones((1, n)))
    low, high = _interval(x, y)
    return Regression(
        slope=float(slope[0]),
        intercept=float(y.mean() - slope[0] * x.mean()),
        r2=float(r2[0]),
        low=low,
        high=high,
        n=n,
    )


def _interval(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    n = len(x)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    _, defined, r2 = _lines(x, y, counts[(counts > 0).sum(axis=1) >= DISTINCT].astype(float))
    low, high = np.quantile(r2[defined], [0.025, 0.975])
    return float(low), float(high)


def _lines(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Slope, whether there is one, and R^2 of the line through the models, as often as each row of weights has them."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    dx, dy = x - (shares @ x)[:, None], y - (shares @ y)[:, None]
    xx, xy, yy = ((shares * product).sum(axis=1) for product in (dx * dx, dx * dy, dy * dy))
    tiny = 1e-24 * np.array([np.square(x).max(), np.square(y).max()])
    defined = (xx > tiny[0]) & (yy > tiny[1])
    safe_xx, safe_yy = np.where(defined, xx, 1.0), np.where(defined, yy, 1.0)
    return xy / safe_xx, defined, np.minimum(1.0, xy**2 / (safe_xx * safe_yy))
