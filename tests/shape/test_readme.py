"""The README's commands are commands, and its Python runs (with the toy model, in small)."""

import re
import shlex
from pathlib import Path

import pytest

from muralist.cli.main import app

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
SHELL = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)).replace("\\\n", " ")
COMMANDS = [line for line in SHELL.splitlines() if line.startswith("muralist ")]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_is_understood(line):
    words = shlex.split(line, comments=True)[1:]
    command, _, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert command.__name__ == words[0]


@pytest.mark.parametrize("code", [code for code in PYTHON if "cuda" not in code])
def test_python_of_the_readme_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = code.replace('"shapes"', '"toy"').replace("512", "32").replace("128", "16")
    exec(compile(small, "README.md", "exec"), {"muralist": __import__("muralist")})
    assert list(tmp_path.glob("*.png")), "every example leaves a picture"


def test_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^(\w+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", README)) <= targets


def test_files_the_documents_link_to_exist():
    for document in [
        CHECKOUT / "README.md",
        CHECKOUT / "CONTRIBUTING.md",
        *CHECKOUT.glob("docs/*.md"),
    ]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"
