"""The texts of all languages."""

import json

import pytest

from scripts import translations

LANGUAGES = sorted(path.stem for path in translations.FOLDER.glob("*.json"))


def test_languages() -> None:
    """English is one of them."""
    assert "en" in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_language(language: str) -> None:
    """Same keys, same placeholders, names of a sane length, nothing left in English."""
    assert translations.wrong(language) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_order(language: str) -> None:
    """A language's file is in the order of the English one."""
    path = translations.FOLDER / f"{language}.json"
    ordered = json.dumps(translations.merge(language, {}), indent=2, ensure_ascii=False)
    assert path.read_text() == f"{ordered}\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_are_told_apart(language: str) -> None:
    """What is allowed is not called what flows, whatever kind of entity it is."""
    entities = translations.load(language)["entity"]
    names = [
        entity["name"]
        for kind in entities.values()
        for entity in kind.values()
        if "name" in entity
    ]
    assert sorted(set(names)) == sorted(names)


def test_missing_and_merged() -> None:
    """What a new language lacks is all there is, and merged it lacks nothing."""
    lacking = translations.missing("xx", [])
    assert lacking == translations.flat(translations.load("en"))
    assert translations.flat(translations.merge("xx", lacking)) == lacking
