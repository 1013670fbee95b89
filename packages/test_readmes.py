"""What the READMEs of the packages show is run as it stands: a line that is a comment says what is printed there."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PAGES = ["README.md", "python/README.md", "node/README.md", "go/README.md", "examples/README.md"]
NODE = ROOT / "target/hosts/packages/node/node_modules/node24/bin/node"
COMMENT = {"python": "# ", "js": "// ", "go": "// "}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (HERE / page).read_text(), re.DOTALL | re.MULTILINE)


def words(lines):
    return " ".join(" ".join(lines).split())


def shown(code, language):
    """What a block says that it prints; how it is cut into lines does not matter."""
    lines = [line.strip() for line in code.splitlines()]
    return words(line.removeprefix(COMMENT[language]) for line in lines if line.startswith(COMMENT[language]))


@pytest.fixture
def folder(tmp_path):
    shutil.copy(ROOT / "tests/fixtures/chinook.sqlite", tmp_path)
    return tmp_path


def printed(folder, *command, **env):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, env={**os.environ, **env})
    assert done.returncode == 0, done.stderr
    return words([done.stdout])


def test_all_code_is_of_a_kind_that_is_run():
    kinds = {kind for page in PAGES for kind in re.findall(r"^```(.+)$", (HERE / page).read_text(), re.MULTILINE)}
    assert kinds == {"sh", *COMMENT}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python(page, folder):
    """The blocks of a page are one program."""
    program = "".join(blocks(page, "python"))
    assert printed(folder, sys.executable, "-c", program) == shown(program, "python") != ""


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "js")])
def test_node(page, folder):
    (folder / "node_modules").symlink_to(ROOT / "target/packages/test/node/node_modules")
    program = "".join(blocks(page, "js"))
    (folder / "program.mjs").write_text(program)
    assert printed(folder, NODE, "program.mjs") == shown(program, "js") != ""


@pytest.mark.parametrize("page, program", [(page, program) for page in PAGES for program in blocks(page, "go")])
def test_go(page, program, folder):
    """Each block is a program, or what stands in main. It is of a module that is the examples' but for its file."""
    if not program.startswith("package main"):
        program = 'package main\n\nimport (\n"context"\n"fmt"\n\nlumos "github.com/lumosdb/lumos/packages/go"\n)\n\nfunc main() {\n' + program + "}\n"
    module = "github.com/lumosdb/lumos/packages/go"
    used = [path for path in ("", "/gorm", "/duckdb") if f'"{module}{path}"' in program]
    requires = "".join(f"require {module}{path} v0.0.0\n" for path in used)
    replaces = "".join(f"replace {module}{path} => {HERE}/go{path}\n" for path in ("", "/gorm", "/duckdb"))
    (folder / "go.mod").write_text(f"module program\n\ngo 1.24\n\n{requires}{replaces}")
    (folder / "main.go").write_text(program)
    printed(folder, "go", "mod", "tidy")
    assert printed(folder, "go", "run", ".", LUMOSDB_DIR=str(ROOT / "target/packages/libraries")) == shown(program, "go") != ""


def of_workflows():
    """The commands of the workflows, line by line."""
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        for one, several in re.findall(r"^ +- run: (?:(?!\|)(.+)|\|\n((?: {10,}.*\n)+))", workflow.read_text(), re.MULTILINE):
            yield from (one or several).strip().splitlines()


def test_commands(folder):
    """Those of the package run. Of others, and of the workflows, the files, targets and extras that they name are there."""
    commands = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()]
    extras = set(tomllib.loads((HERE / "python/pyproject.toml").read_text())["project"]["optional-dependencies"])
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands:
        program, *arguments = command.split("#")[0].split()
        if program == "lumosdb":
            printed(folder, pathlib.Path(sys.executable).with_name("lumosdb"), *arguments)
    workflows = list(of_workflows())
    assert {"make packages", ".ci/run"} <= set(workflows)
    for command in commands + workflows:
        for part in command.split("#")[0].split("&&"):
            program, *arguments = part.split() or [""]
            for path in re.findall(r"(?<!\S)(?:packages|tests)/[\w./-]+", part):
                assert (ROOT / path).is_file(), command
            assert program.split("/")[0] != "packages" or os.access(ROOT / program, os.X_OK), command
            assert program != "make" or set(arguments) <= targets, command
            for asked in re.findall(r"lumosdb\[(.*?)\]", part):
                assert set(asked.split(",")) <= extras, command
