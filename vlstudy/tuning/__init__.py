"""From a spec to finished trials: Optuna asks and prunes, Ray places. Nothing else in vlstudy imports ray."""
