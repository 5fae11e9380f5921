"""Picture files: every mode becomes RGB, the centre is CLIP's, only what is drawn is decoded, and faults have names."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, InterpolationMode, Resize

from tests.data.drawn import break_it, draw, noise
from vlstudy.data import decoding, shelf
from vlstudy.data.decoding import decoded, decoded_mask, fault
from vlstudy.data.encoder import Encoder
from vlstudy.data.pictures import Pictures
from vlstudy.data.pixels import packed, unpacked
from vlstudy.data.shelf import Shelf
from vlstudy.errors import DataError

SIDE = 64
ENCODER = Encoder("miniature", None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pictures(root: Path, count: int = 6, **changes: object) -> Pictures:
    paths = tuple(f"{number % 2}/{number}.png" for number in range(count))
    for path in paths:
        draw(root / path)
    fields = {"labels": np.arange(count) % 2, "domains": np.zeros(count, np.int64), "encoder": ENCODER, **changes}
    return Pictures(name="toy", root=root, paths=paths, **fields)  # type: ignore[arg-type]


def as_open_clip_does(picture: Image.Image) -> np.ndarray:
    """Resize and CenterCrop of open_clip's and CLIP's preprocessing, which work on Pillow's pictures."""
    cut = CenterCrop(SIDE)(Resize(SIDE, interpolation=InterpolationMode.BICUBIC)(picture))
    return np.asarray(cut.convert("RGB"))


def plain(path: Path) -> np.ndarray:
    return unpacked(packed([decoded(path, SIDE)]), SIDE).plain(torch.tensor([0]))[0].numpy()


