"""Learners' answers to the exercises of chapter 8."""

WRONG = {
    "8.1": [
        (
            "The number is taken for an index, so the last one comes twice.",
            """\
from apps.stream import STREAM, event

def resuming(news):
    async def app(scope, receive, send):
        last = int(dict(scope["headers"]).get(b"last-event-id", 0))
        body = b"".join(event(text, id=n) for n, text in enumerate(news) if n >= last)
        await reply(send, 200, body, STREAM)
    return app
""",
        ),
        (
            "Nonsense in the header raises.",
            """\
from apps.stream import STREAM, event

def resuming(news):
    async def app(scope, receive, send):
        last = int(dict(scope["headers"]).get(b"last-event-id", 0))
        body = b"".join(event(text, id=n) for n, text in enumerate(news, 1) if n > last)
        await reply(send, 200, body, STREAM)
    return app
""",
        ),
        (
            "A line break is written as it is.",
            """\
from apps.stream import STREAM

def resuming(news):
    async def app(scope, receive, send):
        said = dict(scope["headers"]).get(b"last-event-id", b"0")
        last = int(said) if said.isdigit() else 0
        lines = [f"id: {n}\\ndata: {text}\\n\\n" for n, text in enumerate(news, 1) if n > last]
        await reply(send, 200, "".join(lines).encode(), STREAM)
    return app
""",
        ),
        (
            "The ids count anew in each answer.",
            """\
from apps.stream import STREAM, event

def resuming(news):
    async def app(scope, receive, send):
        said = dict(scope["headers"]).get(b"last-event-id", b"0")
        last = int(said) if said.isdigit() else 0
        body = b"".join(event(text, id=n) for n, text in enumerate(news[last:], 1))
        await reply(send, 200, body, STREAM)
    return app
""",
        ),
        (
            "The header is looked for as it is written, in capitals and as text.",
            """\
from apps.stream import STREAM, event

def resuming(news):
    async def app(scope, receive, send):
        last = int(dict(scope["headers"]).get("Last-Event-ID", 0))
        body = b"".join(event(text, id=n) for n, text in enumerate(news, 1) if n > last)
        await reply(send, 200, body, STREAM)
    return app
""",
        ),
        (
            "No content type.",
            """\
from apps.stream import event

def resuming(news):
    async def app(scope, receive, send):
        said = dict(scope["headers"]).get(b"last-event-id", b"0")
        last = int(said) if said.isdigit() else 0
        body = b"".join(event(text, id=n) for n, text in enumerate(news, 1) if n > last)
        await reply(send, 200, body)
    return app
""",
        ),
        (
            "The events are made once, when the app is.",
            """\
from apps.stream import STREAM, event

def resuming(news):
    events = [event(text, id=n) for n, text in enumerate(news, 1)]
    async def app(scope, receive, send):
        said = dict(scope["headers"]).get(b"last-event-id", b"0")
        last = int(said) if said.isdigit() else 0
        await reply(send, 200, b"".join(events[last:]), STREAM)
    return app
""",
        ),
        (
            "A line too few behind each event.",
            """\
from apps.stream import STREAM

def resuming(news):
    async def app(scope, receive, send):
        body = "".join(f"id: {n}\\ndata: {text}\\n" for n, text in enumerate(news, 1))
        await reply(send, 200, body.encode(), STREAM)
    return app
""",
        ),
    ],
    "8.2": [
        (
            "The time-out goes to the server, as an error.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        async with asyncio.timeout(patience):
            found = await after(int(scope["query_string"] or 0))
        await reply(send, 200, "\\n".join(found).encode())
    return app
""",
        ),
        (
            "It always waits for its patience to end.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        task = asyncio.create_task(after(int(scope["query_string"] or 0)))
        await asyncio.sleep(patience)
        if task.done():
            return await reply(send, 200, "\\n".join(task.result()).encode())
        task.cancel()
        await reply(send, 204)
    return app
""",
        ),
        (
            "`wait` ends, and the task in `after` waits on.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        task = asyncio.create_task(after(int(scope["query_string"] or 0)))
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            return await reply(send, 204)
        await reply(send, 200, "\\n".join(task.result()).encode())
    return app
""",
        ),
        (
            "No query string is no number.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        try:
            found = await asyncio.wait_for(after(int(scope["query_string"])), patience)
        except asyncio.TimeoutError:
            return await reply(send, 204)
        await reply(send, 200, "\\n".join(found).encode())
    return app
""",
        ),
        (
            "An empty answer of 200 instead of 204.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        found = []
        try:
            found = await asyncio.wait_for(after(int(scope["query_string"] or 0)), patience)
        except asyncio.TimeoutError:
            pass
        await reply(send, 200, "\\n".join(found).encode())
    return app
""",
        ),
        (
            "A 204 with words.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        try:
            found = await asyncio.wait_for(after(int(scope["query_string"] or 0)), patience)
        except asyncio.TimeoutError:
            return await reply(send, 204, b"nothing new")
        await reply(send, 200, "\\n".join(found).encode())
    return app
""",
        ),
        (
            "Only the first text.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        try:
            found = await asyncio.wait_for(after(int(scope["query_string"] or 0)), patience)
        except asyncio.TimeoutError:
            return await reply(send, 204)
        await reply(send, 200, found[0].encode())
    return app
""",
        ),
        (
            "The count stays bytes.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        found = await after(scope["query_string"])
        await reply(send, 200, "\\n".join(found).encode())
    return app
""",
        ),
    ],
    "8.3": [
        (
            "Whichever ends first cancels the other: the work twice, amid its clean-up.",
            """\
from apps.stream import gone

def caring(work):
    async def app(scope, receive, send):
        async def answer():
            await reply(send, 200, await work())
        async with asyncio.TaskGroup() as both:
            job = both.create_task(answer())
            left = both.create_task(gone(receive))
            job.add_done_callback(lambda _: left.cancel())
            left.add_done_callback(lambda _: job.cancel())
    return app
""",
        ),
        (
            "Cancelled, and not waited for.",
            """\
from apps.stream import gone

def caring(work):
    async def app(scope, receive, send):
        job = asyncio.create_task(work())
        left = asyncio.create_task(gone(receive))
        await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
        if job.done():
            left.cancel()
            return await reply(send, 200, job.result())
        job.cancel()
    return app
""",
        ),
        (
            "The one that listens is left behind.",
            """\
from apps.stream import gone

def caring(work):
    async def app(scope, receive, send):
        job = asyncio.create_task(work())
        left = asyncio.create_task(gone(receive))
        await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
        if job.done():
            return await reply(send, 200, job.result())
        job.cancel()
        await asyncio.wait({job})
    return app
""",
        ),
        (
            "The first message of the request is taken for a client that left.",
            """\
def caring(work):
    async def app(scope, receive, send):
        job = asyncio.create_task(work())
        left = asyncio.create_task(receive())
        try:
            await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
            if job.done():
                await reply(send, 200, job.result())
        finally:
            job.cancel()
            left.cancel()
            await asyncio.wait({job, left})
    return app
""",
        ),
        (
            "An answer to a client that has left.",
            """\
from apps.stream import gone

def caring(work):
    async def app(scope, receive, send):
        job = asyncio.create_task(work())
        left = asyncio.create_task(gone(receive))
        try:
            await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
            if job.done():
                await reply(send, 200, job.result())
        finally:
            job.cancel()
            left.cancel()
            await asyncio.wait({job, left})
        if job.cancelled():
            await reply(send, 499)
    return app
""",
        ),
        (
            "What the work raises is lost.",
            """\
from apps.stream import gone

def caring(work):
    async def app(scope, receive, send):
        job = asyncio.create_task(work())
        left = asyncio.create_task(gone(receive))
        await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        job.cancel()
        body, _ = await asyncio.gather(job, left, return_exceptions=True)
        if isinstance(body, bytes):
            await reply(send, 200, body)
    return app
""",
        ),
        (
            "It looks once, before it works.",
            """\
def caring(work):
    async def app(scope, receive, send):
        message = await receive()
        if message["type"] != "http.disconnect":
            await reply(send, 200, await work())
    return app
""",
        ),
        (
            "It asks when the work is done.",
            """\
from apps.stream import gone

def caring(work):
    async def app(scope, receive, send):
        left = asyncio.create_task(gone(receive))
        result = await work()
        if not left.done():
            left.cancel()
            await asyncio.wait({left})
            await reply(send, 200, result)
    return app
""",
        ),
        (
            "When the server cancels the app, the work goes on.",
            """\
from apps.stream import gone

def caring(work):
    async def app(scope, receive, send):
        job = asyncio.create_task(work())
        left = asyncio.create_task(gone(receive))
        await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
        if job.done():
            left.cancel()
            await asyncio.wait({left})
            return await reply(send, 200, job.result())
        job.cancel()
        await asyncio.wait({job})
    return app
""",
        ),
    ],
    "8.4": [
        (
            "It beats whether the stream is silent or not.",
            """\
from apps.stream import push

def beating(app, every):
    async def outer(scope, receive, send):
        async def beat():
            while True:
                await asyncio.sleep(every)
                await push(send, b":\\n\\n")
        heart = None
        async def heard(message):
            nonlocal heart
            if heart and message["type"] == "http.response.body" and not message.get("more_body"):
                heart.cancel()
            await send(message)
            if message["type"] == "http.response.start":
                if (b"content-type", b"text/event-stream") in message["headers"]:
                    heart = asyncio.create_task(beat())
        try:
            await app(scope, receive, heard)
        finally:
            if heart:
                heart.cancel()
    return outer
""",
        ),
        (
            "It beats from the call on, before there is a head.",
            """\
from apps.stream import push

def beating(app, every):
    async def outer(scope, receive, send):
        async def beat():
            while True:
                await asyncio.sleep(every)
                await push(send, b":\\n\\n")
        heart = asyncio.create_task(beat())
        try:
            await app(scope, receive, send)
        finally:
            heart.cancel()
    return outer
""",
        ),
        (
            "It beats behind the end.",
            """\
from apps.stream import push

def beating(app, every):
    async def outer(scope, receive, send):
        last = asyncio.get_running_loop().time()
        async def beat():
            nonlocal last
            while True:
                await asyncio.sleep(every / 4)
                if asyncio.get_running_loop().time() - last > every:
                    await push(send, b":\\n\\n")
                    last = asyncio.get_running_loop().time()
        heart = None
        async def heard(message):
            nonlocal heart, last
            await send(message)
            last = asyncio.get_running_loop().time()
            if message["type"] == "http.response.start" and heart is None:
                if (b"content-type", b"text/event-stream") in message["headers"]:
                    heart = asyncio.create_task(beat())
        await app(scope, receive, heard)
    return outer
""",
        ),
        (
            "One comment for each silence.",
            """\
from apps.stream import push

def beating(app, every):
    async def outer(scope, receive, send):
        async def beat():
            await asyncio.sleep(every)
            await push(send, b":\\n\\n")
        heart = None
        async def heard(message):
            nonlocal heart
            if heart:
                heart.cancel()
            await send(message)
            if message["type"] == "http.response.start" or message.get("more_body"):
                heart = asyncio.create_task(beat())
        try:
            await app(scope, receive, heard)
        finally:
            if heart:
                heart.cancel()
    return outer
""",
        ),
        (
            "Every answer gets a heart.",
            """\
from apps.stream import push

def beating(app, every):
    async def outer(scope, receive, send):
        async def beat():
            while True:
                await asyncio.sleep(every)
                await push(send, b":\\n\\n")
        heart = None
        async def heard(message):
            nonlocal heart
            if heart:
                heart.cancel()
            await send(message)
            if message["type"] == "http.response.start" or message.get("more_body"):
                heart = asyncio.create_task(beat())
        try:
            await app(scope, receive, heard)
        finally:
            if heart:
                heart.cancel()
    return outer
""",
        ),
        (
            "The comment ends the answer.",
            """\
def beating(app, every):
    async def outer(scope, receive, send):
        async def beat():
            while True:
                await asyncio.sleep(every)
                await send({"type": "http.response.body", "body": b":\\n\\n"})
        heart = None
        async def heard(message):
            nonlocal heart
            if heart:
                heart.cancel()
            await send(message)
            if message["type"] == "http.response.start" or message.get("more_body"):
                heart = asyncio.create_task(beat())
        try:
            await app(scope, receive, heard)
        finally:
            if heart:
                heart.cancel()
    return outer
""",
        ),
        (
            "An event instead of a comment: the page would hear it.",
            """\
from apps.stream import push

def beating(app, every):
    async def outer(scope, receive, send):
        async def beat():
            while True:
                await asyncio.sleep(every)
                await push(send, b"data: ping\\n\\n")
        heart = None
        async def heard(message):
            nonlocal heart
            if heart:
                heart.cancel()
            await send(message)
            if message["type"] == "http.response.start" or message.get("more_body"):
                heart = asyncio.create_task(beat())
        try:
            await app(scope, receive, heard)
        finally:
            if heart:
                heart.cancel()
    return outer
""",
        ),
        (
            "When the app raises, the heart beats on.",
            """\
from apps.stream import push

def beating(app, every):
    async def outer(scope, receive, send):
        async def beat():
            while True:
                await asyncio.sleep(every)
                await push(send, b":\\n\\n")
        heart, stream = None, False
        async def heard(message):
            nonlocal heart, stream
            if message["type"] == "http.response.start":
                stream = (b"content-type", b"text/event-stream") in message["headers"]
            if heart:
                heart.cancel()
            await send(message)
            if stream and (message["type"].endswith("start") or message.get("more_body")):
                heart = asyncio.create_task(beat())
        await app(scope, receive, heard)
    return outer
""",
        ),
    ],
    "8.5": [
        (
            "All rows are fetched first.",
            """\
async def pump(source, deliver, most):
    for row in [row async for row in source]:
        await deliver(row)
""",
        ),
        (
            "A queue without a limit.",
            """\
async def pump(source, deliver, most):
    queue = asyncio.Queue()
    async def fetching():
        async for row in source:
            await queue.put(row)
        await queue.put(None)
    async with asyncio.TaskGroup() as both:
        both.create_task(fetching())
        while (row := await queue.get()) is not None:
            await deliver(row)
""",
        ),
        (
            "A queue of `most`, and two rows more outside of it.",
            """\
async def pump(source, deliver, most):
    queue = asyncio.Queue(most)
    async def fetching():
        async for row in source:
            await queue.put(row)
        await queue.put(None)
    async with asyncio.TaskGroup() as both:
        both.create_task(fetching())
        while (row := await queue.get()) is not None:
            await deliver(row)
""",
        ),
        (
            "It never hears of the end.",
            """\
async def pump(source, deliver, most):
    queue, room = asyncio.Queue(), asyncio.Semaphore(most)
    async def fetching():
        await room.acquire()
        async for row in source:
            await queue.put(row)
            await room.acquire()
    task = asyncio.create_task(fetching())
    try:
        while True:
            await deliver(await queue.get())
            room.release()
    finally:
        task.cancel()
""",
        ),
        (
            "A failure of the source is not heard of.",
            """\
async def pump(source, deliver, most):
    queue, room = asyncio.Queue(), asyncio.Semaphore(most)
    async def fetching():
        try:
            await room.acquire()
            async for row in source:
                await queue.put(row)
                await room.acquire()
        finally:
            await queue.put(None)
    task = asyncio.create_task(fetching())
    try:
        while (row := await queue.get()) is not None:
            await deliver(row)
            room.release()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
""",
        ),
        (
            "A task for each row: order and limit are lost.",
            """\
async def pump(source, deliver, most):
    async with asyncio.TaskGroup() as all_of_them:
        async for row in source:
            all_of_them.create_task(deliver(row))
""",
        ),
        (
            "When deliver raises, the other task fetches on.",
            """\
async def pump(source, deliver, most):
    queue, room = asyncio.Queue(), asyncio.Semaphore(most)
    async def fetching():
        await room.acquire()
        async for row in source:
            await queue.put(row)
            room.release()
            await room.acquire()
        await queue.put(None)
    task = asyncio.create_task(fetching())
    while (row := await queue.get()) is not None:
        await deliver(row)
    await task
""",
        ),
        (
            "Behind the first failure a task is left.",
            """\
async def pump(source, deliver, most):
    queue, room = asyncio.Queue(), asyncio.Semaphore(most)
    async def fetching():
        await room.acquire()
        async for row in source:
            await queue.put(row)
            await room.acquire()
        await queue.put(None)
    task = asyncio.create_task(fetching())
    while not task.done() or not queue.empty():
        getting = asyncio.create_task(queue.get())
        await asyncio.wait({task, getting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and task.exception():
            raise task.exception()
        row = await getting
        if row is None:
            break
        await deliver(row)
        room.release()
""",
        ),
    ],
}

