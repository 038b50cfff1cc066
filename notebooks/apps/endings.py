"""Chapter 9's ten endings of a WebSocket, chosen by the path.

    python -m uvicorn apps.endings:endings --port 5000
"""

import json
from apps.reply import reply

heard = {}


async def endings(scope, receive, send):
    if scope["type"] == "http":
        return await reply(send, 200, json.dumps(heard).encode())
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    moment, what = scope["path"][1:].split("/")
    await receive()
    if moment != "early":
        await send({"type": "websocket.accept"})
    if what == "raise":
        raise ValueError("on purpose")
    elif what == "deny":
        def denial(m):
            return send({**m, "type": "websocket." + m["type"]})
        await reply(denial, 401)
    elif what == "close":
        await send({"type": "websocket.close", "code": 4001})
    elif what != "return":
        while (m := await receive())["type"] != "websocket.disconnect":
            pass
        if moment == "client":
            heard[scope["path"][1:]] = f"app: {m.get('code')}"
