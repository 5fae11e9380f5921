"""The shipped study on real features, from its YAML file to its report."""

from pathlib import Path

import pytest

from vlstudy import journal
from vlstudy.report import write
from vlstudy.study.reading import read

pytestmark = [pytest.mark.external, pytest.mark.ray]

STUDY = Path(__file__).parents[2] / "studies/external_whurs19.yaml"


@pytest.mark.timeout(900)
def test_whurs19_at_four_shots(shared_data: Path, tmp_path: Path) -> None:
    from vlstudy.tuning.launch import launch

    assert (shared_data / "features/clip_vitb32_whurs19.npz").exists()
    record = journal.read(launch(read(STUDY), reports=tmp_path))
    percent = {
        arm.name: [100 * item.metrics["test/accuracy"] for item in record.confirms if item.arm == arm.name]
        for arm in record.header.arms
    }
    assert [round(value, 2) for value in percent["zero_shot"]] == [81.49, 81.59, 81.38]
    assert abs(sum(percent["linear_probe"]) / 3 - 94.0) < 2.5
    assert sum(percent["fma"]) / 3 >= 91
    assert all(trial.verdict == "complete" for trial in record.trials)
    page = write(record, tmp_path / "report.html").read_text()
    assert "the file has none: each seed draws its own" in page
