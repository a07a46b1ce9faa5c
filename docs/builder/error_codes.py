"""Generates the table of error codes from `cfo_kernel.errors` and the HTTP statuses in `cfo_api.problems`."""

from cfo_api.problems import status_of

from cfo_kernel.errors import BY_CODE, CfoError

_GROUPS = {
    "InputError": "What was sent",
    "NotFound": "Missing things",
    "Conflict": "State and storage",
    "FileProblem": "Files",
    "QueryError": "Queries and programs",
    "ServerError": "Servers",
    "RunError": "Runs and models",
}


def table() -> str:
    """Returns the table as Markdown: for each code, its HTTP status, what happened, and what to do next."""
    lines: list[str] = []
    for branch, title in _GROUPS.items():
        lines += [f"### {title}", "", "| code | HTTP | what happened, and what to do |", "| --- | --- | --- |"]
        for code, kind in BY_CODE.items():
            if branch in (base.__name__ for base in kind.__mro__):
                lines.append(f'| <a id="{code}"></a>`{code}` | {status_of(kind)} | {_meaning(kind)} |')
        lines.append("")
    return "\n".join(lines)


def _meaning(kind: type[CfoError]) -> str:
    text = " ".join((kind.__dict__.get("__doc__") or "").split())
    if not text:
        raise ValueError(f"{kind.__name__} has no docstring. Write what happened and what to do next.")
    return text.replace("|", "\\|")
