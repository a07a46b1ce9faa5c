"""The hooks of the build: add pages generated from code and from files outside `docs/`, and check for other hosts."""

import re
import shutil
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from cfo_kernel import __version__
from docs.builder import command_line, error_codes, fields, finance_measures, http_api, other_hosts, tutorials

_ROOT = Path(__file__).parents[2]
_ERROR_CODES = "<!-- error codes -->"
_FINANCE_MEASURES = "<!-- finance measures -->"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the version, which is defined only in the package."""
    config.extra["version_text"] = __version__
    config.copyright = f"cfo_kernel {__version__} · MIT licence"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    pages = {
        "reference/command_line.md": command_line.page(),
        "reference/http.md": http_api.page(),
        "changelog.md": _from_root("CHANGELOG.md"),
        "contributing.md": _from_root("CONTRIBUTING.md"),
        **dict(tutorials.pages()),
    }
    for address, content in pages.items():
        files.append(File.generated(config, address, content=content))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Inserts the generated tables that a page asks for."""
    if _ERROR_CODES in markdown:
        markdown = markdown.replace(_ERROR_CODES, error_codes.table())
    if _FINANCE_MEASURES in markdown:
        markdown = markdown.replace(_FINANCE_MEASURES, finance_measures.table())
    return fields.filled_in(markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Removes unneeded files from the site, and fails the build if a page could send a request to another host."""
    site = Path(config.site_dir)
    shutil.rmtree(site / "assets" / "javascripts" / "lunr", ignore_errors=True)  # search in other languages
    for source_map in site.rglob("*.map"):
        source_map.unlink()
    for script in (site / "assets" / "javascripts").rglob("*.js"):
        text = re.sub(r"\n//# sourceMappingURL=.*", "", script.read_text())
        script.write_text(other_hosts.cut_out(text))
    if found := other_hosts.requests_elsewhere(site):
        raise PluginError("The site would send requests to other hosts:\n" + "\n".join(found))


def _from_root(name: str) -> str:
    """Returns a file from the repository's root, with its links changed to work from `docs/`."""
    text = (_ROOT / name).read_text().replace("](docs/", "](")
    return text.replace("](CHANGELOG.md)", "](changelog.md)").replace("](CONTRIBUTING.md)", "](contributing.md)")
