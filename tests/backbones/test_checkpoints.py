"""Weights on disk: what is loaded, and what is refused because it could run anything or is another model's."""

from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vlstudy.backbones import load, weights_digest
from vlstudy.backbones.likeness import models_like
from vlstudy.backbones.weights import file_digest
from vlstudy.errors import BackboneError

Weights = dict[str, Tensor]


def refusal(model: str, path: Path) -> str:
    """What loading the file as that model says."""
    with pytest.raises(BackboneError) as caught:
        load(model, str(path))
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def saved(weights: Weights, folder: Path) -> Path:
    save_file(weights, folder / "w.safetensors")
    return folder / "w.safetensors"


@pytest.mark.parametrize("kind", ["safetensors", "state dict", "nested", "parallel", "nested parallel"])
def test_a_checkpoint_is_loaded(kind: str, tiny: str, weights: Weights, tmp_path: Path) -> None:
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    content: Any = {f"module.{name}": value for name, value in weights.items()} if "parallel" in kind else weights
    if kind == "safetensors":
        save_file(content, path)
    else:
        torch.save({"epoch": 3, "state_dict": content} if "nested" in kind else content, path)
    found = load(tiny, str(path))
    assert all(torch.equal(value, weights[name]) for name, value in found.model.state_dict().items())
    assert found.weights_digest == weights_digest(tiny, str(path)) == file_digest(path)


def test_what_openais_archive_holds_is_loaded_once_saved_as_tensors(
    tiny: str, weights: Weights, tmp_path: Path
) -> None:
    halves = {name: value.half() for name, value in weights.items()}
    beside = {"input_resolution": torch.tensor(32), "context_length": torch.tensor(77), "vocab_size": torch.tensor(9)}
    found = load(tiny, str(saved({**halves, **beside}, tmp_path))).model
    assert found.text_projection.dtype == torch.float32
    assert torch.equal(found.text_projection, weights["text_projection"])


def test_names_of_the_older_layout_are_converted(tiny: str, weights: Weights, tmp_path: Path) -> None:
    found = load("tiny-custom", str(saved(weights, tmp_path))).model
    assert torch.equal(found.text.text_projection, weights["text_projection"])


def test_a_bias_that_was_never_trained_is_zero_and_a_scale_may_be_a_row(
    tiny: str, weights: Weights, tmp_path: Path
) -> None:
    found = load("tiny-sigmoid", str(saved({**weights, "logit_scale": torch.tensor([3.0])}, tmp_path))).model
    assert float(found.logit_bias.detach()) == 0 and float(found.logit_scale.detach()) == 3


class Bomb:
    """What a pickle can do."""

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.path), "w")

    def __init__(self, path: Path) -> None:
        self.path = path


@pytest.mark.parametrize("name", ["w.pt", "w.bin", "w.pth", "w.npz"])
def test_a_pickle_is_refused_and_nothing_of_it_is_run(name: str, tiny: str, tmp_path: Path) -> None:
    torch.save({"state_dict": Bomb(tmp_path / "exploded")}, tmp_path / name)
    told = refusal(tiny, tmp_path / name)
    assert "unpickling" in told and "safetensors.torch.save_file" in told
    assert not (tmp_path / "exploded").exists()


def test_a_pickled_module_is_refused(tiny: str, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    assert "pickled modules" in refusal(tiny, tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_archive_is_refused(tiny: str, tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "w.pt"))  # type: ignore[no-untyped-call]
    assert "TorchScript" in refusal(tiny, tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("tiny-deeper", ["12 missing (`visual.transformer.resblocks.2.ln_1.weight`", ", ...)"]),
        ("tiny-wider", ["of another shape (`positional_embedding` is [77, 24] for [77, 32]"]),
        ("tiny-resnet", ["unknown (`visual.class_embedding`", "missing (`visual.bn1.weight`"]),
    ],
)
def test_another_models_weights_are_told_with_whose_they_are(
    model: str, says: list[str], tiny: str, weights: Weights, tmp_path: Path
) -> None:
    told = refusal(model, saved(weights, tmp_path))
    assert f"not the weights of `{model}`" in told
    assert all(part in told for part in says)
    assert told.endswith(
        "They have the shapes of `tiny`, `tiny-custom`, `tiny-sigmoid`, ...: name the one they were trained as."
    )


def test_a_resnets_weights_are_known_too(tiny: str, tmp_path: Path) -> None:
    resnet = {name: value.contiguous() for name, value in load("tiny-resnet", "random").model.state_dict().items()}
    assert "They have the shapes of `tiny-resnet`: name the one" in refusal(tiny, saved(resnet, tmp_path))


@pytest.mark.parametrize("model", ["ViT-B-32", "ViT-L-14-336", "RN50x4", "ViT-B-16-plus-240"])
def test_published_models_are_known_by_their_shapes(model: str) -> None:
    with torch.device("meta"):
        made = open_clip.CLIP(**open_clip.get_model_config(model))
    assert models_like(made.state_dict())[0] == model


def test_weights_of_no_model_are_refused(tiny: str, tmp_path: Path) -> None:
    told = refusal(tiny, saved({"visual.proj": torch.zeros(3), "fc.weight": torch.zeros(2)}, tmp_path))
    assert "1 unknown (`fc.weight`)" in told and "`visual.proj` is [3] for [32, 16]" in told
    assert told.endswith("Name the model that they were trained as.")


@pytest.mark.parametrize("content", [{"state_dict": 3}, {}, [1, 2], {"lr": 0.1}])
def test_what_holds_no_weights_is_refused(content: Any, tiny: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pt")
    assert "holds no state dict" in refusal(tiny, tmp_path / "w.pt")


def test_a_file_that_is_no_checkpoint_is_refused(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_text("not a checkpoint", encoding="utf-8")
    assert "no checkpoint" in refusal(tiny, tmp_path / "w.pt")


def test_a_torn_file_is_refused(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\x08\x00")
    assert "Copy it again" in refusal(tiny, tmp_path / "w.safetensors")
