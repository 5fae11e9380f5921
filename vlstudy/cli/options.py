"""What several verbs take."""

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file, such as studies/fma.yaml.")]
StudyOrFolder = Annotated[
    Path, typer.Argument(metavar="FOLDER|STUDY", help="A study's folder under reports/, or its study file.")
]
Reports = Annotated[Path, typer.Option(file_okay=False, help="Where the folders of studies are.")]
REPORTS = Path("reports")