RIGHT = {
    "8.1": [
        (
            "Pushed piece by piece, with other fields and another order of them.",
            """\
from apps.stream import begin, push

def resuming(news):
    async def app(scope, receive, send):
        try:
            last = int(dict(scope["headers"])[b"last-event-id"])
        except (KeyError, ValueError):
            last = 0
        await begin(send, (b"cache-control", b"no-store"))
        for number, text in enumerate(news[max(last, 0):], max(last, 0) + 1):
            lines = [f"data:{line}" for line in text.split("\\n")]
            lines = [": a comment", *lines, "retry: 5", f"id: {number}", "", ""]
            await push(send, "\\r\\n".join(lines).encode())
        await send({"type": "http.response.body"})
    return app
""",
        ),
    ],
    "8.2": [
        (
            "wait_for, and a response by hand.",
            """\
def long_poll(after, patience):
    async def app(scope, receive, send):
        count = int(scope["query_string"].decode() or "0")
        try:
            found = await asyncio.wait_for(after(count), patience)
        except asyncio.TimeoutError:
            await send({"type": "http.response.start", "status": 204})
            return await send({"type": "http.response.body"})
        await send({"type": "http.response.start", "status": 200})
        for text in found:
            await send({"type": "http.response.body", "body": text.encode() + b"\\n",
                        "more_body": True})
        await send({"type": "http.response.body"})
    return app
""",
        ),
    ],
    "8.3": [
        (
            "By hand, with a task each.",
            """\
from apps.stream import gone

def caring(work):
    async def app(scope, receive, send):
        job = asyncio.create_task(work())
        left = asyncio.create_task(gone(receive))
        try:
            await asyncio.wait({job, left}, return_when=asyncio.FIRST_COMPLETED)
            if job.done():
                await reply(send, 200, job.result())
        finally:
            job.cancel()
            left.cancel()
            await asyncio.wait({job, left})
    return app
""",
        ),
    ],
    "8.4": [
        (
            "One task for the whole stream, with a time-out that begins anew.",
            """\
from apps.stream import push

def beating(app, every):
    async def outer(scope, receive, send):
        spoke, heart = asyncio.Event(), None
        async def beat():
            while True:
                try:
                    async with asyncio.timeout(every):
                        await spoke.wait()
                    spoke.clear()
                except TimeoutError:
                    await push(send, b": still here\\n\\n")
        async def heard(message):
            nonlocal heart
            kind = dict(message.get("headers", [])).get(b"content-type", b"")
            spoke.set()
            over = message["type"] == "http.response.body" and not message.get("more_body")
            if over and heart:
                heart.cancel()
            await send(message)
            if kind.startswith(b"text/event-stream"):
                heart = asyncio.create_task(beat())
        try:
            await app(scope, receive, heard)
        finally:
            if heart:
                heart.cancel()
    return outer
""",
        ),
    ],
    "8.5": [
        (
            "Tasks in a deque, the oldest awaited first.",
            """\
import collections

async def pump(source, deliver, most):
    held, rows, wake = 0, collections.deque(), asyncio.Condition()
    over = False

    async def fetching():
        nonlocal held, over
        while True:
            async with wake:
                await wake.wait_for(lambda: held < most)
            try:
                row = await anext(source)
            except StopAsyncIteration:
                break
            async with wake:
                held += 1
                rows.append(row)
                wake.notify_all()
        async with wake:
            over = True
            wake.notify_all()

    async def delivering():
        nonlocal held
        while True:
            async with wake:
                await wake.wait_for(lambda: rows or over)
                if not rows:
                    return
                row = rows.popleft()
            await deliver(row)
            async with wake:
                held -= 1
                wake.notify_all()

    async with asyncio.TaskGroup() as both:
        both.create_task(fetching())
        both.create_task(delivering())
""",
        ),
    ],
}
