"""What a training needs to go on, as a value that a file can hold."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from vlstudy.errors import TrainingError
from vlstudy.measurement import Measurement


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything a training needs to go on; data order and noise follow from (seed, step).

    Attributes:
        model: the trained parameters and the buffers; frozen parameters come out of `Method.build` again.
        optimizer: its state dict; {} for a method that needs none.
        schedule: what the loss schedule said it needs for the next step.
    """

    measurement: Measurement
    model: dict[str, Any]
    optimizer: dict[str, Any]
    schedule: Mapping[str, float] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it to `path`, whole or not at all."""
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                content = {
                    "measurement": self.measurement.to_json(),
                    "model": self.model,
                    "optimizer": self.optimizer,
                    "schedule": dict(self.schedule),
                }
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; nothing is unpickled but tensors and plain containers.

        Raises:
            TrainingError: if the file is broken.
        """
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            return cls(**{**content, "measurement": Measurement.from_json(content["measurement"])})
        except (OSError, EOFError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{path}: the checkpoint cannot be read ({error}). Delete it; its trial starts anew."
            ) from error


def learnt(model: nn.Module) -> dict[str, Tensor]:
    """Name -> the parameters that are trained and the buffers, as they stand, on the model's device."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def restore(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Puts what `learnt` gave back into a model that `build` has made anew.

    Raises:
        TrainingError: if the tensors are another model's.
    """
    expected = {name: value.shape for name, value in learnt(model).items()}
    given = {name: value.shape for name, value in tensors.items()}
    if expected != given:
        odd = sorted(name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name))
        raise TrainingError(f"the checkpoint is another model's: {', '.join(odd[:3])} do not match. Delete it.")
    model.load_state_dict(dict(tensors), strict=False)


def copied(value: Any) -> Any:
    """The same containers with their tensors copied to the CPU."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value
