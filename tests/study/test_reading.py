"""Files that have nothing wrong: what they mean."""

from pathlib import Path

import pytest

from tests.study.files import TEXT, changed
from vlstudy.data.feature_file import FeatureFile
from vlstudy.data.miniature.source import Miniature
from vlstudy.study.reading import read
from vlstudy.study.space import Axis, Choice, Dimension, Grid, Int, LogInt, LogUniform, Uniform
from vlstudy.study.spec import BackboneSpec, BudgetSpec, ConfirmSpec, PrunerSpec, ResourceSpec, SearchSpec, StudySpec

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))


def spec_of(folder: Path, *changes: tuple[str, str], text: str = "") -> StudySpec:
    file = folder / "study.yaml"
    file.write_text(text or changed(*changes))
    return read(file)


def space_of(folder: Path, lines: str) -> tuple[Dimension, ...]:
    """The dimensions of an FMA arm with these lines under `space`, in order of name."""
    head, tail = TEXT[: TEXT.index("      method.path")], TEXT[TEXT.index("search:") :]
    return spec_of(folder, text=f"{head}{lines}\n{tail}").arms[2].space


def test_every_part(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    assert (spec.study, spec.question, spec.objective) == ("fma", "Does a flow beat an adapter?", "val/accuracy")
    assert spec.data == Miniature(shots=16)
    assert spec.backbone == BackboneSpec(model="miniature", pretrained=None)
    assert spec.search == SearchSpec(sampler="tpe", trials=24, seed=0)
    assert spec.pruner == PrunerSpec(name="asha", reduction=3, grace=0.2)
    assert spec.confirm == ConfirmSpec(top=1, seeds=5)
    assert spec.resources == ResourceSpec(cpus=1, gpus=0, concurrent="auto")
    assert spec.budget == BudgetSpec(minutes=10)
    assert [(arm.name, arm.method, arm.schedule) for arm in spec.arms] == [
        ("zero_shot", "zero_shot", "fixed"),
        ("adapter", "clip_adapter", "fixed"),
        ("flow", "fma", "fixed"),
    ]
    assert dict(spec.arms[2].fixed) == {"method.blocks": 4}
    assert spec.text == TEXT
    assert spec.path == str(tmp_path / "study.yaml")


def test_all_distributions(tmp_path: Path) -> None:
    space = space_of(
        tmp_path,
        """\
      train.epochs: {int: [2, 8]}
      method.gamma: {uniform: [0, 1e-1]}
      method.path: {choice: [none, bridge]}
      method.solver: {grid: [euler, heun]}
      method.solver_steps: {axis: [0, 4, 8]}
      train.batch: {log_int: [8, 128]}
      train.lr: {log_uniform: [1e-4, 3E-3]}
      train.warmup_epochs: {choice: [0, 1, 10]}""",
    )
    assert {item.name: item.distribution for item in space} == {
        "train.epochs": Int(2, 8),
        "method.gamma": Uniform(0.0, 0.1),
        "method.path": Choice(("none", "bridge")),
        "method.solver": Grid(("euler", "heun")),
        "method.solver_steps": Axis((0, 4, 8)),
        "train.batch": LogInt(8, 128),
        "train.lr": LogUniform(0.0001, 0.003),
        "train.warmup_epochs": Choice((0, 1, 10)),
    }
    assert all(item.when == {} for item in space)


def test_conditions(tmp_path: Path) -> None:
    noise = next(item for item in spec_of(tmp_path).arms[2].space if item.name == "method.noise")
    assert noise == Dimension(name="method.noise", distribution=Uniform(0.0, 1.0), when={"method.path": "bridge"})
    (steps,) = space_of(tmp_path, "      method.solver_steps: {int: [0, 9], when: {method.blocks: 4, schedule: fixed}}")
    assert steps.when == {"method.blocks": 4, "schedule": "fixed"}


def test_an_axis_knob_as_an_ordinary_one(tmp_path: Path) -> None:
    (steps,) = space_of(tmp_path, "      method.solver_steps: {int: [0, 10]}")
    assert steps.distribution == Int(0, 10)
    assert spec_of(tmp_path, ("blocks: 4", "time_scale: 1")).arms[2].fixed == {"method.time_scale": 1.0}


def test_lists_become_tuples(tmp_path: Path) -> None:
    assert spec_of(tmp_path, ("blocks: 4", "readout_steps: [0, 4]")).arms[2].fixed == {"method.readout_steps": (0, 4)}
    (steps,) = space_of(tmp_path, "      method.readout_steps: {choice: [[0, 4], [0, 8]]}")
    assert steps.distribution == Choice(((0, 4), (0, 8)))


@pytest.mark.parametrize(
    "text", ["no", "yes", "on", "off", "y", "2026-01-01", "1:30", "0x10", "=", "<<", "1_000", "'12'"]
)
def test_what_is_a_text(tmp_path: Path, text: str) -> None:
    assert spec_of(tmp_path, ("study: fma", f"study: {text}")).study == text.strip("'")


@pytest.mark.parametrize(
    ("text", "number"), [("1e-3", 1e-3), ("1E-3", 1e-3), ("1.e-3", 1e-3), (".001", 1e-3), ("+1", 1)]
)
def test_what_is_a_number(tmp_path: Path, text: str, number: float) -> None:
    fixed = spec_of(tmp_path, ("method.blocks: 4", f"train.lr: {text}")).arms[2].fixed
    assert fixed == {"train.lr": number}
    assert type(fixed["train.lr"]) is float


def test_leading_zeros_are_decimal(tmp_path: Path) -> None:
    assert spec_of(tmp_path, ("seed: 0", "seed: 010")).search.seed == 10


def test_defaults_of_what_is_not_said(tmp_path: Path) -> None:
    short = "study: x\nquestion: y\ndata: {source: miniature}\nobjective: val/cross_entropy\n"
    short += "arms: [{name: a, method: fma}]\n"
    spec = spec_of(tmp_path, text=short)
    assert (spec.search, spec.pruner, spec.confirm) == (SearchSpec(), PrunerSpec(), ConfirmSpec())
    assert (spec.backbone, spec.resources, spec.budget) == (BackboneSpec(), ResourceSpec(), BudgetSpec())


def test_short_forms(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, ("{name: asha, reduction: 3, grace: 0.2}", "none"), ("seeds: 5", "seeds: [7, 3]"))
    assert spec.pruner == PrunerSpec(name="none")
    assert spec.confirm.seeds == (7, 3)


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    deep = """\
  - name: deep
    method: fma
    fixed: {<<: *blocks, train.epochs: 3}
    space: {train.lr: *lr}
"""
    spec = spec_of(
        tmp_path,
        ("train.lr: {log_uniform: [1e-4, 1e-2]}", "train.lr: &lr {log_uniform: [1e-4, 1e-2]}"),
        ("fixed: {method.blocks: 4}", "fixed: &blocks {method.blocks: 4}"),
        ("search:", f"{deep}search:"),
    )
    assert spec.arms[3].fixed == {"method.blocks": 4, "train.epochs": 3}
    assert spec.arms[3].space == (Dimension(name="train.lr", distribution=LogUniform(0.0001, 0.01)),)


def test_a_path_starts_at_the_files_folder(tmp_path: Path) -> None:
    """The file need not be there yet."""
    (tmp_path / "asked").mkdir()
    spec = spec_of(tmp_path / "asked", ("source: miniature", "source: feature_file, path: ../made/x.npz"))
    assert spec.data == FeatureFile(path=str(tmp_path / "made/x.npz"), shots=16)


def test_the_digest_is_of_what_is_asked(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file = ("source: miniature", "source: feature_file, path: x.npz")
    same = [
        spec_of(tmp_path),
        spec_of(tmp_path / "elsewhere"),
        spec_of(tmp_path, ("seed: 0}", "seed: 0} # a comment")),
        spec_of(tmp_path, ("{top: 1, seeds: 5}", "{seeds: 5, top: 1}")),
        spec_of(tmp_path, ("[1e-4, 1e-2]", "[0.0001, .01]")),
        spec_of(tmp_path, (", trials: 24, seed: 0}", ", seed: 0, trials: 24}")),
        spec_of(tmp_path, ("gpus: 0", "gpus: 0.5")),
        spec_of(tmp_path, ("minutes: 10", "minutes: 20")),
    ]
    assert len({spec.digest for spec in same}) == 1
    assert spec_of(tmp_path, file).digest == spec_of(tmp_path / "elsewhere", file).digest
    other = [
        ("seeds: 5", "seeds: 6"),
        ("[none, bridge]", "[bridge, none]"),
        ("log_uniform", "uniform"),
        ("shots: 16", "shots: 8"),
    ]
    digests = {spec_of(tmp_path, change).digest for change in other} | {same[0].digest}
    assert len(digests) == 1 + len(other)
    assert all(len(digest) == 64 for digest in digests)


def test_harmful_names_are_only_text(tmp_path: Path) -> None:
    assert spec_of(tmp_path, ("study: fma", "study: ../<b>x</b>")).study == "../<b>x</b>"


def test_line_ends_and_marks_of_other_systems(tmp_path: Path) -> None:
    file = tmp_path / "windows.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert read(str(file)).digest == spec_of(tmp_path).digest


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_our_own_studies(file: Path) -> None:
    """Reading needs no data."""
    spec = read(file)
    assert spec.study == file.stem
    assert len(spec.arms) > 1


def test_studies_are_found() -> None:
    assert {file.stem for file in STUDIES} >= {"fma", "external_whurs19"}
