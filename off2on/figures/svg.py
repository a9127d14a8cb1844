"""SVG files -> markup that can stand in one HTML page with others."""

import json
import re
from html import unescape
from typing import Any

_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_ROOT = re.compile(r"<svg\b[^>]*>")
_VIEW_BOX = re.compile(r'viewBox="([^"]+)"')
_PANELS = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)


def panels_of(text: str) -> list[dict[str, Any]]:
    """The panels that `style.save` noted in an SVG file: title, box, limits; none in a file of somebody else."""
    found = _PANELS.search(text)
    try:
        panels = json.loads(unescape(found[1])) if found else []
    except ValueError:
        return []
    return panels if isinstance(panels, list) else []


def inline_svg(text: str, name: str, label: str) -> str:
    """Markup of an SVG file, free of ids and styles that could meet those of another one on the page.

    Args:
        text: the file, as matplotlib writes it.
        name: what all its ids start with; unique on the page.
        label: what a screen reader says; no quotes or angle brackets.
    """
    text = _METADATA.sub("", _PROLOGUE.sub("", text))
    for pattern in (r'(\sid=")', r"(url\(#)", r'(xlink:href="#)'):
        text = re.sub(pattern, rf"\g<1>{name}-", text)
    text = text.replace(">*{", f">#{name} *{{")
    found = _VIEW_BOX.search(text)
    if found is None:
        raise ValueError(f"the SVG of {name} has no viewBox")
    width = float(found[1].split()[2])
    root = (
        f'<svg id="{name}" role="img" aria-label="{label}" viewBox="{found[1]}" style="--points: {width:.0f}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return _ROOT.sub(root, text, count=1)
