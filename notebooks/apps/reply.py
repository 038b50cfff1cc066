"""Two messages that make an answer: chapter 2's six lines, for every chapter after it."""


async def reply(send, status=200, body=b"", headers=()):
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status,
                "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})
