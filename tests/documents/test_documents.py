"""The documents: links, examples, commands, length, and what they must not forget."""

import json
import os
from pathlib import Path
import re
import shlex

from aiohttp import ClientSession
import pytest
import yaml

from custom_components.ev_charger_cloud.providers import PROVIDERS
from simulator.server import Simulator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "custom_components/ev_charger_cloud"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def name_of(path: Path) -> str:
    """Return a document's name."""
    return str(path.relative_to(ROOT))


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)


def anchors(text: str) -> set[str]:
    """Return the anchors that a document's headings have."""
    found = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", text):
        words = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(words.strip().replace(" ", "-"))
    return found


@each_document
def test_links(document: Path) -> None:
    """Every link to a file or a heading leads somewhere."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(
        r'(?:src|srcset|href)="([^"]+)"', text
    )
    for link in links:
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text()), link


@each_document
def test_examples(document: Path) -> None:
    """Every example in YAML can be read, and calls actions that there are."""
    services = yaml.safe_load((PACKAGE / "services.yaml").read_text())
    triggers = yaml.safe_load((PACKAGE / "triggers.yaml").read_text())
    for block in re.findall(r"(?ms)^```yaml\n(.*?)^```", document.read_text()):
        loaded = yaml.safe_load(block)
        assert loaded is not None
        for action in re.findall(r"action: ev_charger_cloud\.(\w+)", block):
            assert action in services, action
        for trigger in re.findall(r"trigger: ev_charger_cloud\.(\w+)", block):
            assert trigger in triggers, trigger


def commands(text: str) -> list[list[str]]:
    """Return the commands that a document shows, divided into words."""
    text = re.sub(r"(?s)<!--.*?-->", "", text)
    shown = "".join(re.findall(r"(?ms)^```sh\n(.*?)^```", text)).splitlines()
    # Within a sentence only what begins as a command does; a name may stand alone.
    shown += re.findall(r"`((?:scripts/|\.venv/bin/|python)[^`\n]*)`", text)
    divided = (shlex.split(line, comments=True) for line in shown)
    return [
        [word for word in line if not re.match(r"[A-Z_]+=", word)]
        for line in divided
        if line
    ]


@each_document
def test_commands(document: Path) -> None:
    """Every command can be given: script, module, file and option are there."""
    for program, *arguments in commands(document.read_text()):
        assert program in ("curl", ".venv/bin/python") or program.startswith("scripts/")
        if program == "curl":
            continue
        if program.startswith("scripts/"):
            source = ROOT / program
            assert os.access(source, os.X_OK) or source.suffix == ".sh", program
        elif arguments[0] == "-m":
            source = ROOT / arguments[1].replace(".", "/")
            source = (
                source / "__main__.py" if source.is_dir() else source.with_suffix(".py")
            )
        else:
            source = ROOT / arguments[0]
        assert source.is_file(), source
        said = source.read_text()
        if program == "scripts/demo":
            said += (ROOT / "demo/__main__.py").read_text()
        for argument in arguments:
            if argument.startswith("tests/"):
                assert (ROOT / argument).exists(), argument
            # What is not the script's own option is pytest's.
            elif argument.startswith("--") and program != "scripts/test":
                assert argument in said, f"{program} {argument}"


async def test_the_simulator_by_hand(session: ClientSession) -> None:
    """What CONTRIBUTING.md sends to the simulator is taken."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    sent = [words for words in commands(text) if words[0] == "curl"]
    assert len(sent) >= 5
    async with Simulator() as simulator:
        for words in sent:
            address = words[-1].replace("http://127.0.0.1:8765", simulator.url)
            body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
            method = "GET" if body is None else "POST"
            async with session.request(method, address, json=body) as response:
                assert response.status == 200, words
                await response.read()


@each_document
def test_nothing_is_left_to_fill_in(document: Path) -> None:
    """No placeholder was forgotten."""
    assert not re.findall(r"@[A-Z]{3,}@|TODO|FIXME|XXX", document.read_text())


def test_length_of_the_readme() -> None:
    """The first page stays a first page."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 260


def test_every_action_is_described() -> None:
    """No action is forgotten in the document of actions."""
    text = (ROOT / "docs/actions.md").read_text()
    for action in yaml.safe_load((PACKAGE / "services.yaml").read_text()):
        assert f"`{action}`" in text, action


@pytest.mark.parametrize("cloud", PROVIDERS)
def test_every_cloud_has_a_page(cloud: str) -> None:
    """Each page has the same parts, and the first page leads there."""
    text = (ROOT / f"docs/providers/{cloud}.md").read_text()
    for part in (
        "Credentials",
        "Options",
        "Entities and actions",
        "How data is updated",
        "Limits",
        "What we know, and from where",
    ):
        assert f"## {part}\n" in text, part
    assert f"docs/providers/{cloud}.md" in (ROOT / "README.md").read_text()


def test_every_field_is_described() -> None:
    """What set-up and options ask for is on the cloud's page, in the form's words."""
    texts = json.loads((PACKAGE / "translations/en.json").read_text())
    options = texts["options"]["step"]["init"]
    common = (ROOT / "docs/configuration.md").read_text()
    own = {field.key for row in PROVIDERS.values() for field in row.options}
    for key, label in options["data"].items():
        if key not in own:
            assert f"| {label} | {options['data_description'][key]} |" in common
    for cloud, row in PROVIDERS.items():
        page = (ROOT / f"docs/providers/{cloud}.md").read_text()
        asked = texts["config"]["step"][cloud]["data"]
        asked |= texts["config"]["step"]["account"]["data"]
        labels = [asked[field.key] for field in row.fields]
        labels += [options["data"][field.key] for field in row.options]
        for label in labels:
            assert f"\n| {label} | " in page, f"{cloud}: {label}"


def test_documents_are_reached() -> None:
    """From the first page every document can be reached."""
    seen: set[Path] = set()
    due = [ROOT / "README.md"]
    while due:
        document = due.pop()
        if document in seen or document.suffix != ".md":
            continue
        seen.add(document)
        links = re.findall(r"\]\(([^)\s#]+)", document.read_text())
        due += [
            (document.parent / link).resolve() for link in links if "://" not in link
        ]
    unreached = {
        name_of(path)
        for path in (ROOT / "docs").rglob("*.md")
        if path.parent.name != "glossaries"
    } - {name_of(path) for path in seen}
    assert not unreached
