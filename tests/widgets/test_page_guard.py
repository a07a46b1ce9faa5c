"""The page's guard shows a stranger no internal error, no file, and no cookie that other sites can use."""

import base64
import contextlib
import hashlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cfo_widgets.page_guard import SCRIPTS, content_security_policy
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

TOKEN = "the-token-of-the-page"
KERNEL = "1b2c3d4e-1111-2222-3333-444455556666"
CHANNELS = f"/api/kernels/{KERNEL}/channels"
PATHS = [
    "/",
    "/login",
    "/logout",
    "/unknown",
    "/a/b",
    "/cfo/ready",
    "/cfo/alive/x",
    f"/cfo/alive/{KERNEL}",
    "/cfo/program/x.js",
    "/voila/templates/",
    "/voila/templates/x",
    "/voila/templates/x/y",
    "/voila/templates/lab/static",
    "/voila/templates/../../x",
    "/voila/templates/base/static/%2e%2e/%2e%2e/index.html.j2",
    "/voila/templates/base/static/voila.js%00",
    "/voila/static/",
    "/voila/static/%2e%2e%2f%2e%2e%2fetc/passwd",
    "/voila/static/%ff",
    f"/voila/static/{'a' * 3000}",
    "/voila/api/themes/",
    "/voila/api/themes/%00",
    "/voila/api/shutdown/x",
    f"/voila/api/shutdown/{KERNEL}",
    f"/voila/query/{KERNEL}",
    "/voila/labextensions/",
    "/voila/labextensions/..%2fx",
    "/voila/files/x",
    "/voila/files/%00",
    f"/api/kernels/{KERNEL}",
    CHANNELS,
    f"{CHANNELS}?session_id=%00",
    "//",
    "//evil.example",
    "/%",
    "/%ff",
    "/%00",
    "/?token=",
    "/?token=%ff",
    "/?" + "a=b&" * 500,
    "/login?next=%0d%0ax",
    "/login?next=%ff",
    "/login?next=http://[",
    "*",
    "http://evil.example/",
    "/a b",
]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"]
HEADERS = [
    "Cookie: _xsrf=\xff",
    "Cookie: _xsrf=2|aaaaaaaa|bbbb|1",
    "Cookie: _xsrf=" + "1" * 5000,
    'Cookie: a="b; ; =;;;"',
    'Cookie: username-{host}="2|1:0|10:1700000000|4:x|4:e30=|00"',
    "Cookie: username-{host}=\x01",
    "Cookie: username-{host}=2|1:0|zz",
    "Authorization: token \xff",
    "Authorization: Bearer",
    "Authorization: Basic !!!",
    "Origin: http://[",
    "Origin: \xff",
    "Origin: null",
    "Referer: http://[evil",
    "Accept: \xff",
    "Accept-Language: \xff",
    "X-Big: " + "x" * 60_000,
    "Range: bytes=5-1",
    "If-None-Match: \xff",
    "Content-Type: multipart/form-data",
    "Transfer-Encoding: gzip",
    "Upgrade: websocket",
    "X-XSRFToken: \xff",
    "Host: evil.example",
]
HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a page whose API does not answer."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CFO_")}
    environment = {**inherited, "CFO_PAGE_TOKEN": TOKEN, "CFO_API_TOKEN": "any"}
    command = [sys.executable, "-m", "cfo_widgets", "--port", "0", "--url", "http://127.0.0.1:9"]
    log = tmp_path_factory.mktemp("page") / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout
        found = int(process.stdout.readline().rstrip("/\n").rpartition(":")[2])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", found), timeout=5).close()
                break
        yield found
        process.terminate()
        process.wait(60)
    assert TOKEN not in log.read_text()


def ask(port: int, method: str, path: str, *headers: str, host: str | None = None) -> bytes:
    """The response to a request, up to the end of its head. Empty if the connection is closed without a response."""
    own = f"127.0.0.1:{port}" if host is None else host
    lines = [f"{method} {path} HTTP/1.1", f"Host: {own}", "Content-Length: 0", *headers, "Connection: close"]
    if any(header.startswith(("Connection", "Host: ")) for header in headers):
        lines.remove("Connection: close" if "Connection: Upgrade" in headers else f"Host: {own}")
    head = "\r\n".join(lines).replace("{host}", f"127-0-0-1-{port}") + "\r\n\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head.encode("latin-1"))
        while b"\r\n\r\n" not in answer and (more := connection.recv(1 << 16)):
            answer += more
    return answer


def status(answer: bytes) -> int:
    return int(answer.split()[1]) if answer else 0


@pytest.mark.parametrize("method", METHODS)
def test_no_request_without_the_token_ends_in_an_error_of_the_server(port: int, method: str) -> None:
    found = {path: status(ask(port, method, path)) for path in PATHS}
    assert not {path: code for path, code in found.items() if code >= 500 and path != "/cfo/ready"}
    answered = {path for path, code in found.items() if 200 <= code < 300}
    assert {path.partition("?")[0] for path in answered} <= {"/login", "/cfo/ready", "/cfo/program/x.js"}


