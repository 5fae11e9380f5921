"""Hyperparameter studies of vision-language alignment: one YAML question in, one HTML answer out."""

__version__ = "0.1.0"
