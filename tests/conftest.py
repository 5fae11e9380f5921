"""A hermetic environment for every test: a cache of its own, no network, one thread."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ |= {"HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feature store for the whole session, so that each set of features is made once."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["VLSTUDY_CACHE"] = str(folder)
    return folder


@pytest.fixture
def shared_data() -> Path:
    """The real data beside the checkout, or a skip with the reason."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.exists():
        pytest.skip(f"real data for checks is not at {folder}; nothing of the project needs it")
    return folder
