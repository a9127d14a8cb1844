"""HTML pages of one file: templates, style and script lie in page/ and are embedded, so no network is needed."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_HERE = Path(__file__).parent / "page"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("off2on.figures", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json"] = _json
    # our own files
    environment.globals["style"] = Markup((_HERE / "page.css").read_text(encoding="utf-8"))  # noqa: S704
    environment.globals["script"] = Markup((_HERE / "page.js").read_text(encoding="utf-8"))  # noqa: S704
    return environment


def _json(value: Any) -> Markup:
    """JSON inside of a script element: nothing in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704


def render(template: str, **values: Any) -> str:
    """The page of a template in page/."""
    return _environment().get_template(template).render(**values)