@pytest.mark.parametrize("path", ["/", "/login", "/cfo/program/x.js", "/voila/static/voila.js", CHANNELS, "/unknown"])
def test_no_header_makes_a_request_end_in_an_error_of_the_server(port: int, path: str) -> None:
    for method in ("GET", "POST"):
        found = {header: status(ask(port, method, path, header)) for header in HEADERS}
        assert not {header: code for header, code in found.items() if code >= 500}


@hypothesis_settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_request_that_nobody_thought_of_ends_in_an_error_of_the_server(port: int, data: st.DataObject) -> None:
    latin = st.characters(max_codepoint=255, exclude_characters="\r\n")
    part = st.sampled_from(["voila", "templates", "static", "api", "cfo", "login", "kernels", "..", "%2e", KERNEL, ""])
    path = "/" + "/".join(data.draw(st.lists(part | st.text(latin, max_size=5), max_size=5)))
    name = st.sampled_from(["Cookie", "Authorization", "Origin", "Host", "Accept", "Upgrade", "X-Forwarded-Proto"])
    headers = data.draw(st.lists(st.tuples(name, st.text(latin, max_size=30)).map(": ".join), max_size=3))
    assert status(ask(port, data.draw(st.sampled_from(METHODS)), path, *headers)) not in range(500, 503)


def test_no_handshake_without_the_token_opens_a_socket(port: int) -> None:
    for path in (CHANNELS, f"/voila/query/{KERNEL}", "/", "/unknown", "/login", f"{CHANNELS}?token=wrong"):
        for more in ((), ("Origin: http://evil.example",), ("Origin: null",), (f"Origin: http://127.0.0.1:{port}",)):
            code = status(ask(port, "GET", path, *HANDSHAKE, *more))
            assert code in (200, 403) if path == "/login" else code == 403
    for origin in ("http://evil.example", "null", "http://["):
        with_token = ask(port, "GET", f"{CHANNELS}?token={TOKEN}", *HANDSHAKE, f"Origin: {origin}")
        assert status(with_token) == 403


@pytest.mark.parametrize("path", ["/", "/login", "/cfo/ready", "/cfo/program/x.js", "/voila/static/voila.js", CHANNELS])
def test_a_foreign_host_is_refused_everywhere(port: int, path: str) -> None:
    for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", "", "a@127.0.0.1", "[::1"):
        assert status(ask(port, "GET", f"{path}?token={TOKEN}", host=host)) in (400, 403)
    for host in (f"localhost:{port}", f"[::1]:{port}"):
        assert status(ask(port, "GET", f"{path}?token={TOKEN}", host=host)) not in (400, 403)


def test_the_form_takes_the_token_and_its_cookies_are_for_this_site_alone(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        sent_away = client.get("/?x=1", headers={"Accept": "text/html"})
        assert sent_away.headers["location"] == "/login?next=%2F%3Fx%3D1"
        assert client.get("/voila/static/voila.js").status_code == 403
        form = client.get("/login?next=%2F%23thread%3D1")
        assert form.headers["set-cookie"].endswith("SameSite=Strict")
        [xsrf] = re.findall(r'name="_xsrf" value="([^"]+)"', form.text)
        fields = {"_xsrf": xsrf, "password": "wrong"}
        assert client.post("/login", data=fields).status_code == 401
        assert client.post("/login", data={"password": TOKEN}).status_code == 403
        entered = client.post("/login?next=%2F%23thread%3D1", data={**fields, "password": TOKEN})
        assert (entered.status_code, entered.headers["location"]) == (302, "/#thread=1")
        [cookie] = [text for text in entered.headers.get_list("set-cookie") if text.startswith("username-")]
        assert {"HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
        assert client.get("/cfo/alive/x").json() == {"kernel": False}
        for path in ("/unknown", "/voila/files/x", "/voila/templates/x", "/voila/static/%00", "/logout"):
            assert client.get(path).status_code in (400, 403, 404)
        for elsewhere in ("http://evil.example/", "//evil.example", "/\\evil.example", "http://[", "/%0d%0aX:y"):
            again = client.get("/login", params={"next": elsewhere})
            assert again.headers["location"] in ("/", "/%5Cevil.example", "/%0d%0aX://y")


def test_every_answer_has_the_policy(port: int) -> None:
    for path in ("/", "/login", "/unknown", "/cfo/ready", "/cfo/program/x.js", f"/voila/static/x?token={TOKEN}"):
        assert f"Content-Security-Policy: {content_security_policy()}".encode() in ask(port, "GET", path)


def test_the_page_holds_only_the_scripts_that_its_policy_names(port: int) -> None:
    page = httpx.get(f"http://127.0.0.1:{port}/", params={"token": TOKEN}, timeout=60).text
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert scripts == list(SCRIPTS.values())
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in content_security_policy()
    others = re.findall(r"<script ([^>]*)>", page)
    assert all(re.search(r'src="/cfo/program/|type="application/', attributes) for attributes in others)
    assert not re.search(r"<[^>]* on\w+=", page)
    assert "unsafe" not in content_security_policy().replace("style-src 'self' 'unsafe-inline'", "")


def test_the_scripts_of_the_page_are_in_its_folder() -> None:
    folder = Path(sys.modules["cfo_widgets"].__file__ or "").parent / "share/jupyter/voila/templates/cfo"
    assert {file.stem for file in folder.glob("*.js")} == set(SCRIPTS)
