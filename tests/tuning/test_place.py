"""Where Python lies must not matter."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys, ray
from pathlib import Path
from vlstudy.study.spec import ResourceSpec
from vlstudy.tuning.cluster import connected
with connected(ResourceSpec(), None, Path.cwd()):
    print(ray.get(ray.remote(lambda: sys.executable).remote(), timeout=90))
"""


@pytest.mark.ray
def test_workers_start_where_the_interpreters_path_has_a_space(tmp_path: Path) -> None:
    (tmp_path / "a space").symlink_to(sys.prefix)
    python = tmp_path / "a space" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", PROGRAM], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.stdout.strip().splitlines()[-1:] == [str(python)], done.stderr
