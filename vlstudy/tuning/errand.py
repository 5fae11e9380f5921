"""One training as a worker does it: from its checkpoint if there is one, and with a checkpoint at every measurement."""

import errno
import gc
import os
import sys
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlstudy.errors import VlstudyError
from vlstudy.journal.arrays import Arrays
from vlstudy.journal.folder import checkpoint_of
from vlstudy.measurement import Measurement
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning.standing import base_of
from vlstudy.tuning.work import State, Work

FULL = {errno.ENOSPC, errno.EDQUOT}  # what a full disk answers
_TRACE = 4000  # characters of a traceback that the journal keeps
# CUDA and ROCm read one each; "" hides every device.
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What all workers of a study share."""

    spec: StudySpec
    folder: Path
    work: Work

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.spec.arms if arm.name == name)

    def train(
        self,
        arm: str,
        settings: Mapping[str, Any],
        *,
        name: str,
        seed: int,
        fresh: bool,
        tell: Callable[[str], None] | None = None,
    ) -> Generator[tuple[Measurement, State]]:
        """Every measurement after the checkpoint `name`, the checkpoint's own first.

        A measurement is in the checkpoint before it is given, so that nobody can know one that could be lost. The
        checkpoint's own is given again because its reader may have died before reading it.
        """
        path = checkpoint_of(self.folder, arm, name)
        state = self._saved(path, tell)
        if state is not None:
            yield state.measurement, state
            if state.measurement.progress >= 1:
                return
        base = base_of(self.spec, self.arm(arm), settings)
        with closing(
            self.work.train(self.spec, self.arm(arm), settings, seed=seed, fresh=fresh, state=state, base=base)
        ) as training:
            for measurement, after in training:
                after.save(path)
                yield measurement, after

    def test(
        self, arm: str, settings: Mapping[str, Any], state: State, *, seed: int, look: bool = True
    ) -> tuple[Measurement, Arrays]:
        """The final state of a fresh training on the test split, and with `look` arrays for the report."""
        base = base_of(self.spec, self.arm(arm), settings)
        return self.work.test(self.spec, self.arm(arm), settings, state, seed=seed, base=base, look=look)

    def _saved(self, path: Path, tell: Callable[[str], None] | None) -> State | None:
        try:
            return self.work.load(path) if path.exists() else None
        except Exception as error:  # a broken checkpoint costs its training's time, not its trial
            line = f"{path.name} cannot be read ({error}): its training starts anew"
            tell(line) if tell else print(line, file=sys.stderr)
            return None


def enter(spec: StudySpec) -> None:
    """Makes this worker see no accelerator if its trials asked for none (Ray shows all of them to such a worker)."""
    if not spec.resources.gpus:
        os.environ.update({name: "" for name in _VISIBLE})


def leave() -> None:
    """Gives back what a finished training held, for the next one in this process."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def trace_of(error: BaseException) -> str:
    """The end of an exception's traceback for a bug; "" for a mistake that its message explains."""
    if isinstance(error, VlstudyError):
        return ""
    return "".join(traceback.format_exception(error))[-_TRACE:]


def reason_of(error: BaseException) -> str:
    """An exception in one line: its type, its message, and for a bug the place where it was raised."""
    text = f"{type(error).__name__}: {error}".strip().removesuffix(":")
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, VlstudyError) or not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
