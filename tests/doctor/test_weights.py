"""Weights: there, to be fetched, broken, unknown; the hub's cache is planted."""

import hashlib
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest

from tests.tuning.fakes import study
from vlstudy.backbones.presence import presence
from vlstudy.data import SOURCES
from vlstudy.doctor.finding import Finding
from vlstudy.doctor.weights import look
from vlstudy.errors import BackboneError
from vlstudy.study.spec import BackboneSpec

REPOSITORY = "models--timm--vit_base_patch16_clip_224.openai"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hugging Face hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path


def found(tmp_path: Path, model: str, pretrained: str | None, source: str = "miniature") -> Finding:
    data = SOURCES[source](**({"path": "x.npz"} if source == "feature_file" else {}))  # type: ignore[arg-type]
    spec = replace(study(tmp_path), data=data, backbone=BackboneSpec(model=model, pretrained=pretrained))
    (one,) = look(spec)
    return one


def fetched(hub: Path, content: bytes = b"weights", name: str = "open_clip_model.safetensors") -> Path:
    """A file in the cache as the hub's own program leaves it: a link to a blob that is named by its sha256."""
    blobs, snapshot = hub / REPOSITORY / "blobs", hub / REPOSITORY / "snapshots" / ("a" * 40)
    for folder in (blobs, snapshot, hub / REPOSITORY / "refs"):
        folder.mkdir(parents=True)
    (hub / REPOSITORY / "refs" / "main").write_text("a" * 40)
    blob = blobs / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content)
    (snapshot / name).symlink_to(blob)
    return blob


def test_the_miniature_is_there_with_its_digest(tmp_path: Path) -> None:
    one = found(tmp_path, "miniature", None)
    assert one.state == "ok" and "miniature.safetensors" in one.found and "sha256" in one.found


def test_features_made_elsewhere_need_none(tmp_path: Path) -> None:
    assert "none are needed" in found(tmp_path, "ViT-B-16", "openai", "feature_file").found


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_a_fetched_tag_is_there(hub: Path, tmp_path: Path, name: str) -> None:
    blob = fetched(hub, name=name)
    one = found(tmp_path, "ViT-B-16", "openai")
    assert one.state == "ok" and blob.name[:12] in one.found


def test_a_tag_that_must_be_fetched_is_a_warning_and_without_a_network_wrong(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = found(tmp_path, "ViT-B-16", "openai")
    assert (
        one.state == "warning" and "huggingface.co/timm/vit_base_patch16_clip_224.openai would be fetched" in one.found
    )
    assert "HF_HOME" in one.way_out
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert found(tmp_path, "ViT-B-16", "openai").state == "wrong"


def test_a_broken_file_is_wrong(hub: Path, tmp_path: Path) -> None:
    fetched(hub).write_bytes(b"half")
    one = found(tmp_path, "ViT-B-16", "openai")
    assert one.state == "wrong" and "it is broken. Delete it" in one.found


def test_a_checkpoint_is_there_or_missing(tmp_path: Path) -> None:
    file = tmp_path / "mine.pt"
    file.write_bytes(b"0" * 2**20)
    one = found(tmp_path, "ViT-B-16", str(file))
    assert one.state == "ok" and "1.0 MiB" in one.found and hashlib.sha256(b"0" * 2**20).hexdigest()[:12] in one.found
    file.unlink()
    gone = found(tmp_path, "ViT-B-16", str(file))
    assert gone.state == "wrong" and f"there is no file {file}" in gone.found


def test_an_unknown_tag_is_wrong(tmp_path: Path) -> None:
    one = found(tmp_path, "ViT-B-16", "openaii")
    assert one.state == "wrong" and "Did you mean `openai`?" in one.found


def test_a_hub_model_and_a_folder(hub: Path, tmp_path: Path) -> None:
    assert presence("hf-hub:somebody/some-clip", None).told.endswith(
        "huggingface.co/somebody/some-clip would be fetched"
    )
    with pytest.raises(BackboneError, match=r"open_clip_config\.json"):
        presence(f"local-dir:{tmp_path}", None)
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(BackboneError, match="no file of weights"):
        presence(f"local-dir:{tmp_path}", None)
    (tmp_path / "weights.safetensors").write_bytes(b"w")
    assert "weights.safetensors" in presence(f"local-dir:{tmp_path}", None).told
    assert presence("ViT-B-16", "random").there
