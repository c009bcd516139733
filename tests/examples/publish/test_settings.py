"""The settings file: everything in it is understood, or refused by name."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from publishing.site import SettingsError, Site, Smtp, read_site


def changed(site: Site, old: str, new: str) -> Path:
    """The settings file with one passage replaced."""
    path = site.folders.posts.parent / "site.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_the_shipped_settings_are_read(site: Site, tmp_path: Path) -> None:
    """Relative paths are from the file's folder, durations are ISO 8601."""
    assert site.approval.deadline == timedelta(days=2)
    assert site.folders.public == tmp_path / "work" / "public"
    assert site.smtp is None
    assert site.page_url("swifts") == "https://notes.example.org/swifts.html"


def test_settings_are_frozen(site: Site) -> None:
    """Nobody changes the settings on their way down."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        site.title = "Another"  # type: ignore[misc]  # that it can't be set is the claim


def test_a_mail_server_can_be_set(site: Site) -> None:
    """The smtp table turns the Maildir off."""
    path = changed(site, "# [smtp]\n# host", "[smtp]\nhost")
    assert read_site(path).smtp == Smtp("127.0.0.1")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("title =", "titel =", "unknown setting 'titel', did you mean 'title'"),
        ("deadline =", "deadlines =", r"approval\.'deadlines', did you mean 'deadline'"),
        ('"P2D"', '"two days"', "duration"),
        ('"P2D"', '"PT0S"', "longer than nothing"),
        ("https://notes.example.org/users", "/users", "actor must be an absolute web address"),
        ('example.org"\nactor', 'example.org/"\nactor', "must not end with a slash"),
        ("Ines Aalto <ines@notes.example.org>", "Ines", "must be a mail address"),
        ("shortest = 200", 'shortest = "few"', "int"),
        ('posts = "posts"', "posts = 1", "Path"),
        ("[length]", "[length", "site.toml"),
    ],
)
def test_a_wrong_setting_is_named(site: Site, old: str, new: str, complaint: str) -> None:
    """The error says which setting and what was expected."""
    with pytest.raises(SettingsError, match=complaint):
        read_site(changed(site, old, new))
