"""Checks that everything named in the documents exists, and that nothing that must be documented is missing."""

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cfo_widgets
import pytest
import yaml
from cfo_api import problems

import cfo_kernel
from cfo_kernel import QueryPlan, Settings, errors
from cfo_kernel.data.glossary import GlossaryFile
from docs.builder import command_line, error_codes, tutorials

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(path for path in DOCS.rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "workspaces/adventure_works/README.md")),
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
VARIABLE = re.compile(r"\bCFO_[A-Z_]+\b")
FOLDERS = ("api", "cfo_kernel", "docs", "notebooks", "tests", "widgets", ".ci")
NOT_SETTINGS = {"CFO_PAGE_TOKEN", "CFO_GOLDEN"}
"""Variables that programs or tests read directly."""


def text_of(page: Path) -> str:
    return page.read_text()


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return BLOCK.sub("", text_of(page))


def blocks(*languages: str) -> Iterator[tuple[Path, str]]:
    """The code blocks in these languages, without their indentation."""
    for page in PAGES:
        for indent, language, code in BLOCK.findall(text_of(page)):
            if language in languages:
                yield page, re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_inside_of_the_repository_leads_to_a_file(page: Path) -> None:
    """The build of the site, which `test_site` runs, checks the generated pages."""
    generated = {"changelog.md", "contributing.md", "reference/command_line.md", "reference/http.md"}
    generated |= {address for address, _ in tutorials.pages()}
    missing = []
    for target in LINK.findall(prose(page)):
        url = urlsplit(target)
        if url.scheme or not url.path:
            continue
        found = (page.parent / url.path).resolve()
        if not found.exists() and not (found.is_relative_to(DOCS) and str(found.relative_to(DOCS)) in generated):
            missing.append(target)
    assert missing == []


def notebook_texts() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "markdown":
                yield path.name, "".join(cell["source"])


def test_every_link_of_a_notebook_leads_to_a_file() -> None:
    for name, text in notebook_texts():
        for target in LINK.findall(text):
            assert urlsplit(target).scheme or (ROOT / "notebooks" / target).exists(), (name, target)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_path_of_the_repository_that_is_named_exists(page: Path) -> None:
    missing = []
    for code in CODE.findall(prose(page)):
        is_path = code.split("/")[0] in FOLDERS and "/" in code and not set(code) & set(" {}<>*=")
        if is_path and not (ROOT / code).exists():
            missing.append(code)
    assert missing == []


@cache
def source(module: str) -> str | None:
    """The source of a module such as `runs.dispatch`, `cfo_api.problems` or `cfo_kernel.up`, or None."""
    first, *rest = module.split(".")
    homes = {"cfo_api": ROOT / "api", "cfo_widgets": ROOT / "widgets", "cfo_kernel": ROOT}
    base = homes.get(first)
    folder = base / first if base else ROOT / "cfo_kernel" / first
    path = folder.joinpath(*rest)
    if path.is_dir() and (path / "__init__.py").exists():
        return (path / "__init__.py").read_text()
    return path.with_suffix(".py").read_text() if path.with_suffix(".py").exists() else None


def is_known(name: str) -> bool:
    """Whether a dotted name is a module, or is defined in one."""
    if source(name) is not None:
        return True
    module, _, attribute = name.rpartition(".")
    text = source(module) if module else None
    return (
        text is not None
        and re.search(rf"^\s*((async )?def|class) {attribute}\b|^{attribute}\b", text, re.M) is not None
    )


def classes_of_the_sources() -> set[str]:
    return {
        node.name
        for folder in ("api", "cfo_kernel", "widgets/cfo_widgets")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }


def test_every_module_and_class_that_the_architecture_names_exists() -> None:
    text = prose(DOCS / "architecture.md")
    modules = {code for code in CODE.findall(text) if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", code)}
    modules = {code for code in modules if not code.endswith((".json", ".toml", ".md", ".yaml", ".db", ".ipynb"))}
    assert len(modules) > 60
    assert {code for code in modules if not is_known(code)} == set()
    words = {code for code in CODE.findall(text) if re.fullmatch(r"[A-Z][a-z]+[A-Za-z]*(\.[a-z_]+)?", code)}
    classes = {word.partition(".")[0] for word in words} - {"Host", "Origin", "Decimal", "Reply"}
    assert len(classes) > 25
    assert classes - classes_of_the_sources() == set()


def test_the_tables_of_terms_name_modules_that_exist() -> None:
    terms = text_of(DOCS / "architecture.md").partition("## Terms")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in terms.splitlines() if line.startswith("| ") and "---" not in line]
    where = [name for row in rows[1:] for name in CODE.findall(row[-1]) if name[0].islower()]
    assert len(where) > 45
    assert [name for name in where if not is_known(name)] == []


def test_the_layers_are_those_that_are_checked() -> None:
    """The diagram of the layers names each package of the engine that the contract lists."""
    picture = text_of(DOCS / "architecture.md").partition("```")[2].partition("```")[0]
    for package in ("connection", "workbench", "remote", "interface", "runs", "agent", "store", "data", "executors"):
        assert f"cfo_kernel.{package}" in picture
        assert source(f"cfo_kernel.{package}") is not None


