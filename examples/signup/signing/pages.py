"""Pages and the texts of mails, from templates. In pages every value is escaped."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
)


def page(name: str, **values: Any) -> str:
    """A page, all values escaped."""
    return _TEMPLATES.get_template(f"{name}.html").render(values)


def text(name: str, **values: Any) -> str:
    """A mail's text, plain."""
    return _TEMPLATES.get_template(f"{name}.txt").render(values)
