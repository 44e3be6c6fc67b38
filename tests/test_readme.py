"""The documentation tells the truth: its tables are those of the code, its links lead somewhere, and what it tells a
reader to type works as written.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import command_lines, docs
from tests.support.clone import clone, shell, touched

ROOT = docs.ROOT
PAGES = docs.pages()
TEXTS = {path: path.read_text(encoding="utf-8") for path in PAGES}
TEXT = "\n".join(TEXTS.values())
RECIPES = ROOT / "steps" / "README.md"
"""The page whose lines are for a copy of the project; tests/test_recipes.py follows them there."""
README = TEXTS[ROOT / "README.md"]
PARTS = [
    pytest.param(page, name, id=f"{page.relative_to(ROOT)} {name}") for page, parts in PAGES.items() for name in parts
]
GUIDES = (ROOT / "README.md", *sorted(ROOT.glob(".github/*.md")), *PAGES)
LINKING = [ROOT / name for name in ("CHANGELOG.md",)] + sorted(ROOT.glob(".github/**/*.md"))

_INPUT = (
    "import json, sys;"
    "print(*(p['DefaultValue'] for p in json.load(sys.stdin)['Parameters'] if p['Name'] == 'InputDataUrl'))"
)
"""Prints where a definition's data lies."""
_STOPPED = "trap 'pipeline local stop > /dev/null 2>&1 || true' EXIT"


def blocks(language: str) -> list[str]:
    text = "\n".join(text for page, text in TEXTS.items() if page != RECIPES)
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


MAKE, *SHELL = blocks("sh")


@pytest.mark.parametrize(("page", "name"), PARTS)
def test_a_generated_part_is_that_of_the_code(page: Path, name: str) -> None:
    assert f"<!-- {name} -->\n{PAGES[page][name]()}\n<!-- /{name} -->" in TEXTS[page], "run `make docs`"


def test_every_page_of_the_tree_is_known_here() -> None:
    found = {path for folder in ("pipeline", "steps", "scripts", "tests") for path in (ROOT / folder).rglob("*.md")}
    assert {path for path in found if "golden" not in path.parts} <= set(PAGES)


def test_the_first_page_is_short() -> None:
    assert len(README.encode()) <= 9_000


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, *LINKING], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        place, _, anchor = link.partition("#")
        target = page.parent / place if place else page
        if not target.exists() or (anchor and anchor not in _headings(target)):
            broken.append(link)
    assert broken == []


def test_every_room_and_every_folder_of_tests_is_in_the_table_of_the_tests() -> None:
    page = ROOT / "tests" / "README.md"
    linked = {(page.parent / link).resolve() for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page])}
    rooms = {path.parent for path in ROOT.glob("pipeline/*/__init__.py")} | {ROOT / "steps", ROOT / "scripts"}
    assert rooms <= linked
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    shared = {ROOT / "tests", ROOT / "tests" / "pipeline"}
    assert [folder for folder in folders - shared if not linked & {folder, *folder.parents}] == []


@pytest.mark.parametrize("page", dict.fromkeys(GUIDES), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_command_and_flag_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    fenced = [line for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S) for line in block.splitlines()]
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))
    calls = [line for line in (*fenced, *quoted) if re.match(r"(make|pipeline|\.venv/bin/pipeline) [a-z]", line)]
    assert {line: unknown for line in calls if (unknown := command_lines.unknown(line))} == {}


def _texts(node: ast.AST) -> str | None:
    """The text of a literal; what an f-string fills in is shown as the pages show it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


@pytest.mark.long
def test_every_message_of_the_troubleshooting_page_is_one_of_the_product() -> None:
    page = TEXTS[ROOT / "pipeline" / "TROUBLESHOOTING.md"]
    messages = [row for row in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)]
    assert len(messages) > 30
    modules = [path for folder in ("pipeline", "scripts", "steps") for path in (ROOT / folder).rglob("*.py")]
    nodes = (node for path in modules for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    said = {text.replace("{}", "…") for text in map(_texts, nodes) if text}
    assert [message for message in messages if not any(message in text for text in said)] == []


def test_every_name_of_the_migration_page_is_in_the_file_beside_it() -> None:
    page = ROOT / "pipeline" / "MIGRATING.md"
    rows = re.findall(r"^\| .* \| (.*) \| (\[`.*) \|$", TEXTS[page], re.MULTILINE)
    assert len(rows) > 10
    for names, files in rows:
        code = "".join((page.parent / file).read_text(encoding="utf-8") for file in re.findall(r"\(([^)]+)\)", files))
        missing = [name for name in re.findall(r"`([A-Za-z_]+)`", names) if not re.search(rf"\b{name}\b", code)]
        assert missing == [], files


def test_the_first_block_is_the_two_commands() -> None:
    assert re.findall(r"^make (\w+)", MAKE, re.MULTILINE) == ["run", "test"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("readme")
    shutil.copy(ROOT / "pipeline.toml", made)
    yield made
    subprocess.run([sys.executable, "-m", "pipeline", "local", "stop"], cwd=made, check=True, capture_output=True)


@pytest.mark.long
def test_what_a_reader_types_works_as_written(folder: Path) -> None:
    """All shell and Python blocks after the first, in one shell, in their order; it stops at the first failure."""
    script = [*SHELL]
    for number, block in enumerate(blocks("python")):
        path = folder / f"block{number}.py"
        path.write_text(block, encoding="utf-8")
        script.append(f"python {path.name}")
    said = shell(folder, "\n".join(script))
    assert '{"predictions": [{"score":' in said
    assert "pipeline/by-the-sdk/execution/" in said
    assert re.search(r"^i-[0-9a-f]+: ", said, re.MULTILINE), "the endpoint's log, by instance"


def bash_blocks(page: Path) -> list[str]:
    """What a page says to run in a clone: by contributors, or by CI."""
    return re.findall(r"^```bash\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_only_these_pages_have_lines_for_a_clone() -> None:
    pages = {page for page in GUIDES if bash_blocks(page)}
    assert pages == {ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md", ROOT / "tests" / "README.md"}


@pytest.mark.long
def test_the_lines_for_a_clone_work_as_written_and_leave_nothing_that_git_sees(tmp_path: Path) -> None:
    """Those of the first page, CI's among them, of the contributors' page and of the tests'.

    Of the tests, which `make torture` follows upon, a few files run.
    """
    project = clone(tmp_path / "project")
    few = {"PYTEST_ADDOPTS": "-o testpaths=tests/steps -k 'test_steps or test_idx or test_view'"}
    change, merged = bash_blocks(ROOT / "README.md")
    shell(project, MAKE, **few)
    said = shell(project, f"{_STOPPED}\n{change}", BASE="HEAD", **few)
    assert "Succeeded" in said and "reused" in (project / "report.md").read_text(encoding="utf-8")
    for page in (ROOT / ".github" / "CONTRIBUTING.md", ROOT / "tests" / "README.md"):
        for block in bash_blocks(page):
            shell(project, block, **few)
    # What is merged goes to AWS; here AWS is the service on localhost, which has AWS's public data sets.
    shell(
        project,
        f"""pipeline local start --detach
        {_STOPPED}
        eval "$(pipeline local env)"
        address=$(pipeline definition --env staging | python -c "{_INPUT}")
        bucket=${{address#s3://}}; aws s3 mb "s3://${{bucket%%/*}}"
        aws s3 cp .sagemaker/data/digits.npz "$address/digits.npz"
        {merged}""",
        BUILD_NUMBER="7",
    )
    assert "EvaluateModel" in (project / "report.html").read_text(encoding="utf-8")
    assert touched(project) == set()
