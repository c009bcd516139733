"""The digest's settings: one frozen value, read from `digest.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec


@dataclass(frozen=True)
class Smtp:
    """The mail server."""

    host: str
    port: int = 25
    starttls: bool = False


@dataclass(frozen=True)
class Settings:
    """Who is mailed by whom, and where it is noted what was mailed."""

    sender: str
    readers: list[str]
    sent: Path
    smtp: Smtp


def read_settings(path: Path) -> Settings:
    """Read the settings; relative paths are from the file's folder."""
    here = path.resolve().parent

    def convert(kind: type, value: Any) -> Any:
        if kind is Path and isinstance(value, str):
            return here / value
        raise ValueError(f"{value!r} cannot be a {kind.__name__}")

    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return msgspec.convert(data, Settings, dec_hook=convert, strict=True)
