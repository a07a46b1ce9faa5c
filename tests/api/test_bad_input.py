"""Malformed requests are refused with an error that names the fault and reveals no internals."""

import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from cfo_kernel.errors import StorageFailed
from tests.api.conftest import Make, speaking_to

RUN = "20260102-030405-0123456789ab"
TRICKS = [
    "..%2f..%2fetc%2fpasswd", "%2e%2e", "%00", "a%00.csv", "%2fetc%2fpasswd", "%ff%fe", "%ed%a0%80", ".hidden",
    "~lock", "C:%5cboot.ini", "%0d%0aSet-Cookie:%20a=b", "x" * 3000, "%E2%80%AE", "\u202e", "ledger.csv%2f", "%20", "'",
]  # fmt: skip
OPENAPI = json.loads((Path(__file__).parents[1] / "golden" / "openapi.json").read_text())


def place(path: str) -> str:
    """The path of a route with existing names, and `{}` for its last name."""
    before, _, after = path.rpartition("{")
    known = before.replace("{workspace_id}", "tiny").replace("{thread_id}", "{thread}")
    return f"{known}{{}}{after.partition('}')[2]}"


PLACES = [place(path) for path, item in OPENAPI["paths"].items() if "get" in item and "{" in path]
PLACES.append("/threads/{thread}?workspace_id={}")
NAMES = [
    "../x.csv",
    "/etc/x.csv",
    "x\0.csv",
    "\u202ex.csv",
    "a\\b.csv",
    ".x.csv",
    "x" * 300 + ".csv",
    " .csv",
    "a\rb.csv",
]


def is_refused(response: httpx.Response, root: Path) -> bool:
    """Whether this is a client error whose text reveals no internals."""
    said = response.text
    inside = (str(root), "Traceback", "site-packages", 'File "')
    assert not [word for word in inside if word in said], said
    if response.status_code >= 400:
        assert set(response.json()) == {"type", "title", "status", "detail", "code"}
    return 400 <= response.status_code < 500


async def test_no_name_leads_out_of_its_folder(client: httpx.AsyncClient, root: Path) -> None:
    made = await client.post("/chat", json={"workspace_id": "tiny", "message": "SQL: SELECT 1 AS one"})
    thread = made.json()["thread_id"]
    for trick in TRICKS:
        for known in PLACES:
            address = known.replace("{thread}", thread).replace("{}", trick)
            assert is_refused(await client.get(address), root) or address.endswith("workspace_id="), address
        for address in (f"/workspaces/{trick}", f"/workspaces/tiny/data/{trick}", f"/threads/{trick}"):
            assert is_refused(await client.delete(address), root), address
        assert sorted(path.name for path in root.iterdir() if not path.name.startswith(".")) == ["tiny"], trick
        assert (root / "tiny" / "data" / "ledger.csv").exists(), trick


async def test_a_file_name_stays_in_data(client: httpx.AsyncClient, root: Path) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for name in NAMES:
        shown = name.replace('"', "%22").encode()
        head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="' + shown + b'"'
        body = head + b"\r\n\r\nx\n1\n\r\n--b--\r\n"
        assert is_refused(await client.post("/workspaces/tiny/data", content=body, headers=headers), root), name
        assert [path.name for path in (root / "tiny" / "data").iterdir()] == ["ledger.csv"], name


WRONG: list[tuple[str, Any]] = [
    ("/workspaces", {"name": 1}), ("/workspaces", {"name": None}), ("/workspaces", {}), ("/workspaces", []),
    ("/workspaces", {"name": "a", "more": 1}), ("/workspaces", {"name": ""}), ("/workspaces", {"name": "a/b"}),
    ("/workspaces", {"name": "\ud800"}), ("/workspaces", {"name": "\0"}), ("/workspaces", {"\ud800": 1}),
    ("/workspaces/tiny/threads", {"message": ""}), ("/workspaces/tiny/threads", {"message": "x" * 200_000}),
    ("/workspaces/tiny/threads", {"message": "\ud800"}), ("/workspaces/tiny/threads", {"message": " "}),
    (f"/threads/{RUN}/messages", {}), (f"/threads/{RUN}/messages", {"text": {}}),
    ("/workspaces/tiny/query", {"sql": 1}), ("/workspaces/tiny/query", {"plan": {}}),
    ("/workspaces/tiny/query", {"plan": {"table": "x", "select": "y"}}), ("/workspaces/tiny/query", {"sql": "\0"}),
    ("/workspaces/tiny/query", {"sql": "SELECT * FROM read_csv('/etc/passwd')"}),
    ("/workspaces/tiny/query", {"sql": ""}), ("/workspaces/tiny/query", {"plan": {"table": "\ud800"}}),
    ("/runs", {"workspace_id": "tiny", "plan": {"table": "ledger", "group_by": [{"column": "\ud800"}]}}),
    ("/runs", {"workspace_id": "tiny"}), ("/runs", {"workspace_id": "../x", "sql": "SELECT 1"}),
    ("/runs", {"workspace_id": "tiny", "thread_id": "../x", "sql": "SELECT 1"}),
    ("/runs", {"workspace_id": "", "sql": "x"}),
    ("/chat", {"workspace_id": "tiny", "message": "x", "timeout": -1}), ("/chat", {"workspace_id": "tiny"}),
    ("/chat", {"workspace_id": "tiny", "message": "x", "timeout": 1e999}),
    ("/chat", {"workspace_id": "tiny", "timeout": "x"}),
    ("/chat/stream", {"workspace_id": "tiny", "message": "", "in_reply_to": "../x"}), ("/chat/stream", "x"),
]  # fmt: skip


