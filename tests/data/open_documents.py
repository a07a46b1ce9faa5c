"""Small OpenDocument workbooks (.ods), written as LibreOffice writes them."""

import io
import zipfile

_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_URN = "urn:oasis:names:tc:opendocument:xmlns"
_NAMES = " ".join(
    f'xmlns:{prefix}="{_URN}:{name}:1.0"'
    for prefix, name in (
        ("office", "office"),
        ("table", "table"),
        ("text", "text"),
        ("style", "style"),
        ("number", "datastyle"),
        ("manifest", "manifest"),
    )
)
_STYLES = (
    '<office:automatic-styles><number:number-style style:name="N1">'
    '<number:number number:decimal-places="0" number:min-integer-digits="5"/></number:number-style>'
    '<style:style style:name="code" style:family="table-cell" style:data-style-name="N1"/></office:automatic-styles>'
)


def cell(value: str | float | None, kind: str = "", more: str = "") -> str:
    """A cell. `kind` is its type in the file, unless it is text or a number."""
    if value is None:
        return f"<table:table-cell {more}/>"
    if isinstance(value, str) and not kind:
        return f'<table:table-cell office:value-type="string" {more}><text:p>{value}</text:p></table:table-cell>'
    field = {"date": "date-value", "time": "time-value", "boolean": "boolean-value"}.get(kind, "value")
    types = f'office:value-type="{kind or "float"}" office:{field}="{value}"'
    return f"<table:table-cell {types} {more}><text:p>{value}</text:p></table:table-cell>"


def error(text: str) -> str:
    """A cell with an error, in the two namespaces that LibreOffice uses."""
    types = 'office:value-type="string" office:string-value="" xmlns:c="urn:c" c:value-type="error"'
    return f'<table:table-cell table:formula="of:=1/0" {types}><text:p>{text}</text:p></table:table-cell>'


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def book(*rows: str, manifest: str = "", styles: str = _STYLES) -> bytes:
    """A workbook with one sheet named Ledger."""
    file = io.BytesIO()
    table = f'<table:table table:name="Ledger">{"".join(rows)}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    entry = (
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_TYPE}">{manifest}</manifest:file-entry>'
    )
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", _TYPE)
        archive.writestr("META-INF/manifest.xml", f"<manifest:manifest {_NAMES}>{entry}</manifest:manifest>")
        archive.writestr("content.xml", f"<office:document-content {_NAMES}>{styles}{body}</office:document-content>")
    return file.getvalue()
