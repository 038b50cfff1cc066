"""notebooks/apps/reader.py on a real server: what it serves, and what no path gets out of it."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

FILE = Path(__file__).resolve().parent.parent / "notebooks" / "apps" / "reader.py"
SECRET = b"outside the folder"


def load() -> object:
    spec = importlib.util.spec_from_file_location("reader", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reader = load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    (root / "secret.txt").write_bytes(SECRET)
    html = root / "html"
    (html / "deep").mkdir(parents=True)
    (html / "index.html").write_text("<p>the cover</p>", "utf-8")
    (html / "deep" / "index.html").write_text("<p>deep</p>", "utf-8")
    (html / "a b é.css").write_text("p {}", "utf-8")
    (html / "long.bin").write_bytes(bytes(range(256)) * 1024)
    return html


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(reader.files(folder), log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve([sock]),))
    thread.start()
    yield sock.getsockname()[1]
    server.should_exit = True
    thread.join()
    sock.close()


def ask(
    port: int, path: str, method: str = "GET", *lines: str
) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body that answer one request, written as it stands."""
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", "Connection: close", *lines])
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(head.encode("latin-1") + b"\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65_536), b""))
    first, _, rest = answer.partition(b"\r\n")
    headers, _, body = rest.partition(b"\r\n\r\n")
    pairs = (line.decode().split(": ", 1) for line in headers.split(b"\r\n"))
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}, body


def test_a_folder_means_its_index(port: int) -> None:
    status, headers, body = ask(port, "/")
    assert (status, body) == (200, b"<p>the cover</p>")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-length"] == str(len(body))
    assert ask(port, "/deep/")[2] == b"<p>deep</p>"


def test_a_name_with_a_space_and_an_accent(port: int) -> None:
    status, headers, body = ask(port, "/a%20b%20%C3%A9.css")
    assert (status, body) == (200, b"p {}")
    assert headers["content-type"] == "text/css; charset=utf-8"


def test_a_long_file_arrives_whole(port: int) -> None:
    status, headers, body = ask(port, "/long.bin")
    assert (status, body) == (200, bytes(range(256)) * 1024)
    assert headers["content-type"] == "application/octet-stream"


def test_head_is_get_without_the_body(port: int) -> None:
    for path in ("/", "/none"):
        status, headers, _ = ask(port, path)
        headers.pop("date")
        again, same, body = ask(port, path, "HEAD")
        same.pop("date")
        assert (again, same, body) == (status, headers, b"")


def test_what_the_browser_has_is_not_sent_again(port: int, folder: Path) -> None:
    etag = ask(port, "/deep/")[1]["etag"]
    status, headers, body = ask(port, "/deep/", "GET", f"If-None-Match: {etag}")
    assert (status, headers["etag"], body) == (304, etag, b"")
    (folder / "deep" / "index.html").write_text("<p>deep</p>", "utf-8")
    assert ask(port, "/deep/", "GET", f"If-None-Match: {etag}")[0] == 200


def test_other_methods_are_refused(port: int) -> None:
    status, headers, _ = ask(port, "/", "POST", "Content-Length: 0")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/none.html",
        "/deep",  # a folder is not a file
        "/index.html/",
        "/../secret.txt",
        "/deep/../../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/deep%5c..%5c..%5csecret.txt",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/C:/Windows/win.ini",
        "/C:%5cWindows%5cwin.ini",
        "/%5c%5chost%5cshare",
        "/index.html%00.css",
        "/" + "a" * 300,
        "/..",
        "/deep/..",
        "/%2e%2e%2f",
    ],
)
def test_nothing_else_is_reached(port: int, path: str) -> None:
    status, _, body = ask(port, path)
    assert status == 404
    assert body == reader.MISSING


def test_the_way_out_is_there(folder: Path) -> None:
    """The file that the tests above try to reach is there: only the look at the path hinders."""
    assert (folder / ".." / "secret.txt").read_bytes() == SECRET
    assert reader.find(folder, "/../secret.txt") is None


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "telegraph"])
def test_other_scopes_are_refused(kind: str) -> None:
    with pytest.raises(NotImplementedError, match=kind):
        asyncio.run(reader.app({"type": kind}, None, None))
