"""Chapter 8's page that asks for eight streams at once.

    python -m uvicorn apps.eight:eight --port 5000
"""

import asyncio

from apps.reply import reply
from apps.stream import begin, push, while_there

HTML = [(b"content-type", b"text/html")]


async def tick(send):
    await begin(send)
    number = 0
    while True:
        await push(send, b"data: tick %d\n\n" % number)
        await asyncio.sleep(0.3)
        number += 1


EIGHT = b"""<!doctype html><title>Eight</title><ol></ol>
<script>
for (let n = 0; n < 8; n++) {
  const item = document.createElement("li")
  item.textContent = "waits"
  document.querySelector("ol").append(item)
  new EventSource("ticks").onmessage = (event) => {
    item.textContent = event.data
  }
}
</script>"""


async def eight(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/":
        return await reply(send, 200, EIGHT, HTML)
    await while_there(receive, tick(send))
