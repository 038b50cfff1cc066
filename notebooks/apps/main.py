"""Chapter 1's application as a program: `python apps/main.py`, or `uvicorn apps.main:app`."""

import uvicorn


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"Hello"})


if __name__ == "__main__":
    uvicorn.run(app, port=5000)
