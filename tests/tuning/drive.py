"""A driver in a process of its own: `python -m tests.tuning.drive FOLDER SECONDS`."""

import sys
from pathlib import Path

from tests.tuning.fakes import FakeWork, searched, study
from vlstudy.study.spec import PrunerSpec, StudySpec
from vlstudy.tuning.launch import launch


def slow(folder: Path, seconds: float) -> StudySpec:
    """Eight trials in two arms, long enough to be interrupted."""
    return study(folder, arms=(searched("a"), searched("b")), trials=4, seconds=seconds, pruner=PrunerSpec(name="none"))


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        print("folder", launch(slow(place, float(sys.argv[2])), reports=place / "reports", work=FakeWork()), flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
