"""Who watches the trials: a worker without a sign of life is named and replaced, a blocked driver is named."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

GRACE = 60.0  # seconds that a replaced worker's trial has to come back before the sitting begins anew


@dataclass
class Watchdog:
    """The last sign of life of every trial that is out: handed out, started, or measured.

    Attributes:
        limit: seconds without a sign, after which a worker is replaced.
        now: the clock, for tests.
    """

    limit: float
    now: Callable[[], float] = time.monotonic
    _signs: dict[str, float] = field(default_factory=dict)
    _replaced: dict[str, float] = field(default_factory=dict)
    _waits: dict[str, float] = field(default_factory=dict)

    def sign(self, trial: str) -> None:
        """The trial lives."""
        self._signs[trial] = self.now()
        self._replaced.pop(trial, None)

    def waits(self, trial: str) -> bool:
        """The trial has no worker yet, so that it cannot hang; True once every `limit` seconds, for a word about it."""
        self.sign(trial)
        if self.now() - self._waits.setdefault(trial, self.now()) <= self.limit:
            return False
        self._waits[trial] = self.now()
        return True

    def over(self, trial: str) -> None:
        """The trial needs no watching any more."""
        for known in (self._signs, self._replaced, self._waits):
            known.pop(trial, None)

    def hanging(self) -> list[tuple[str, float]]:
        """Trials whose workers are to be replaced now, each once, with the seconds since their last sign."""
        now = self.now()
        found = [
            (trial, now - since)
            for trial, since in self._signs.items()
            if now - since > self.limit and trial not in self._replaced
        ]
        self._replaced.update({trial: now for trial, _ in found})
        return found

    def stuck(self) -> str | None:
        """A trial that did not come back after its worker was replaced: Tune itself lost it."""
        now = self.now()
        return next((trial for trial, since in self._replaced.items() if now - since > GRACE), None)


@contextmanager
def blocked(limit: float, tell: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """A function to call at every beat of this thread: if it is not called for `limit` seconds, one line says where.

    Nothing can be done from outside for a thread that waits, for example, for a file system that does not answer; but
    whoever looks at the terminal sees what it waits for.
    """
    beat, over, watched = [time.monotonic()], threading.Event(), threading.get_ident()

    def watch() -> None:
        told = 0.0
        while not over.wait(min(1.0, limit / 4)):
            since = beat[0]
            if time.monotonic() - since > limit and told != since:
                told = since
                tell(f"the launch itself has waited for {limit:.0f} seconds in {_place(watched)}")

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield lambda: beat.__setitem__(0, time.monotonic())
    finally:
        over.set()
        thread.join()


def _place(thread: int) -> str:
    """The innermost calls of a thread."""
    frame = sys._current_frames().get(thread)
    calls = traceback.extract_stack(frame)[-2:] if frame else []
    return " < ".join(f"{call.name} ({call.filename}:{call.lineno})" for call in reversed(calls)) or "an unknown place"
