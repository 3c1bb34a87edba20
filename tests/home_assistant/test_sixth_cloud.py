"""The worked example of docs/sixth-cloud.md, built as it stands there, and proved."""

from pathlib import Path
import re
import shlex
import shutil
import subprocess
import sys

import pytest

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "sixth-cloud.md").read_text()

# A file is a block below its path, an edit one below a sentence that ends in a path.
FILES = re.findall(r"(?ms)^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", TEXT)
EDITED = re.findall(
    r"(?m)^.*\bIn `([\w./]+)`:\n\n((?:^```diff\n(?s:.*?)^```\n\n)+)", TEXT
)
PROOF = TEXT.partition("## Prove it")[2]
COMMANDS = re.findall(r"(?m)^scripts/test (.*)$", PROOF)

NEEDED = (
    "custom_components",
    "reliability",
    "scripts",
    "setup.cfg",
    "simulator",
    "tests",
    "ruff.toml",
)


def run(folder: Path, *arguments: str) -> None:
    """Run a tool with this Python, and tell what it said where it fails."""
    ran = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{arguments}\n{ran.stdout[-4000:]}{ran.stderr[-2000:]}"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a repository with the sixth cloud in it."""
    tree = tmp_path_factory.mktemp("sixth")
    for name in NEEDED:
        if (source := REPOSITORY / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source, tree / name, ignore=ignored)
        else:
            shutil.copy(source, tree / name)
    for name, content in FILES:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(content)
    for name, blocks in EDITED:
        content = (tree / name).read_text()
        for block in re.findall(r"(?ms)^```diff\n(.*?)^```", blocks):
            old = "".join(re.findall(r"(?m)^-(.*\n)", block))
            new = "".join(re.findall(r"(?m)^\+(.*\n)", block))
            assert content.count(old) == 1, old
            content = content.replace(old, new)
        (tree / name).write_text(content)
    run(tree, "scripts.translations", "add", "sixth.json")
    return tree


def test_it_is_a_folder_and_a_row(tree: Path) -> None:
    """Of the integration nothing else changes, but for the words."""
    integration = "custom_components/ev_charger_cloud/"
    ours = [name for name, _ in (*FILES, *EDITED) if name.startswith(integration)]
    assert {name.removeprefix(integration) for name in ours} == {
        "providers/registry.py",
        *(
            f"providers/sixth/{module}.py"
            for module in ("__init__", "client", "provider", "wire")
        ),
    }


def test_it_is_clean(tree: Path) -> None:
    """It reads as the rest of the code does."""
    files = [name for name, _ in FILES if name.endswith(".py")]
    run(tree, "ruff", "check", *files)
    run(tree, "ruff", "format", "--check", *files)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("command", COMMANDS)
def test_proof(tree: Path, command: str) -> None:
    """What the page runs in the end is green."""
    run(tree, "pytest", "-q", "-p", "no:cacheprovider", *shlex.split(command))


def test_something_is_proved() -> None:
    """The contract test is among it."""
    assert any("test_contract.py" in command for command in COMMANDS)
