"""What every loss schedule of the table must keep."""

import pytest
import torch
from torch.nn.functional import normalize

from vlstudy.losses import directions
from vlstudy.methods import METHODS
from vlstudy.schedules import SCHEDULES
from vlstudy.schedules.protocol import Embeddings, Moment
from vlstudy.weighing import flat_gradient


def moment(names: tuple[str, ...], step: int, state: dict[str, float]) -> Moment:
    generator = torch.Generator().manual_seed(step)
    raw = torch.nn.Parameter(torch.randn(2, 8, 4, generator=generator))
    images, texts = normalize(raw, dim=-1)
    terms = dict(zip(names, directions(images, texts, torch.tensor(10.0)) * len(names), strict=False))
    return Moment(
        step=step,
        total=20,
        terms=terms,
        scales=dict.fromkeys(names, 1.0),
        state=state,
        gradient=lambda loss: flat_gradient(loss, [raw]),
        embeddings=Embeddings(
            image_features=images,
            text_features=texts,
            raw_image_features=raw[0],
            raw_text_features=raw[1],
            logit_scale=torch.tensor(10.0),
        ),
    )


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_term_has_a_weight_and_the_state_is_plain_numbers(name: str) -> None:
    schedule, state = SCHEDULES[name](), dict[str, float]()
    names = schedule.governs or ("one", "two")
    for step in range(20):
        weighed = schedule.weigh(moment(names, step, state))
        assert set(weighed.weights) == set(names)
        assert all(float(weight) >= 0 for weight in weighed.weights.values())
        assert all(type(value) in (int, float) for value in (*weighed.state.values(), *weighed.signals.values()))
        state = dict(weighed.state)
    assert 0 <= schedule.settled() <= 1


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_what_a_page_says_of_it(name: str) -> None:
    schedule = SCHEDULES[name]
    assert schedule.summary and not schedule.summary.endswith(".")
    assert schedule.source or schedule.baseline
    fitting = [method for method in METHODS.values() if set(schedule.governs) <= set(method.terms)]
    assert fitting, "no method has the terms that it governs"
