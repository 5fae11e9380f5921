"""Ray in a folder of its own, as for the tests of the engine."""

from tests.tuning.conftest import ray_here

__all__ = ["ray_here"]
