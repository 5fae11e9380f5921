"""Arms by domains: accuracy on each domain, and the difference to the strongest baseline there."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures import cells
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.reading import Condition, family, grouped, measured, tasks
from vlstudy.report.statistics import Interval, interval, paired
from vlstudy.report.style import canvas

METRIC, HALVES, MEAN = "test/accuracy@", ("base", "new"), "mean"
PERCENT = formatting.scale("fraction")
Found = Mapping[str, Mapping[str, Mapping[int, float]]]  # family -> domain -> seed -> accuracy


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Accuracy on each domain"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm and domain, the mean over the domains last: accuracy, and the difference to the baseline."""
    if not set(tasks(record)) & {"domain_shift", "open_class"}:
        raise NotApplicable("Training and test images come from the same domains.")
    found = [_rows(record, one) for one in grouped(record.header.arms, without=["held_out"])]
    rows = [row for some in found for row in some]
    if not rows and "domain_shift" not in tasks(record):
        raise NotApplicable("The classes were split, not the domains.")
    if not rows:
        raise Unavailable("No setting has been confirmed on another domain yet.")
    if sum(map(bool, found)) == 1:  # whose condition need not be told
        rows = [{**row, "row": row["arm"]} for row in rows]
    return pd.DataFrame(rows).drop(columns="arm")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the cells are and what is bold."""
    bases = dict.fromkeys(frame["baseline"].dropna())
    start = "Mean accuracy on test (%), an arm a row and a domain a column, none of them trained on when it was tested."
    if not bases:
        return start
    return (
        f"{start} Below: the difference, seed by seed, to {', '.join(bases)}, the baseline with the best mean over the "
        "domains (points); bold where its 95 % interval is clear of zero. The intervals are in the table; they cover "
        "seeds, not the choice of domains."
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """Levels above, differences below; they share their columns."""
    labels, domains = list(dict.fromkeys(frame["row"])), list(dict.fromkeys(frame["domain"]))
    level, gap, low, high = (
        frame.pivot(index="row", columns="domain", values=name).reindex(index=labels, columns=domains).astype(float)
        for name in ("mean", *(f"difference: {end}" for end in ("mean", "low", "high")))
    )
    others = gap.notna().any(axis=1).to_numpy()
    rows = 2 if others.any() else 1
    counts = (len(labels), int(others.sum()))[:rows]
    figure, axes = canvas(rows=rows, height=0.75 * rows + 0.3 * sum(counts), ratios=counts)
    cells.levels(axes[0], level.to_numpy(), lambda value: f"{value:.1f}")
    cells.named(axes[0], labels, domains)
    if rows == 2:
        sure = ((low > 0) | (high < 0)).to_numpy()[others]
        cells.changes(
            axes[1], gap.to_numpy()[others], sure, lambda value: formatting.change(value / PERCENT, "fraction")
        )
        cells.named(axes[1], [name for name, mine in zip(labels, others, strict=True) if mine], domains)
    return figure


def over_domains(found: Mapping[str, Mapping[int, float]]) -> dict[int, float]:
    """Seed -> the mean over the domains, each counting alike, of the seeds that every domain has."""
    seeds = set.intersection(*(set(values) for values in found.values())) if found else set()
    return {seed: sum(values[seed] for values in found.values()) / len(found) for seed in sorted(seeds)}


def by_domain(record: StudyRecord, arms: tuple[ArmHeader, ...]) -> dict[str, dict[int, float]]:
    """Domain -> seed -> accuracy on it; the arms are one family's, with different domains held out."""
    found: dict[str, dict[int, float]] = {}
    for arm in arms:
        named = {name for item in record.confirms if item.arm == arm.name for name in item.metrics}
        for name in sorted(name for name in named if name.startswith(METRIC)):
            domain = name.removeprefix(METRIC)
            if domain not in HALVES and (values := measured(record, arm.name, name)):
                found[domain] = values
    return found


def _rows(record: StudyRecord, condition: Condition) -> list[dict[str, Any]]:
    own: dict[str, list[ArmHeader]] = {}
    for arm in condition.arms:
        own.setdefault(family(arm), []).append(arm)
    found = {name: by_domain(record, tuple(arms)) for name, arms in own.items()}
    found = {name: domains for name, domains in found.items() if domains}
    every = list(dict.fromkeys(domain for domains in found.values() for domain in domains))
    for domains in found.values():
        if len(every) > 1 and set(domains) == set(every):
            domains[MEAN] = over_domains(domains)
    base = _base(found, [name for name, arms in own.items() if arms[0].baseline], every)
    return [
        {
            "arm": name,
            "row": f"{name} ({condition.label})" if condition.label else name,
            "domain": domain,
            "baseline": base,
        }
        | columns(interval(list(values.values())), PERCENT)
        | columns(_gap(found, name, base, domain), PERCENT, "difference: ")
        for name in found
        for domain in [*every, *([MEAN] if len(every) > 1 else [])]
        if (values := found[name].get(domain))
    ]


def _gap(found: Found, name: str, base: str | None, domain: str) -> Interval | None:
    if base is None or name == base or domain not in found[base]:
        return None
    return paired(found[name][domain], found[base][domain])


def _base(found: Found, baselines: list[str], every: list[str]) -> str | None:
    """The baseline with the best mean over all domains, the first of equals; None without one that has them all."""
    whole = {name: found[name] for name in baselines if name in found and set(every) <= set(found[name])}
    means = {
        name: [sum(values) / len(values) for domain in every if (values := list(domains[domain].values()))]
        for name, domains in whole.items()
    }
    return max(means, key=lambda name: sum(means[name])) if means else None
