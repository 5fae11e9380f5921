"""Studies as values: what a study file says, and how it is read."""
