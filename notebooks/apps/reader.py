"""The server of `python3 start.py read`: a folder of files as one raw ASGI application.

    uvicorn apps.reader:app          in notebooks/, after `python3 start.py build`

GET and HEAD; a path that ends in "/" means the index.html there; what the browser has already is
not sent again. Nothing outside the folder can be reached: the server has decoded the path, so that
`%2e%2e` is `..` here, and a path with `..`, or with a sign that some systems read as one, names no
file.
"""

from pathlib import Path

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".ipynb": b"application/json",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".woff2": b"font/woff2",
    ".txt": b"text/plain; charset=utf-8",
}
MISSING = b'<!doctype html><title>404</title><p>No such page. <a href="/">To the book</a>'
PIECE = 65_536  # bytes of a file in one message


def find(folder, path):
    """The file that a path names in a folder, or None."""
    parts = (path + "index.html" if path.endswith("/") else path).split("/")
    if ".." in parts or any(sign in path for sign in "\\:\0"):
        return None
    file = folder.joinpath(*filter(None, parts))
    try:
        return file if file.is_file() else None
    except OSError:  # a name longer than the system allows
        return None


def mark(file):
    """The etag of a file: another one as soon as the file is written again."""
    about = file.stat()
    return b'"%x-%x"' % (about.st_mtime_ns, about.st_size)


async def begin(send, status, *headers):
    """Send the status and the headers."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def end(send, body=b""):
    """Send the last of the body; a server keeps it back where the method is HEAD."""
    await send({"type": "http.response.body", "body": body})


async def whole(send, file):
    """Send a file piece by piece, so that a long one never lies in memory."""
    with file.open("rb") as content:
        while piece := content.read(PIECE):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await end(send)


def files(folder):
    """The application that serves a folder."""

    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        file = find(folder, scope["path"])
        if scope["method"] not in ("GET", "HEAD"):
            await begin(send, 405, (b"allow", b"GET, HEAD"), (b"content-length", b"0"))
            await end(send)
        elif not file:
            length = (b"content-length", b"%d" % len(MISSING))
            await begin(send, 404, (b"content-type", TYPES[".html"]), length)
            await end(send, MISSING)
        elif mark(file) in asked(scope, b"if-none-match"):
            await begin(send, 304, (b"etag", mark(file)))
            await end(send)
        else:
            await begin(
                send,
                200,
                (b"etag", mark(file)),
                (b"cache-control", b"no-cache"),
                (b"content-type", TYPES.get(file.suffix, b"application/octet-stream")),
                (b"content-length", b"%d" % file.stat().st_size),
            )
            await (whole(send, file) if scope["method"] == "GET" else end(send))

    return app


def asked(scope, name):
    """The values of one header of a request."""
    return [value for key, value in scope["headers"] if key == name]


app = files(HTML)
