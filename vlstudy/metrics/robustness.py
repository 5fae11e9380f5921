"""How much of its recall a model keeps when the test is noisy."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from vlstudy.metrics.metric import Metric

NOISES = ("caption", "pixel")  # what is made noisy in the test; groups are named `caption=0.3`
RECALL = "mean_recall"  # whose loss is followed (our choice)


def relative(recalls: Mapping[float, float]) -> dict[float, float]:
    """R(level) / R(0) at each level of noise, ascending; {} if nothing is recalled without noise.

    Source: our choice; the paper on variance-aware scheduling compares recalls under noise.

    >>> relative({0.5: 0.2, 0.0: 0.4})
    {0.0: 1.0, 0.5: 0.5}
    """
    clean = recalls[0.0]
    return {level: recalls[level] / clean for level in sorted(recalls)} if clean else {}


def noise_robustness(recalls: Mapping[float, float]) -> float | None:
    """Area under relative recall over the levels of noise, by the trapezoid rule, divided by their range.

        A = sum over neighbouring levels of (b - a) (r(a) + r(b)) / 2, over (last - first);   r = R(level) / R(0)

    1: noise costs nothing. None if nothing is recalled without noise, or at no other level.

    Source: our choice; levels 0, 0.1, 0.2, 0.3, 0.5.

    >>> noise_robustness({0.0: 0.4, 0.5: 0.2})
    0.75
    """
    kept = relative(recalls)
    if len(kept) < 2:
        return None
    area = sum((b - a) * (kept[a] + kept[b]) / 2 for a, b in pairwise(kept))
    return area / (max(kept) - min(kept))


def robustness(metrics: Mapping[str, float], split: str = "test") -> dict[str, float]:
    """`test/caption_noise_robustness` and its like, out of `test/mean_recall` and `test/mean_recall@caption=0.3`.

    Kinds of noise that were not measured are left out.

    >>> robustness({"test/mean_recall": 0.4, "test/mean_recall@pixel=0.5": 0.2})
    {'test/pixel_noise_robustness': 0.75}
    """
    plain, found = f"{split}/{RECALL}", dict[str, float]()
    for kind in NOISES if plain in metrics else ():
        start = f"{plain}@{kind}="
        noisy = {float(name.removeprefix(start)): value for name, value in metrics.items() if name.startswith(start)}
        area = noise_robustness({**noisy, 0.0: metrics[plain]})
        if area is not None:
            found[f"{split}/{kind}_noise_robustness"] = area
    return found


def _metric(kind: str, noise: str) -> Metric:
    return Metric(
        name=f"{kind}_noise_robustness",
        direction="maximize",
        unit="fraction",
        low=0.0,
        high=None,  # luck may raise a recall above that without noise
        meaning=f"mean recall relative to that without noise, averaged over levels of {noise} from 0 to 0.5",
        source="our choice (area under relative recall); the papers show recalls",
        split="test",
    )


CAPTION_NOISE_ROBUSTNESS = _metric("caption", "noise in the captions")
PIXEL_NOISE_ROBUSTNESS = _metric("pixel", "Gaussian noise on normalised pixels")
