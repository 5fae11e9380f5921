"""How numbers become text: the only place where a fraction becomes a percentage."""

import math
from typing import Any

MINUS = "\N{MINUS SIGN}"


def scale(unit: str) -> float:
    """What a stored value is multiplied with before it is shown: 100 for fractions, which are shown in percent.

    >>> scale("fraction"), scale("nats")
    (100.0, 1.0)
    """
    return 100.0 if unit == "fraction" else 1.0


def symbol(unit: str) -> str:
    """The unit as it is shown behind a value.

    >>> symbol("fraction"), symbol("nats")
    ('%', 'nats')
    """
    return "%" if unit == "fraction" else unit


def number(value: float, largest: float) -> str:
    """A number of a column whose largest is `largest`: with it decimals, so that they stand below each other.

    >>> number(71.256, 78.0), number(-0.091, 2.4), number(0.0458, 0.95), number(0.00025, 0.004), number(12, 400)
    ('71.26', '−0.09', '0.046', '2.5e-4', '12')
    """
    if isinstance(value, int) or not math.isfinite(value):
        return _signed(str(value))
    if 1 <= largest < 1e5:
        return _signed(f"{value:.2f}")
    return _signed(f"{value:.3f}" if 0.1 <= largest < 1 else setting(value))


def setting(value: Any) -> str:
    """A knob's value as one would write it in the study file.

    >>> setting(0.00025317), setting(True), setting("cosine"), setting((0, 4)), setting(8.0)
    ('2.532e-4', 'true', 'cosine', '[0, 4]', '8')
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(setting, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, float):
        return str(value)
    if value == 0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e6:
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.7g}"
    mantissa, exponent = f"{value:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def settings(values: Any) -> str:
    """All knobs with their values, in the order of their names.

    >>> settings({"train.lr": 0.001, "method.noise": 0.5})
    'method.noise = 0.5, train.lr = 0.001'
    """
    return ", ".join(f"{name} = {setting(values[name])}" for name in sorted(values))


def shown(value: float, unit: str) -> str:
    """A stored value with its unit.

    >>> shown(0.7125, "fraction"), shown(0.5, "nats")
    ('71.2 %', '0.50 nats')
    """
    return f"{_places(value, unit)} {symbol(unit)}"


def difference(value: float, unit: str) -> str:
    """The size of a difference, without its sign, in percentage points or the unit.

    >>> difference(-0.031, "fraction"), difference(0.01, "fraction"), difference(0.12, "nats")
    ('3.1 points', '1.0 points', '0.12 nats')
    """
    return f"{_places(abs(value), unit)} {_points(unit)}"


def bounds(low: float, high: float, unit: str) -> str:
    """Two ends of an interval of differences, without unit.

    >>> bounds(-0.008, 0.014, "fraction")
    '−0.8 to 1.4'
    """
    return f"{_places(low, unit)} to {_places(high, unit)}"


def change(value: float, unit: str) -> str:
    """A difference with its sign, without unit.

    >>> change(0.0304, "fraction"), change(-0.26, "nats"), change(0.0, "fraction")
    ('+3.0', '−0.26', '0.0')
    """
    return f"+{_places(value, unit)}" if value > 0 else _places(value, unit)


def duration(seconds: float | None) -> str:
    """Seconds as a person would say them.

    >>> duration(8.25), duration(95), duration(7260), duration(None)
    ('8.2 s', '1 min 35 s', '2 h 1 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def metric_name(metric: str) -> str:
    """A metric's name as prose; its split goes in front as a word.

    >>> metric_name("test/worst_class_accuracy"), metric_name("val/accuracy")
    ('worst class accuracy on test', 'accuracy on validation')
    """
    split, _, name = metric.rpartition("/")
    places = {"": "", "val": " on validation", "test": " on test", "train": " on training"}
    return name.replace("_", " ") + places.get(split, f" ({split})")


def axis_label(metric: str, unit: str) -> str:
    """The label of a figure's axis.

    >>> axis_label("test/accuracy", "fraction")
    'accuracy on test (%)'
    """
    return f"{metric_name(metric)} ({symbol(unit)})"


def difference_label(text: str, unit: str) -> str:
    """The label of an axis of differences.

    >>> difference_label("difference to zero_shot", "fraction")
    'difference to zero_shot (points)'
    """
    return f"{text} ({_points(unit)})"


def _points(unit: str) -> str:
    return "points" if unit == "fraction" else unit


def _places(value: float, unit: str) -> str:
    """One decimal for percentages, two below 0.1; else two decimals or, if that leaves too little, three figures."""
    value *= scale(unit)
    if unit == "fraction" or (value != 0 and abs(value) >= 1000):
        text = f"{value:.2f}" if 0.005 <= abs(value) < 0.1 else f"{value:.1f}"
    else:
        text = f"{value:.2f}" if value == 0 or abs(value) >= 0.1 else f"{value:.3g}"
    return _signed(text)


def _signed(text: str) -> str:
    """With a typographic minus in front, and none before a zero."""
    if not text.startswith("-"):
        return text
    return text[1:] if float(text) == 0 else MINUS + text[1:]
