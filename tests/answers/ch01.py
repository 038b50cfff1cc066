"""Learners' answers to the exercises of chapter 1."""

WRONG = {
    "1.1": [
        (
            "The end of a line is taken for the end of the head: one \\r\\n, no blank line.",
            """\
request = b"GET / HTTP/1.1\\r\\nHost: a\\r\\n"
""",
        ),
        (
            "The header that HTTP/1.1 demands is taken for one an answer has, content- "
            "type; no Host.",
            """\
request = b"GET / HTTP/1.1\\r\\nContent-Type: text/plain\\r\\n\\r\\n"
""",
        ),
        (
            "A request is text, so it is written as text: no b before the quote.",
            """\
request = "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
""",
        ),
        (
            '"A request that gets a 200" is read as the bytes that carry the 200: the '
            "answer is written, not the question.",
            """\
request = b"HTTP/1.1 200 OK\\r\\nHost: a\\r\\n\\r\\n"
""",
        ),
    ],
    "1.2": [
        (
            "stop is called and not awaited: calling is not running.",
            """\
mine = await serve(where)
port = mine.port
mine.stop()
""",
        ),
        (
            "The port is cut out of the address the card shows, and stays text.",
            """\
mine = await serve(where)
port = mine.url.split(":")[-1]
await mine.stop()
""",
        ),
        (
            'Stopping "the site": the chapter\'s `site` is stopped, and `mine` goes on.',
            """\
mine = await serve(where)
port = mine.port
await site.stop()
""",
        ),
        (
            "Servers are believed to have one usual port, the one the chapter's terminal "
            "commands name.",
            """\
mine = await serve(where)
port = 5000
await mine.stop()
""",
        ),
    ],
    "1.3": [
        (
            "No Content-Length: the body is believed to end where the next request "
            "begins. (Uvicorn reads a method `AdaGET` and answers 200 twice.)",
            """\
both = (b"POST / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nAda"
        b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
""",
        ),
        (
            "The length is right, but a blank line is believed to end a body as it ends a head.",
            """\
both = (b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\n"
        b"Ada\\r\\n\\r\\n"
        b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
""",
        ),
        (
            "The body is a line, so it gets a \\r\\n, and the length is made to fit: the "
            "body is `Ada\\\\r\\\\n`, five bytes.",
            """\
both = (b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\n\\r\\nAda\\r\\n"
        b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
""",
        ),
        (
            "The cell starts with a GET, so the POST is put behind it: the order is turned round.",
            """\
both = b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
both += b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\nAda"
""",
        ),
    ],
    "1.4": [
        (
            "6: what runs is a process, so what runs twice is a process.",
            """\
parts = ["machine", "program", "process", "socket", "app", "process"]
""",
        ),
        (
            "2: what one installs is an app, as on a phone; and so the thing called for "
            "each request is the program.",
            """\
parts = ["machine", "app", "process", "socket", "program", "program"]
""",
        ),
        (
            "1: address and port are one thing, and a socket is the thing that has both.",
            """\
parts = ["socket", "program", "process", "socket", "app", "program"]
""",
        ),
        (
            "3 and 4: memory and ports are hardware, so both belong to the machine.",
            """\
parts = ["machine", "program", "machine", "machine", "app", "program"]
""",
        ),
    ],
}

RIGHT = {
    "1.1": [
        (
            "Written as text over several lines and turned into bytes; host in small "
            "letters, and a header nobody asked for.",
            '''\
lines = """GET / HTTP/1.1
host: localhost
accept: */*

"""
request = lines.replace("\\n", "\\r\\n").encode("ascii")
''',
        ),
    ],
    "1.2": [
        (
            "The application is asked: its scope knows the server's port.",
            """\
mine = await serve(where, record=True)
await fetch(mine)
port = mine.conversation.calls[-1].scope["server"][1]
await mine.stop()
""",
        ),
    ],
    "1.3": [
        (
            "The body in chunks, as uvicorn writes its own, instead of a Content-Length.",
            """\
both = (b"POST / HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
        b"3\\r\\nAda\\r\\n0\\r\\n\\r\\n"
        b"GET /again HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
""",
        ),
    ],
    "1.4": [
        (
            "A tuple, with capitals.",
            """\
parts = ("Machine", "Program", "Process", "Socket", "App", "Program")
""",
        ),
    ],
}
