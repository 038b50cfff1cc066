"""Chapter 9's door: three ways to turn a WebSocket away, and a page that tries them.

    python -m uvicorn apps.door:door --port 5000
"""

from apps.reply import reply


async def deny(send, status, why):
    def denial(message):
        return send({**message, "type": "websocket." + message["type"]})
    await reply(denial, status, why)


async def door(scope, receive, send):
    if scope["type"] == "http":
        kind = (b"content-type", b"text/html")
        return await reply(send, 200, page, [kind])
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    offered = "websocket.http.response" in scope.get("extensions", {})
    if scope["path"] == "/deny" and offered:
        return await deny(send, 401, b"log in first")
    if scope["path"] == "/accept":
        await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4401,
                "reason": "log in first"})


page = b"""<!doctype html><title>The door</title><body><script>
for (const way of ["refuse", "deny", "accept"]) {
  const url = new URL(way, location.href.replace("http", "ws"));
  const said = document.createElement("p");
  said.textContent = `${way}: waiting`;
  document.body.append(said);
  new WebSocket(url).onclose = ({ code, reason }) => {
    said.textContent = `${way}: ${code} ${reason}`;
  };
}
</script>"""