def test_every_error_code_is_documented() -> None:
    table = error_codes.table()
    assert [code for code in errors.BY_CODE if f"<code>{code}</code>" not in table and f"`{code}`" not in table] == []


def test_every_code_that_only_the_api_has_is_documented() -> None:
    page = text_of(DOCS / "troubleshooting.md").partition("### Only over HTTP")[2]
    middleware = (ROOT / "api" / "cfo_api" / "auth_middleware.py").read_text()
    codes = set(re.findall(r"problem\(\d+, \"(\w+)\"", middleware)) | set(problems._CODES.values())
    assert len(codes) >= 7
    assert {code for code in codes - set(errors.BY_CODE) if f"`{code}`" not in page} == set()


def test_every_setting_is_documented_with_its_default() -> None:
    rows = {}
    for line in text_of(DOCS / "settings.md").splitlines():
        if line.startswith("| `CFO_"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            rows[cells[0].split("`")[1]] = cells[1].strip("`")
    fields = Settings.model_fields
    assert {f"CFO_{name.upper()}" for name in fields} == set(rows) - NOT_SETTINGS
    for name, field in fields.items():
        if isinstance(field.default, bool | int | float) or field.default == "auto":
            assert rows[f"CFO_{name.upper()}"] == str(field.default).lower(), name


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_variable_that_is_named_is_a_setting(page: Path) -> None:
    known = {f"CFO_{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    assert set(VARIABLE.findall(text_of(page))) - known == set()


def test_every_exported_name_is_in_the_reference() -> None:
    shown = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    assert [
        name for name in cfo_kernel.__all__ if not re.search(rf"\bcfo_kernel\.(data\.plan\.)?{name}\b|`{name}`", shown)
    ] == []
    assert [name for name in cfo_widgets.__all__ if f"cfo_widgets.{name}" not in shown] == []


def shell_lines() -> Iterator[tuple[Path, str]]:
    for page, code in blocks(""):
        for line in code.replace("\\\n", " ").splitlines():
            yield page, line


COMMANDS = dict(command_line.commands())


def options_of(command: Any) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    seen: set[str] = set()
    for page, line in shell_lines():
        words = shlex.split(line, comments=True)
        words = [word for word in words if not re.fullmatch(r"[A-Z_]+=.*", word)]
        if not words or words[0] not in ("cfo", ".venv/bin/cfo"):
            continue
        path = f"cfo {words[1]}" if len(words) > 1 else "cfo"
        if len(words) > 2 and f"{path} {words[2]}" in COMMANDS:
            path = f"{path} {words[2]}"
        assert path in COMMANDS, (named(page), line)
        given = {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)}
        assert given <= options_of(COMMANDS[path]), (named(page), line)
        seen.add(path)
    assert {"cfo ask", "cfo sql", "cfo upload", "cfo serve", "cfo up", "cfo worker", "cfo usage"} <= seen


def test_every_address_that_is_shown_is_a_route() -> None:
    paths = json.loads((ROOT / "tests" / "golden" / "openapi.json").read_text())["paths"]
    patterns = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in paths]
    shown = [
        (named(page), urlsplit(f"http://{address}").path)
        for page, line in shell_lines()
        for address in re.findall(r"\blocalhost:8765(?:/[^\s'\"]*)", line)
    ]
    assert len(shown) > 10
    assert [found for found in shown if not any(pattern.fullmatch(found[1]) for pattern in patterns)] == []
    methods = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    for page in PAGES:
        for code in CODE.findall(prose(page)):
            if re.fullmatch(r"(GET|POST|PATCH|DELETE) /\S+", code):
                assert code in methods, (named(page), code)


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for code in (*CODE.findall(prose(page)), *(line for shown, line in shell_lines() if shown == page)):
            assert set(MAKE.findall(code)) <= targets, (named(page), code)


def test_every_python_sample_compiles_and_imports_what_is_there() -> None:
    count = 0
    for page, code in blocks("python"):
        tree = compile(code, named(page), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module or "")
                assert [name.name for name in node.names if not hasattr(module, name.name)] == [], named(page)
        count += 1
    assert count > 8


def test_the_glossaries_that_are_shown_can_be_read() -> None:
    found = [yaml.safe_load(code) for _, code in blocks("yaml")]
    assert len(found) >= 2
    for value in found:
        glossary = GlossaryFile.model_validate(value)
        assert glossary.tables or glossary.union


def test_the_plans_that_are_shown_fit() -> None:
    text = text_of(DOCS / "reference" / "query_plans.md")
    plans = [json.loads(plan) for plan in re.findall(r"PLAN: (\{.*?\})\s*```", text, re.DOTALL)]
    plans += [json.loads(body)["plan"] for body in re.findall(r"-d '(\{\"plan\".*?)'", text)]
    assert len(plans) == 2
    for plan in plans:
        QueryPlan.model_validate(plan)


def test_every_notebook_of_the_tutorials_is_a_page() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    for address, _ in tutorials.pages():
        assert f"- {address}\n" in navigation
