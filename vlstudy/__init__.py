"""Studies of vision-language alignment: one YAML question in, one HTML answer out.

The commands as functions: `vlstudy.launch("studies/fma.yaml")` and `vlstudy.open("reports/fma-1a2b3c4d")` both give a
`Study`, whose `.trials()` is a table and whose `.best()` is the best setting.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlstudy.opened import Study

__version__ = "0.1.0"


def launch(spec: Any, **options: Any) -> "Study":
    """The study after search and confirmation, with its report written; as `vlstudy launch`.

    Args:
        spec: a `StudySpec`, a study file's path, its text, or its content as a dictionary.
        options: `reports`, `address`, `extend` and `anew` of `vlstudy.tuning.launch.launch`.

    Raises:
        VlstudyError: as `vlstudy.tuning.launch.launch`, and what is wrong with the spec.
    """
    from vlstudy.opened import launched

    return launched(spec, **options)


def open(study: Path | str, reports: Path | str = "reports") -> "Study":
    """The study in a folder, or of a study file under `reports`; needs neither torch nor Ray.

    Raises:
        VlstudyError: there is none.
    """
    from vlstudy.opened import opened

    return opened(Path(study), Path(reports))


__all__ = ["__version__", "launch", "open"]
