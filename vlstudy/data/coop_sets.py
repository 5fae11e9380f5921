"""The eleven data sets of the few-shot literature: where their files are, how their classes are asked for, their sizes.

Source: CoOp (arXiv 2109.01134), appendix A, for the sets and their splits; the templates are those of CoOp and FMA.
"""

from typing import Final, NamedTuple


class Sizes(NamedTuple):
    """Published numbers of classes and images; val is 0 where the set has none of its own."""

    classes: int
    train: int
    val: int
    test: int


class CoopSet(NamedTuple):
    """One data set in CoOp's folder layout.

    Attributes:
        title: its name in print, to look for where the set is to be had.
        folder: below the root of all data sets.
        images: below that; the paths of the split file start there.
        split: name of the split file; "" where the set's own lists or folders say it.
        template: prompt with `{}` for the class's name.
        sizes: as published.
    """

    title: str
    folder: str
    images: str
    split: str
    template: str
    sizes: Sizes


COOP_SETS: Final = {
    "imagenet": CoopSet(
        "ImageNet, ILSVRC 2012",
        "imagenet",
        "images",
        "",
        "a photo of a {}.",
        Sizes(1000, 1_281_167, 0, 50_000),
    ),
    "caltech101": CoopSet(
        "Caltech-101",
        "caltech-101",
        "101_ObjectCategories",
        "split_zhou_Caltech101.json",
        "a photo of a {}.",
        Sizes(100, 4_128, 1_649, 2_465),
    ),
    "oxford_pets": CoopSet(
        "Oxford-IIIT Pet",
        "oxford_pets",
        "images",
        "split_zhou_OxfordPets.json",
        "a photo of a {}, a type of pet.",
        Sizes(37, 2_944, 736, 3_669),
    ),
    "stanford_cars": CoopSet(
        "Stanford Cars",
        "stanford_cars",
        "",
        "split_zhou_StanfordCars.json",
        "a photo of a {}.",
        Sizes(196, 6_509, 1_635, 8_041),
    ),
    "oxford_flowers": CoopSet(
        "Oxford 102 Flower",
        "oxford_flowers",
        "jpg",
        "split_zhou_OxfordFlowers.json",
        "a photo of a {}, a type of flower.",
        Sizes(102, 4_093, 1_633, 2_463),
    ),
    "food101": CoopSet(
        "Food-101",
        "food-101",
        "images",
        "split_zhou_Food101.json",
        "a photo of {}, a type of food.",
        Sizes(101, 50_500, 20_200, 30_300),
    ),
    "fgvc_aircraft": CoopSet(
        "FGVC-Aircraft 2013b",
        "fgvc_aircraft",
        "images",
        "",
        "a photo of a {}, a type of aircraft.",
        Sizes(100, 3_334, 3_333, 3_333),
    ),
    "dtd": CoopSet(
        "Describable Textures Dataset",
        "dtd",
        "images",
        "split_zhou_DescribableTextures.json",
        "{} texture.",
        Sizes(47, 2_820, 1_128, 1_692),
    ),
    "eurosat": CoopSet(
        "EuroSAT, RGB",
        "eurosat",
        "2750",
        "split_zhou_EuroSAT.json",
        "a centered satellite photo of {}.",
        Sizes(10, 13_500, 5_400, 8_100),
    ),
    "sun397": CoopSet(
        "SUN397",
        "sun397",
        "SUN397",
        "split_zhou_SUN397.json",
        "a photo of a {}.",
        Sizes(397, 15_880, 3_970, 19_850),
    ),
    "ucf101": CoopSet(
        "UCF101, middle frames",
        "ucf101",
        "UCF-101-midframes",
        "split_zhou_UCF101.json",
        "a photo of a person doing {}.",
        Sizes(101, 7_639, 1_898, 3_783),
    ),
}

# Folder names that CoOp replaces; keys as they stand once underscores are spaces.
RENAMED: Final = {
    "eurosat": {
        "AnnualCrop": "Annual Crop Land",
        "HerbaceousVegetation": "Herbaceous Vegetation Land",
        "Highway": "Highway or Road",
        "Industrial": "Industrial Buildings",
        "Pasture": "Pasture Land",
        "PermanentCrop": "Permanent Crop Land",
        "Residential": "Residential Buildings",
        "SeaLake": "Sea or Lake",
    },
    "caltech101": {"airplanes": "airplane", "Faces": "face", "Leopards": "leopard", "Motorbikes": "motorbike"},
}


def cleaned(dataset: str, name: str) -> str:
    """A class's name as prompts have it.

    >>> cleaned("eurosat", "SeaLake"), cleaned("dtd", "polka-dotted"), cleaned("ucf101", "Apply_Eye_Makeup")
    ('Sea or Lake', 'polka-dotted', 'Apply Eye Makeup')
    """
    spaced = name.replace("_", " ")
    return RENAMED.get(dataset, {}).get(spaced, spaced)
