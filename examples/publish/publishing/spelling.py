"""Spelling: English by pyspellchecker's word list, plus the site's own list of names and terms.

Laws: only prose is looked at, as `markdown.prose` has it; a suggestion is one edit away (two edits
cost up to 5 s for a long word and are mostly wrong); a correction touches nothing but the word.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from spellchecker import SpellChecker

from publishing.markdown import line_of, words
from publishing.model import Draft, Misspelling, Spelling


class Speller:
    """A loaded word list. Loading takes 0.2 to 0.5 s: one per worker, shared by all threads."""

    def __init__(self, own_words: Iterable[str] = ()) -> None:
        """Load the English list; `own_words` are right as well."""
        self._list = SpellChecker(language="en", distance=1)
        self._own = {word.lower() for word in own_words}

    def knows(self, word: str) -> bool:
        """Whether a word is right: as it stands, without a possessive, or written as a name."""
        word = word.replace("\u2019", "'")
        stem = re.sub(r"'s?$", "", word)
        written_as_name = any(letter.isupper() for letter in word[1:])
        return len(stem) == 1 or written_as_name or any(self._has(form) for form in (word, stem))

    def suggestion(self, word: str) -> str:
        """The most common word one edit away, in the case of the word; '' where there is none."""
        best = self._list.correction(word.replace("\u2019", "'")) or ""
        if best.lower() == word.lower():
            return ""
        return best[:1].upper() + best[1:] if word[:1].isupper() else best

    def _has(self, word: str) -> bool:
        return word.lower() in self._own or word in self._list


def own_words(dictionary: Path) -> list[str]:
    """The site's words: one a line, `#` begins a comment."""
    lines = dictionary.read_text(encoding="utf-8").splitlines()
    return [word for line in lines if (word := line.partition("#")[0].strip())]


def spell_check(draft: Draft, speller: Speller) -> Spelling:
    """Look up every word of title, description and prose; a misspelt one is told once."""
    front = draft.front
    right = {word.lower() for word in front.keep}
    for named in (front.author, *front.tags):
        right.update(re.split(r"[\s-]+", named.lower()))
    found: dict[str, Misspelling] = {}
    checked = 0
    for text, in_head in ((f"{front.title}\n{front.description}", True), (draft.text, False)):
        for word in words(text):
            checked += 1
            key = word.text.lower()
            if key not in found and key not in right and not speller.knows(word.text):
                line = 0 if in_head else line_of(text, word.start)
                found[key] = Misspelling(word.text, line, speller.suggestion(word.text))
    return Spelling(tuple(found.values()), checked)


def corrected(text: str, misspellings: Iterable[Misspelling]) -> str:
    """The text with each suggestion applied to every use of its word in the prose."""
    by_word = {m.word.lower(): m.suggestion for m in misspellings if m.suggestion}
    for word in reversed(list(words(text))):
        suggestion = by_word.get(word.text.lower())
        if suggestion:
            shown = (
                suggestion[:1].upper() + suggestion[1:]
                if word.text[:1].isupper()
                else suggestion.lower()
            )
            text = text[: word.start] + shown + text[word.start + len(word.text) :]
    return text
