"""The fixtures of commands, for all tests of what the terminal shows."""

from tests.commands import folder, study, typed

__all__ = ["folder", "study", "typed"]
