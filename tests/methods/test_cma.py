"""The alignment method of TPC-CMA: checks 20 and 26 to 28 of its specification, its knobs, and its five terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from tests.toy_pairs import pair_batch, picture_pairs, toy_pairs
from vlstudy.losses.contrastive import cosines, directions
from vlstudy.losses.modality_alignment import (
    centroid_distance,
    geometry_matching,
    gram,
    hard_weights,
    paired_residual,
    reweighted_negatives,
    semantic_weights,
)
from vlstudy.measurement import Measurement
from vlstudy.methods.cma import Cma
from vlstudy.methods.contrastive import Contrastive
from vlstudy.methods.pairing import PairMethod, PairModel
from vlstudy.methods.protocol import Batch
from vlstudy.schedules.fixed import Fixed
from vlstudy.schedules.protocol import Moment, Schedule, Weighed
from vlstudy.schedules.three_phase import ThreePhase
from vlstudy.training import State, TrainSettings, fit
from vlstudy.weighing import flat_gradient, weighted

SETTINGS = TrainSettings(epochs=5, batch=16, lr=3e-3, evaluations=2)  # 20 steps: the ramp from 4 to 12


@dataclass(frozen=True, kw_only=True)
class Watched(ThreePhase):
    """The curriculum, with a list of what it answered; `planted` gradients are functions of the step alone."""

    planted: bool = False
    answers: list[tuple[int, Weighed]] = field(default_factory=list)

    def weigh(self, moment: Moment) -> Weighed:
        if self.planted:
            angle = torch.tensor(float(moment.step))
            rows = torch.tensor([1.0, 0.0]), torch.stack([angle.cos(), angle.sin()])
            moment = replace(moment, gradient=lambda loss: rows[loss is not moment.terms["contrastive"]])
        self.answers.append((moment.step, super().weigh(moment)))
        return self.answers[-1][1]


def fitted(
    method: PairMethod, schedule: Schedule, state: State | None = None, **settings: Any
) -> list[tuple[Measurement, State]]:
    wanted = replace(SETTINGS, **settings)
    return list(fit(method, schedule, toy_pairs(), wanted, seed=1, objective="val/accuracy", state=state))


def prepared(method: Cma) -> tuple[PairModel, Batch]:
    """A model whose heads are not the identity, and a batch with its embeddings."""
    dev = toy_pairs()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = method.build(dev)
        assert isinstance(model, PairModel)
        for parameter in model.shared():
            parameter.data += 0.1 * torch.randn_like(parameter)
    batch = pair_batch(dev, size=12)
    return model, replace(batch, embeddings=method.embed(model, batch))


def terms_of(method: Cma, model: PairModel, batch: Batch) -> dict[str, Float[Tensor, ""]]:
    return method.loss_terms(model, batch, np.random.default_rng(0))


def asked(schedule: ThreePhase, method: Cma, model: PairModel, terms: Mapping[str, Tensor], step: int) -> Weighed:
    scales = {**dict.fromkeys(terms, 1.0), **method.scales()}
    shared = method.shared(model)
    gradient = lambda loss: flat_gradient(loss, shared)  # noqa: E731
    return schedule.weigh(Moment(step=step, total=10, terms=terms, scales=scales, state={}, gradient=gradient))


def equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """True if all tensors are the same bit for bit, however deep."""
    return one.keys() == other.keys() and all(
        equal(value, other[key])
        if isinstance(value, Mapping)
        else torch.equal(value, other[key])
        if isinstance(value, Tensor)
        else value == other[key]
        for key, value in one.items()
    )


def test_the_terms_are_the_losses() -> None:
    method = Cma()
    model, batch = prepared(method)
    pairs, frozen = batch.embeddings, batch.text_features
    assert pairs is not None and frozen is not None
    images, texts, scale = pairs.image_features, pairs.text_features, pairs.logit_scale
    expected = {
        "contrastive": sum(directions(images, texts, scale)) / 2,
        "negatives": reweighted_negatives(images, texts, scale, semantic_weights(batch.image_features, frozen, 0.5)),
        "geometry": geometry_matching(images, texts),
        "centroid": centroid_distance(images, texts),
        "residual": paired_residual(images, texts),
    }
    found = terms_of(method, model, batch)
    assert tuple(found) == method.terms
    for name, term in found.items():
        torch.testing.assert_close(term, expected[name])
    assert found["negatives"] < found["contrastive"]


def test_knobs_choose_negatives_temperature_and_target() -> None:
    model, batch = prepared(Cma())
    pairs, frozen = batch.embeddings, batch.text_features
    assert pairs is not None and frozen is not None
    images, texts, own = pairs.image_features, pairs.text_features, pairs.logit_scale
    scores, plain = cosines(images, texts), torch.ones(12, 12)
    teacher = (gram(batch.image_features) + gram(frozen)) / 2
    nearness = semantic_weights(batch.image_features, frozen, 0.5)
    for knobs, scale, weights in (
        ({"negatives": "none"}, own, plain),
        ({"lambda_neg": 0.0}, own, plain),
        ({"negatives": "hard", "beta": 3.0}, own, hard_weights(scores, 3.0)),
        ({"preset": "mechanisms_only"}, 20.0, nearness),
        ({"preset": "mechanisms_only", "tau_nr": 0.0}, own, nearness),
        ({"tau_nr": 0.1}, 10.0, nearness),
    ):
        found = terms_of(Cma(**knobs), model, batch)["negatives"]
        torch.testing.assert_close(found, reweighted_negatives(images, texts, scale, weights))
    geometry = terms_of(Cma(gm_target="teacher"), model, batch)["geometry"]
    torch.testing.assert_close(geometry, geometry_matching(images, texts, target="teacher", teacher=teacher))


@pytest.mark.parametrize(
    ("knobs", "lambdas"),
    [
        ({}, (1, 1, 1)),
        ({"preset": "mechanisms_only"}, (1, 0, 0)),
        ({"preset": "mechanisms_only", "lambda_c": 0.3}, (1, 0.3, 0)),
        ({"lambda_g": 10.0, "lambda_d": 0.0}, (10, 1, 0)),
    ],
)
def test_lambdas_are_the_presets_unless_they_are_set(knobs: dict[str, Any], lambdas: tuple[float, ...]) -> None:
    assert Cma(**knobs).scales() == dict(zip(("geometry", "centroid", "residual"), lambdas, strict=True))


def test_half_precision_does_not_reach_the_losses() -> None:
    model, batch = prepared(Cma())
    whole = terms_of(Cma(), model, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        halved = terms_of(Cma(), model, batch)
    assert all(torch.equal(halved[name], term) for name, term in whole.items())


@pytest.mark.parametrize("preset", ["explicit", "mechanisms_only"])
def test_check_20_alpha_0_is_contrastive_and_alpha_1_is_alignment(preset: str) -> None:
    method = Cma(preset=preset, lambda_g=0.3)
    model, batch = prepared(method)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    schedule = ThreePhase(alpha_target=1.0, anchor=0.5, ramp=0.2, gate="off")

    def mixed(step: int) -> tuple[Tensor, ...]:
        terms = terms_of(method, model, batch)
        loss = weighted(asked(schedule, method, model, terms, step), method.scales(), terms)
        return loss, *torch.autograd.grad(loss, trained, retain_graph=True)

    terms = terms_of(method, model, batch)
    parts = [terms["negatives"], 0.3 * terms["geometry"]]
    aligning = torch.stack(parts + [terms["centroid"], terms["residual"]] * (preset == "explicit")).sum()
    for step, loss in ((0, terms["contrastive"]), (9, aligning)):
        expected = (loss, *torch.autograd.grad(loss, trained, retain_graph=True))
        for one, other in zip(mixed(step), expected, strict=True):
            torch.testing.assert_close(one, other, atol=0 if step == 0 else 1e-6, rtol=0 if step == 0 else 1e-5)


def test_check_26_measuring_changes_nothing_and_not_the_gradient() -> None:
    method = Cma(head_norm="batch")
    model, batch = prepared(method)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def gradients(gate: str) -> list[Tensor]:
        terms = terms_of(method, model, batch)
        answer = asked(ThreePhase(anchor=0.0, ramp=0.5, gate=gate, every=1), method, model, terms, 0)
        assert ("cosine" in answer.signals) == (gate == "gate")
        assert all(parameter.grad is None for parameter in model.parameters())
        fixed = replace(answer, weights=dict.fromkeys(terms, 0.5))
        return list(torch.autograd.grad(weighted(fixed, method.scales(), terms), trained, retain_graph=True))

    measured, unmeasured = gradients("gate"), gradients("off")
    assert all(torch.equal(one, other) for one, other in zip(measured, unmeasured, strict=True))
    assert equal(model.state_dict(), before)


def test_check_26_a_training_that_measures_is_one_that_does_not() -> None:
    """With alpha_target 0 the gate has nothing to hold back, so the two trainings differ by the measurements alone."""
    method = Cma(head_norm="batch")
    gated = fitted(method, ThreePhase(alpha_target=0.0, gate="both", every=1))
    free = fitted(method, ThreePhase(alpha_target=0.0, gate="off"))
    assert "cosine" in gated[-1][0].signals and "cosine" not in free[-1][0].signals
    for (_, one), (_, other) in zip(gated, free, strict=True):
        assert equal(one.model, other.model) and equal(one.optimizer["state"], other.optimizer["state"])


@pytest.mark.parametrize("stop", [3, 6, 11, 14])  # in every phase, and before the last step of the ramp
def test_check_27_saved_and_continued_it_has_the_same_alphas(stop: int, tmp_path: Path) -> None:
    whole, rest = (Watched(every=3, gate="both", kappa_min=0.1) for _ in range(2))
    states = fitted(Cma(), whole, evaluations=20)
    states[stop - 1][1].save(tmp_path / "state.pt")
    resumed = fitted(Cma(), rest, State.load(tmp_path / "state.pt"))
    assert rest.answers == whole.answers[stop:]
    assert equal(resumed[-1][1].model, states[-1][1].model)


@pytest.mark.parametrize("knobs", [{"gate": "off"}, {"gate": "gate", "planted": True}])
def test_check_27_accumulation_has_the_same_alphas_per_step(knobs: dict[str, Any]) -> None:
    """With equal measurements: gradients of a part are not those of the batch, as its loss compares fewer pairs."""
    at_once, in_parts = (Watched(every=1, kappa_min=0.1, **knobs) for _ in range(2))
    fitted(Cma(), at_once)
    fitted(Cma(), in_parts, accumulate=4)
    assert [step for step, _ in in_parts.answers] == list(range(20))
    assert in_parts.answers == at_once.answers
    assert (min(answer.signals["kappa"] for _, answer in in_parts.answers) < 1) == ("planted" in knobs)


@pytest.mark.parametrize(("gate", "accumulate"), [("off", 1), ("gate", 1), ("both", 2)])
def test_check_28_alpha_target_0_is_plain_fine_tuning_bit_for_bit(gate: str, accumulate: int) -> None:
    curriculum = fitted(Cma(), ThreePhase(alpha_target=0.0, gate=gate, every=2), accumulate=accumulate)
    plain = fitted(Contrastive(), Fixed(), accumulate=accumulate)
    for (measured, one), (control, other) in zip(curriculum, plain, strict=True):
        assert equal(one.model, other.model) and equal(one.optimizer["state"], other.optimizer["state"])
        assert measured.metrics == control.metrics


def test_towers_are_aligned_too() -> None:
    method, schedule = Cma(trains="projections"), ThreePhase(alpha_target=0.5, every=1, gate="both")
    settings = TrainSettings(epochs=2, batch=8, lr=1e-4, evaluations=1)
    ((measured, _),) = fit(method, schedule, picture_pairs(), settings, seed=0, objective="val/accuracy")
    assert measured.signals["alpha"] == 0.5 and 0 < measured.signals["balance"] <= 10
    assert set(measured.terms) == set(method.terms)
