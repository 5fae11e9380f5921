"""What papers published on the same data with the same towers, as numbers with their sources and reservations.

Every value is of CLIP ViT-B/16 in OpenAI's weights, in percent, but for those of TPC-CMA (ViT-B/32).
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published number.

    Attributes:
        method: as the paper calls it, with what was switched.
        value: in percent.
        spread: standard deviation over seeds as published; None where none is.
        what: which accuracy, on what.
        over: what it is an average over; "" for a single data set or domain.
        domain: the tested domain; "" where there are none or it is a mean over all.
        ours: the method in a study file that it can be set beside; "" for none.
        on: the method that `ours` stands on; "" for none.
        shots: training images per class; 0 if all, None if nothing is trained.
        source: whose number.
        reservation: what to know before comparing.
    """

    method: str
    value: float
    source: str
    what: str
    spread: float | None = None
    over: str = ""
    domain: str = ""
    ours: str = ""
    on: str = ""
    shots: int | None = None
    reservation: str = ""


ZERO_SHOT = {
    "imagenet": 66.7,
    "caltech101": 92.9,
    "oxford_pets": 89.1,
    "stanford_cars": 65.3,
    "oxford_flowers": 71.3,
    "food101": 86.1,
    "fgvc_aircraft": 24.7,
    "sun397": 62.5,
    "dtd": 43.8,
    "eurosat": 47.5,
    "ucf101": 66.8,
}
DIFFICULT = ("fgvc_aircraft", "eurosat", "dtd", "sun397", "stanford_cars")
# base: (difficult, easy, difficult harmonic mean) without FMA, and the same with it
PLUG_IN = {
    "CLIP zero-shot": ((48.9, 78.8, 48.9), (68.9, 87.6, 57.5)),
    "CoOp": ((71.4, 87.1, 54.8), (74.0, 87.9, 55.6)),
    "CoCoOp": ((64.1, 85.0, 55.9), (68.5, 87.3, 58.2)),
    "CLIP-Adapter": ((62.4, 86.6, 53.6), (67.9, 87.4, 56.0)),
    "CLIP-LoRA": ((76.1, 88.2, 57.1), (77.8, 88.8, 58.4)),
}
LORA_FMA = {"stanford_cars": 87.7, "ucf101": 87.1, "sun397": 77.2, "food101": 87.4}

SHIFT_SETS = {"pacs": 4, "vlcs": 4, "officehome": 4, "terraincognita": 4, "domainnet": 6}  # name -> domains
# method: (method of ours, a value and its deviation for each of SHIFT_SETS)
SHIFT = {
    "zero-shot": ("zero_shot", ((96.2, None), (81.7, None), (82.0, None), (33.4, None), (57.5, None))),
    "CoOp": ("coop", ((96.8, None), (81.2, None), (84.2, None), (44.9, None), (59.9, None))),
    "ERM fine-tuning": ("finetune", ((96.1, 0.5), (83.0, 0.2), (83.3, 0.3), (60.9, 0.2), (59.9, 0.1))),
    "CLIPood, as published": ("", ((97.3, 0.1), (85.0, 0.4), (87.0, 0.2), (60.4, 0.7), (63.5, 0.1))),
    "CLIPood, re-run by others": ("", ((96.6, 0.4), (84.1, 0.3), (86.1, 0.2), (59.7, 0.8), (63.1, 0.1))),
}
VLCS = ("Caltech101", "LabelMe", "SUN09", "VOC2007")
# variant: (method of ours, a value and its deviation for each of VLCS, the mean as printed)
ALIGNCLIP_VLCS = {
    "AlignCLIP, D-V branch": ("alignclip", ((100.0, 0.0), (68.9, 0.3), (80.9, 0.1), (90.1, 0.2)), 85.1),
    "AlignCLIP, V-V-V branch": ("", ((99.6, 0.2), (68.7, 0.2), (81.1, 0.1), (90.1, 0.2)), 84.9),
    "plain fine-tuning, class token": ("finetune", ((99.3, 0.1), (66.4, 0.4), (80.3, 0.2), (88.7, 0.3)), 83.7),
    "plain fine-tuning, mean of patches": ("", ((99.6, 0.1), (65.4, 0.2), (77.3, 0.2), (85.6, 0.3)), 82.0),
}
EPS = (1.0, 0.9, 0.8, 0.7, 0.6)
EPS_SWEEP = {"LabelMe": (67.4, 68.3, 68.3, 67.9, 67.9), "VOC2007": (88.8, 89.9, 89.8, 89.7, 89.5)}
SMOOTHING = {  # domain of VLCS: semantic, classical, none
    "LabelMe": (68.68, 66.20, 65.47),
    "SUN09": (81.25, 79.00, 78.96),
    "VOC2007": (89.63, 88.90, 88.74),
}
PARTS = ("attention and similarity", "similarity only", "attention only", "none")
AAL_PARTS = {"vlcs": (85.1, 84.5, 84.6, 84.1), "officehome": (86.9, 86.4, 84.5, 84.1)}
BLOCKS = {  # domain of VLCS: accuracy with the first 1, 2, ... 12 blocks aligned
    "LabelMe": (65.5, 66.2, 67.2, 67.7, 68.7, 67.3, 67.3, 67.1, 67.0, 66.9, 66.4, 66.3),
    "SUN09": (80.2, 80.3, 80.3, 80.3, 80.9, 79.4, 79.4, 79.2, 79.2, 79.0, 79.6, 79.6),
    "VOC2007": (87.7, 88.9, 88.7, 88.7, 89.6, 88.7, 88.5, 88.4, 88.3, 88.2, 87.7, 87.7),
}
SWITCHES = ("both", "without AAL", "without SLS", "neither")
SWITCHED = {"domain_shift": (86.9, 86.7, 86.6, 86.1), "open_class": (84.0, 83.5, 83.3, 82.6)}
WILD = {"zero-shot": (82.6, 67.3, 88.8, 89.5), "CLIPood, re-run by others": (83.3, 68.8, 89.9, 90.1)}
WILD_DOMAINS = ("Art", "Clipart", "Product", "RealWorld")
VARIANTS = {"ImageNet": 71.6, "V2": 64.9, "Sketch": 49.3, "A": 50.4, "R": 77.2}

FMA = "FMA, arXiv 2510.14543"
ALIGN = "AlignCLIP, doi 10.1007/s10994-025-06742-z"
REPRINT = "tables of DISAM, which reprints and re-runs CLIPood (arXiv 2302.00864)"
LEADERBOARD = "a public leaderboard, unverified"

# (alpha_target, quantity) -> change in percent, relative to CLIP ViT-B/32 as it was; all [A], from the abstract of
# TPC-CMA. Which gap is meant, and whether the accuracy is in points or in percent and on which data, is not known.
TPC_CMA = {
    (0.05, "modality gap"): -66.6,
    (0.05, "accuracy"): -4.84,
    (0.5, "modality gap"): -82.3,
    (0.5, "joint ARI"): 62.3,  # 0.318 -> 0.516
    (0.5, "CIDEr-D"): 57.1,
}
GAP_R2 = {"distribution gap": 0.986, "raw gap": 0.691}  # of quality on the gap over models; [A], without n or interval
