"""What the world is made of: its shapes, textures, colours and places, with the classes that they make."""

from typing import Final

SHAPES: Final = ("circle", "hexagon", "square", "triangle", "star", "cross", "heart", "ring")
TEXTURES: Final = ("solid", "striped", "zigzag", "dotted", "checked", "speckled")
PLACES: Final = ("sky", "sea", "grass", "sand", "brick", "night")

# Main tone of each colour. Saturated, while places are muted, so that an object never vanishes.
COLOURS: Final = {
    "red": (215, 40, 40),
    "orange": (240, 135, 25),
    "yellow": (240, 215, 45),
    "green": (45, 160, 65),
    "teal": (30, 165, 175),
    "blue": (45, 80, 210),
    "purple": (130, 55, 180),
    "pink": (240, 120, 180),
}

# The place where a shape is mostly seen. Shapes that look alike (circle and hexagon, star and cross, heart and
# triangle) live in different places, so a model gains by looking at the place, and loses when the place is swapped.
HOME: Final = (0, 3, 4, 2, 5, 1, 2, 0)
HOME_SHARE: Final = 0.6

CLASSNAMES: Final[tuple[str, ...]] = tuple(f"{texture} {shape}" for shape in SHAPES for texture in TEXTURES)
DOMAINS: Final[tuple[str, ...]] = ("plain", "sketch", "negative", "noise", "swapped_background")
TEMPLATES: Final[tuple[str, ...]] = ("a picture of a {}.", "there is a {}.", "a {}.")


def class_index(shape: int, texture: int) -> int:
    """The class of a shape with a texture.

    >>> CLASSNAMES[class_index(SHAPES.index("star"), TEXTURES.index("dotted"))]
    'dotted star'
    """
    return shape * len(TEXTURES) + texture


def _is_base(label: int) -> bool:
    """A chequerboard: every shape and every texture is seen in base classes, and no combination of the new ones is."""
    shape, texture = divmod(label, len(TEXTURES))
    return (shape + texture) % 2 == 0


BASE: Final[tuple[int, ...]] = tuple(label for label in range(len(CLASSNAMES)) if _is_base(label))
NEW: Final[tuple[int, ...]] = tuple(label for label in range(len(CLASSNAMES)) if not _is_base(label))
