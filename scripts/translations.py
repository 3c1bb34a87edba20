"""List what a language lacks of the English texts, and put new texts in.

    python scripts/translations.py add new.json            put new English texts in
    python scripts/translations.py missing de > de.json    what de.json lacks, in English
    python scripts/translations.py merge de de.json        put translated texts in
    python scripts/translations.py check                   what is wrong in any language

Texts are told apart by their path: {"entity.sensor.power.name": "Power"}. A text that is
gone in English is taken out of the other languages by `merge`; one whose English changed
is listed when its path is named after `missing`.
"""

import json
from pathlib import Path
import re
import sys
from typing import Any

FOLDER = Path(__file__).parents[1] / "custom_components/ev_charger_cloud/translations"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_LONGEST_NAME = 48


def load(language: str) -> dict[str, Any]:
    """Return the texts of a language, none where there is no such file."""
    path = FOLDER / f"{language}.json"
    if not path.exists():
        return {}
    texts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return texts


def flat(texts: dict[str, Any], path: str = "") -> dict[str, str]:
    """Return texts by their paths."""
    found: dict[str, str] = {}
    for key, value in texts.items():
        here = f"{path}.{key}" if path else key
        found |= flat(value, here) if isinstance(value, dict) else {here: value}
    return found


def add(new: dict[str, str]) -> dict[str, Any]:
    """Return the English texts with new ones, each behind those it stands with."""
    texts = load("en")
    for path, text in new.items():
        *sections, key = path.split(".")
        within = texts
        for section in sections:
            within = within.setdefault(section, {})
        within[key] = text
    return texts


def missing(language: str, again: list[str]) -> dict[str, str]:
    """Return what a language lacks, in English, and the paths that changed."""
    there = flat(load(language)).keys() - set(again)
    return {key: text for key, text in flat(load("en")).items() if key not in there}


def merge(language: str, new: dict[str, str]) -> dict[str, Any]:
    """Return the texts of a language with new ones, in the order of the English."""
    known = flat(load(language)) | new

    def ordered(english: dict[str, Any], path: str = "") -> dict[str, Any]:
        texts: dict[str, Any] = {}
        for key, value in english.items():
            here = f"{path}.{key}" if path else key
            if isinstance(value, dict):
                if (within := ordered(value, here)) or not value:
                    texts[key] = within
            elif here in known:
                texts[key] = known[here]
        return texts

    return ordered(load("en"))


def wrong(language: str) -> list[str]:
    """Return what is wrong with a language."""
    english, texts = flat(load("en")), flat(load(language))
    faults = [f"{language}: {key} is missing" for key in english.keys() - texts.keys()]
    faults += [f"{language}: {key} is not English" for key in texts.keys() - english]
    for key in english.keys() & texts.keys():
        if set(_PLACEHOLDER.findall(english[key])) != set(
            _PLACEHOLDER.findall(texts[key])
        ):
            faults.append(f"{language}: {key} has other placeholders")
        if not texts[key].strip() or texts[key] != texts[key].strip():
            faults.append(f"{language}: {key} is empty, or has blanks around it")
        if re.search(r"<\w|https?://", texts[key]):
            faults.append(f"{language}: {key} has HTML or an address in it")
        if key.startswith("entity.") and key.endswith(".name"):
            if len(texts[key]) > _LONGEST_NAME:
                faults.append(f"{language}: {key} is too long for a name")
    words = [key for key in english if len(english[key].split()) > 3]
    faults += [
        f"{language}: {key} is not translated"
        for key in words
        if language != "en" and texts.get(key) == english[key]
    ]
    return sorted(faults)


def _read(file: str) -> dict[str, str]:
    """Return texts by their paths."""
    texts: dict[str, str] = json.loads(Path(file).read_text(encoding="utf-8"))
    return texts


def _write(language: str, texts: dict[str, Any]) -> None:
    """Write the texts of a language."""
    content = json.dumps(texts, indent=2, ensure_ascii=False)
    (FOLDER / f"{language}.json").write_text(f"{content}\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Do what the arguments ask for and return the exit code."""
    match arguments:
        case ["missing", language, *again]:
            print(json.dumps(missing(language, again), indent=1, ensure_ascii=False))
        case ["add", file]:
            _write("en", add(_read(file)))
        case ["merge", language, file]:
            _write(language, merge(language, _read(file)))
        case ["check"]:
            faults = [
                fault
                for path in sorted(FOLDER.glob("*.json"))
                for fault in wrong(path.stem)
            ]
            print(*faults, sep="\n")
            return 1 if faults else 0
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
