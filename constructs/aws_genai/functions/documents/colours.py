"""Determines whether text is distinguishable from its background."""

from __future__ import annotations

import re
from collections.abc import Mapping

Colour = tuple[float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)
#: Minimum visible difference, as a share of the difference between black and white.
_SEEN = 0.12
_NAMED: Mapping[str, Colour] = {
    "white": WHITE,
    "black": BLACK,
    "snow": (1.0, 0.98, 0.98),
    "ivory": (1.0, 1.0, 0.94),
    "ghostwhite": (0.97, 0.97, 1.0),
    "floralwhite": (1.0, 0.98, 0.94),
    "mintcream": (0.96, 1.0, 0.98),
    "azure": (0.94, 1.0, 1.0),
    "aliceblue": (0.94, 0.97, 1.0),
    "whitesmoke": (0.96, 0.96, 0.96),
    "seashell": (1.0, 0.96, 0.93),
    "navy": (0.0, 0.0, 0.5),
    "blue": (0.0, 0.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 0.5, 0.0),
    "gray": (0.5, 0.5, 0.5),
    "grey": (0.5, 0.5, 0.5),
    "darkblue": (0.0, 0.0, 0.55),
    "yellow": (1.0, 1.0, 0.0),
    "orange": (1.0, 0.65, 0.0),
    "purple": (0.5, 0.0, 0.5),
    "teal": (0.0, 0.5, 0.5),
    "maroon": (0.5, 0.0, 0.0),
    "silver": (0.75, 0.75, 0.75),
}
_FUNCTION = re.compile(r"(rgb|hsl)a?\(([^)]*)\)")


def alike(text: Colour | None, behind: Colour | None) -> bool:
    """Returns whether text is invisible on its background; False if one of the colors is unknown."""
    if text is None or behind is None:
        return False
    return max(abs(one - other) for one, other in zip(text, behind, strict=True)) < _SEEN


def of_hex(value: str) -> Colour | None:
    """Parses a CSS color of 3, 4, 6 or 8 hexadecimal digits."""
    value = value.lstrip("#")
    if len(value) in (3, 4):
        value = "".join(each * 2 for each in value)
    if not re.fullmatch(r"[0-9a-fA-F]{6}([0-9a-fA-F]{2})?", value):
        return None
    return tuple(int(value[place : place + 2], 16) / 255 for place in (0, 2, 4))  # type: ignore[return-value]


def of_css(value: str) -> tuple[Colour | None, float]:
    """Parses a CSS color; returns the color, None if it is unknown, and its opacity.

    https://www.w3.org/TR/css-color-4/
    """
    value = value.strip().lower().removesuffix("!important").strip()
    if value == "transparent":
        return None, 0.0
    if value.startswith("#"):
        digits = value[1:]
        last = digits[3:] * 2 if len(digits) == 4 else digits[6:]
        return of_hex(value), int(last, 16) / 255 if last and _is_hex(last) else 1.0
    if found := _FUNCTION.fullmatch(value):
        parts = [part for part in re.split(r"[\s,/]+", found[2].strip()) if part]
        if len(parts) < 3:
            return None, 1.0
        numbers = [_number(part) for part in parts]
        opaque = numbers[3] / (100 if parts[3].endswith("%") else 1) if len(parts) > 3 else 1.0
        if found[1] == "hsl":
            # Only the lightness distinguishes black and white.
            light = numbers[2] / 100
            return ((light, light, light) if light > 0.97 or light < 0.03 else None), opaque
        scaled = [n / (100 if part.endswith("%") else 255) for n, part in zip(numbers[:3], parts, strict=False)]
        return (scaled[0], scaled[1], scaled[2]), opaque
    return _NAMED.get(value), 1.0


def _is_hex(value: str) -> bool:
    return all(each in "0123456789abcdef" for each in value)


def _number(value: str) -> float:
    found = re.match(r"[-+]?\d*\.?\d+", value)
    return float(found[0]) if found else 0.0