@pytest.mark.parametrize(
    "size", [(100, 64), (64, 99), (131, 200), (200, 131), (67, 64), (66, 64), (40, 50), (500, 333)]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_centre_is_that_of_open_clip_to_the_last_grey_level(
    tmp_path: Path, size: tuple[int, int], mode: str
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(*size, seed=1)).convert(mode).save(path)
    with Image.open(path) as picture:
        assert np.array_equal(plain(path), as_open_clip_does(picture))


@pytest.mark.parametrize(
    ("mode", "name"),
    [("P", "a.png"), ("P", "a.gif"), ("1", "a.png"), ("CMYK", "a.jpg"), ("RGB", "a.webp"), ("YCbCr", "a.jpg")],
)
def test_other_modes_are_rgb_before_they_are_resized(tmp_path: Path, mode: str, name: str) -> None:
    path = tmp_path / name
    Image.fromarray(noise(80, 100, seed=2)).convert(mode).save(path)
    with Image.open(path) as picture:
        assert np.array_equal(plain(path), as_open_clip_does(picture.convert("RGB")))


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.abs(plain(tmp_path / "a.png")[..., 0] - grey / 257).max() <= 0.5


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    layer = np.zeros((64, 64, 4), np.uint8)
    layer[:32, :, 3] = 255
    Image.fromarray(layer).save(tmp_path / "a.png")
    Image.fromarray(layer).convert("P").save(tmp_path / "b.png", transparency=bytes([255] * 100 + [0] * 156))
    Image.fromarray(layer).convert("LA").save(tmp_path / "c.png")
    for name in ("a.png", "c.png"):
        assert (plain(tmp_path / name)[:30] == 0).all() and (plain(tmp_path / name)[34:] == 255).all()
    assert plain(tmp_path / "b.png").shape == (64, 64, 3)


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    lying, turn = Image.fromarray(noise(64, 128, seed=3)), Image.Exif()
    turn[0x0112] = 6  # turn by 90 degrees to the right to see it upright
    lying.save(tmp_path / "a.png", exif=turn)
    assert np.array_equal(decoded(tmp_path / "a.png", SIDE), np.asarray(lying.rotate(-90, expand=True)))


def test_only_what_is_drawn_is_decoded_and_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def counted(path: Path, side: int) -> np.ndarray:
        opened.append(path.name)
        return decoding.decoded(path, side)

    monkeypatch.setattr(shelf, "decoded", counted)
    toy = pictures(tmp_path, views=2, crop=0.5)
    drawn = toy.take(np.array([4, 1]), views=True)
    assert sorted(opened) == ["1.png", "4.png"]
    again = toy.take(np.array([1, 4]), views=True)
    assert sorted(opened) == ["1.png", "4.png"]
    assert drawn.labels.tolist() == [0, 1] and drawn.views.shape == (2, 2, 128)
    assert torch.equal(drawn.image_features[[1, 0]], again.image_features)
    assert torch.equal(drawn.views[[1, 0]], again.views) and not torch.equal(again.views[:, 0], again.views[:, 1])


def test_features_and_pictures_belong_together(tmp_path: Path) -> None:
    drawn = pictures(tmp_path).take(np.array([5, 0, 3]), views=False)
    assert drawn.pixels is not None and drawn.views.shape == (3, 0, 128)
    shown = drawn.pixels.plain(torch.arange(3))
    assert np.array_equal(shown[0].numpy(), plain(tmp_path / "1/5.png"))
    assert torch.allclose(drawn.image_features, ENCODER.towers().encode_images(shown), atol=1e-6)
    assert str(Path(os.environ["VLSTUDY_CACHE"])) in Path("/proc/self/maps").read_text()


def test_selections_of_a_whole_share_its_entry(tmp_path: Path, cache: Path) -> None:
    toy = pictures(tmp_path, whole=True, views=1, crop=0.5)
    most, few = toy.take(np.array([5, 4, 2, 1]), views=True), toy.take(np.array([4]), views=True)
    names = sorted(path.name.rsplit("-", 1)[0] for path in cache.glob("*.safetensors"))
    assert names == ["toy-1-view-1", "toy-6-features", "toy-6-pictures", "toy-6-view-1"]
    assert torch.equal(most.image_features[1], few.image_features[0])
    assert most.views.shape == (4, 1, 128) and few.views.shape == (1, 1, 128)


def test_towers_are_not_loaded_where_the_store_has_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = pictures(tmp_path, views=1, encoder=Encoder("miniature", None))
    expected = toy.take(np.array([1, 2]), views=True)
    monkeypatch.setattr("vlstudy.backbones.load", lambda *_: pytest.fail("loaded"))
    found = replace(toy, encoder=Encoder("miniature", None)).take(np.array([1, 2]), views=True)
    assert torch.equal(found.views, expected.views)


def test_no_pictures_are_no_features_of_the_right_width(tmp_path: Path) -> None:
    none = pictures(tmp_path, views=1).take(np.empty(0, np.int64), views=False)
    assert none.image_features.shape == (0, 128) and none.views.shape == (0, 0, 128) and len(none) == 0


def test_a_file_that_changed_is_decoded_again(tmp_path: Path) -> None:
    toy = pictures(tmp_path)
    before = toy.take(np.array([0]), views=False)
    Image.fromarray(noise(71, 80, seed=9)).save(tmp_path / toy.paths[0])
    assert not torch.equal(before.image_features, toy.take(np.array([0]), views=False).image_features)


def test_broken_pictures_are_told_together_and_leave_nothing(tmp_path: Path, cache: Path) -> None:
    toy = pictures(tmp_path, count=9)
    for path in toy.paths[:7]:
        break_it(tmp_path / path)
    with pytest.raises(
        DataError, match=r"7 of 9 pictures cannot be decoded: .*0/0\.png \(.*1/1\.png.* and 2 more\. Copy"
    ):
        toy.take(np.arange(9), views=False)
    assert not [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_missing_pictures_are_told_together(tmp_path: Path) -> None:
    toy = pictures(tmp_path)
    for path in toy.paths[:2]:
        (tmp_path / path).unlink()
    toy.take(np.array([2, 3]), views=False)
    with pytest.raises(DataError, match=r"2 of 6 files are missing: .*0/0\.png, .*1/1\.png"):
        toy.take(np.arange(6), views=False)


def test_masks_follow_the_picture(tmp_path: Path) -> None:
    toy = pictures(tmp_path / "pictures", masks=tmp_path / "masks")
    values = np.zeros((140, 180), np.uint8)
    values[:, 90:] = 7
    for path in toy.paths:
        (tmp_path / "masks" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(tmp_path / "masks" / path)
    drawn = toy.take(np.array([1, 2]), views=False)
    assert drawn.pixels is not None
    masks = drawn.pixels.masks(torch.arange(2))
    assert masks is not None and masks.shape == (2, SIDE, SIDE)
    assert masks[:, :, 32:].all() and not masks[:, :, :32].any()
    (tmp_path / "masks/1/3.png").unlink()
    with pytest.raises(DataError, match=r"data\.masks: 1 of 2 files are missing: .*masks/1/3\.png"):
        toy.take(np.array([2, 3]), views=False)


def test_alpha_is_no_mask(tmp_path: Path) -> None:
    layer = np.zeros((64, 64, 4), np.uint8)
    layer[..., 3], layer[:8, :, 0] = 255, 255
    Image.fromarray(layer).save(tmp_path / "a.png")
    mask = decoded_mask(tmp_path / "a.png", 64, 64, SIDE)
    assert mask[:8].all() and not mask[8:].any()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_cut_file_has_a_fault_and_a_whole_one_has_none(tmp_path: Path, name: str) -> None:
    path = draw(tmp_path / name)
    assert fault(path) == ""
    break_it(path)
    assert fault(path)


def test_a_jpeg_with_bytes_behind_its_end_is_whole(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes() + bytes(1000))
    assert fault(path) == ""


def test_a_shelf_of_one_shape_and_one_of_many(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 64, 64), draw(tmp_path / "b.png", 64, 100)
    held = Shelf(name="toy", root=tmp_path, paths=("b.png", "a.png"), side=SIDE).pixels()
    assert held.shapes.tolist() == [[64, 100], [64, 64]]


def test_listing_loads_no_torch() -> None:
    names = ["coop", "folder", "domains", "flickr8k", "coco", "checking"]
    code = "import sys; " + "; ".join(f"import vlstudy.data.{name}" for name in names)
    printed = subprocess.run(
        [sys.executable, "-c", code + "; print({'torch', 'open_clip', 'PIL'} & set(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == "set()"