async def test_a_wrong_body_is_refused(client: httpx.AsyncClient, root: Path) -> None:
    for address, body in WRONG:
        content = json.dumps(body).encode()
        response = await client.post(address, content=content, headers={"Content-Type": "application/json"})
        assert is_refused(response, root), (address, body, response.text)
        assert (await client.get("/workspaces/tiny/threads")).json()["items"] == [], (address, body)


NO_BODIES = [
    (b"{", "application/json"), (b"\xff\xfe\x00", "application/json"), (b"[" * 500_000, "application/json"),
    (b'{"name": "a"}', "text/plain"), (b'{"name": "a"}', ""), (b"name=a", "application/x-www-form-urlencoded"),
    (b"NaN", "application/json"), (b"9" * 100_000, "application/json"), (b"", "application/json"),
    (b"--b", "multipart/form-data; boundary=b"), (b"", "multipart/form-data"), (b"", "/;;=" + "x" * 500),
]  # fmt: skip


async def test_a_body_that_is_none_is_refused(client: httpx.AsyncClient, root: Path) -> None:
    for content, kind in NO_BODIES:
        for address in ("/workspaces", "/workspaces/tiny/data"):
            response = await client.post(address, content=content, headers={"Content-Type": kind})
            assert is_refused(response, root), (content[:50], kind, response.text)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bad.parquet", b"PAR1 and no more PAR1"), ("short.parquet", b"PAR1"), ("bad.xlsx", b"PK\x03\x04 and no more"),
        ("quote.csv", b'a,b\n"1,2\n3,4\n5,6\n'), ("bad.csv", b"a,b\n1,\xff\xfe\n"), ("nul.csv", b"a,b\n1,\x00\n"),
    ],
)  # fmt: skip
async def test_the_error_of_a_damaged_file_does_not_reveal_its_path(
    client: httpx.AsyncClient, root: Path, name: str, content: bytes
) -> None:
    sent = await client.post("/workspaces/tiny/data", files=[("files", (name, content))])
    assert is_refused(sent, root) or sent.status_code == 201
    assert "/.upload-" not in sent.text
    (root / "tiny" / "data" / name).write_bytes(content)  # the same file, put there by hand
    listed = await client.get("/workspaces/tiny/datasets", params={"wait": 60})
    assert not is_refused(listed, root)


async def test_a_malformed_upload_or_body_is_refused_with_the_right_form(client: httpx.AsyncClient) -> None:
    form = {"files": (None, b"a,b\n1,2\n")}  # a text field, which has no file name
    for upload in ({"files": form}, {"files": {"file": ("a.csv", b"a\n1\n")}}, {"json": {}}, {}):
        sent = await client.post("/workspaces/tiny/data", **upload)
        assert sent.status_code == 422
        assert sent.json()["detail"].startswith("An upload must be multipart/form-data, with named files")
    for kind in ("application/x-www-form-urlencoded", "text/plain", "nonsense"):
        sent = await client.post("/workspaces", content=b'{"name": "New"}', headers={"Content-Type": kind})
        assert sent.status_code == 422
        assert sent.json()["detail"].endswith("Send it with the header Content-Type: application/json.")


async def test_a_full_disk_is_not_the_fault_of_an_upload(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        sent = await client.post("/workspaces/tiny/data", files=[("files", ("a.csv", b"a,b\n" + b"1,2\n" * 1_000_000))])
    assert (sent.status_code, sent.json()["code"]) == (503, "storage_failed")
    assert str(tmp_path) not in sent.text


async def test_a_method_that_is_not_taken_is_answered_with_all_that_are(client: httpx.AsyncClient) -> None:
    for address, methods in (
        ("/workspaces", "GET, HEAD, POST"),
        ("/workspaces/tiny", "DELETE, GET, HEAD, PATCH"),
        ("/runs/x/cancel", "POST"),
    ):
        assert (await client.put(address)).headers["allow"] == methods


async def test_wrong_keys_and_methods_are_refused(client: httpx.AsyncClient, root: Path) -> None:
    for key in ("", "x" * 201, "a\tb", "\x7f"):
        headers = {"Idempotency-Key": key}
        response = await client.post("/workspaces/tiny/threads", json={"message": "Hello"}, headers=headers)
        assert is_refused(response, root), key
    assert (await client.get("/workspaces/tiny/threads")).json()["items"] == []
    for method in ("PUT", "TRACE", "PATCH", "DELETE"):
        response = await client.request(method, "/workspaces")
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


async def test_a_server_that_cannot_work_does_not_say_where(
    make: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make()

    async def fails() -> None:
        raise StorageFailed(f"The root {root} cannot be opened (no such file: '{root}/with space/x'). Check its disk.")

    monkeypatch.setattr(app.state.workbench, "workspaces", fails)
    monkeypatch.setattr(app.state.workbench, "check", fails)
    async with speaking_to(app) as client:
        for address in ("/readyz", "/workspaces"):
            response = await client.get(address)
            assert (response.status_code, response.json()["code"]) == (503, "storage_failed")
            expected = "The root a file cannot be opened (no such file: 'a file'). Check its disk."
            assert response.json()["detail"] == expected


async def test_a_path_that_the_client_sent_is_its_own(client: httpx.AsyncClient) -> None:
    sent = await client.post("/workspaces/tiny/query", json={"python": "open('/no/such/file')"})
    assert "'/no/such/file'" in sent.json()["detail"]


async def test_an_unexpected_error_reveals_nothing(make: Make, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make()

    async def fails() -> None:
        raise RuntimeError(f"secret at {root}")

    monkeypatch.setattr(app.state.workbench, "workspaces", fails)
    async with speaking_to(app) as client:
        response = await client.get("/workspaces")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert not is_refused(response, root)
    assert "secret" not in response.text
