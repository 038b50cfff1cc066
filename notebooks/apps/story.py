"""Chapter 8's story: three events an answer, and a page whose EventSource asks for the rest.

    python -m uvicorn apps.story:story --port 5000
"""

import asyncio

from apps.reply import reply
from apps.stream import begin, event, push

STORY = b"""<!doctype html><title>A story</title><pre></pre>
<script>
const pre = document.querySelector("pre")
const say = (text) => { pre.textContent += text + "\\n" }
const source = new EventSource("events")
source.onopen = () => say("open")
source.onmessage = (e) => say(`${e.lastEventId}: ${e.data}`)
source.onerror = () => say(source.readyState < 2 ? "lost" : "end")
</script>"""
HTML = [(b"content-type", b"text/html")]


async def story(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/":
        return await reply(send, 200, STORY, HTML)
    last = int(dict(scope["headers"]).get(b"last-event-id", 0))
    if last >= 9:
        return await reply(send, 204)
    await begin(send)
    for number in range(last + 1, last + 4):
        await asyncio.sleep(0.1)
        await push(send, event(f"line {number}", id=number,
                               retry=1000))
    await send({"type": "http.response.body"})
