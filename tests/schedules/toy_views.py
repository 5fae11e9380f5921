"""The toy of the variance-aware specification: two noisy non-linear views of one latent, and small towers."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tests.schedules.moments import both, embedded, moment
from vlstudy.schedules.protocol import Embeddings, Schedule
from vlstudy.weighing import weighted

TRAIN, TEST, TEXTS, BATCH, LATENT, WIDTH = 400, 1000, 5, 32, 8, 64


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator)


def world(seed: int = 0) -> tuple[Float[Tensor, "n 48"], Float[Tensor, "n 5 40"]]:
    """The images, and five texts of each; the first 400 are for training."""
    generator = torch.Generator().manual_seed(seed)
    latent = _normal(generator, TRAIN + TEST, LATENT)
    images = (latent @ _normal(generator, LATENT, 48) / 3).tanh()
    texts = (latent @ _normal(generator, LATENT, 40) / 3).tanh()[:, None].expand(-1, TEXTS, -1)
    return images + 0.1 * _normal(generator, *images.shape), texts + 0.1 * _normal(generator, *texts.shape)


@dataclass
class Training:
    """Two small towers that are trained on the toy, as a value that can be copied in the middle."""

    seed: int = 0
    tau: float = 0.07
    size: int = BATCH
    state: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.images, self.texts = world(self.seed)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.towers = nn.ModuleList(
                nn.Sequential(nn.Linear(width, 96), nn.ReLU(), nn.Linear(96, WIDTH)) for width in (48, 40)
            )
        self.optimizer = torch.optim.Adam(self.towers.parameters(), lr=1e-3)

    def embed(self, step: int) -> Embeddings:
        """The pairs of a step: different images, one text of each."""
        generator = torch.Generator().manual_seed(step)
        chosen = torch.randperm(TRAIN, generator=generator)[: self.size]
        said = torch.randint(TEXTS, (self.size,), generator=generator)
        return embedded(self.towers[0](self.images[chosen]), self.towers[1](self.texts[chosen, said]), self.tau)

    def go(self, schedule: Schedule, start: int, stop: int) -> list[list[float]]:
        """The weights of the steps from `start` up to `stop`, which are done."""
        history = []
        for step in range(start, stop):
            now = moment(self.embed(step), step, self.state)
            weighed = schedule.weigh(now)
            self.optimizer.zero_grad()
            torch.autograd.backward(weighted(weighed, now.scales, now.terms))
            self.optimizer.step()
            self.state = weighed.state
            history.append(both(weighed))
        return history

    def copied(self) -> "Training":
        """The same training, which goes on apart from this one."""
        return deepcopy(self)

    @torch.no_grad()
    def recall(self) -> float:
        """Text-to-image R@1 of all test texts over all test images; a tie does not count."""
        pairs = embedded(self.towers[0](self.images[TRAIN:]), self.towers[1](self.texts[TRAIN:].flatten(0, 1)))
        cosines = pairs.text_features @ pairs.image_features.T
        own = torch.arange(TEST).repeat_interleave(TEXTS)[:, None]
        return float(((cosines >= cosines.gather(1, own)).sum(dim=1) == 1).float().mean())
