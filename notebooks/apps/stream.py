"""Chapter 8's pieces of a stream: its head, its events, and an end when the client leaves."""

import asyncio

STREAM = [(b"content-type", b"text/event-stream")]


async def begin(send, *more):
    await send({"type": "http.response.start", "status": 200,
                "headers": [*STREAM, *more]})


async def push(send, body):
    await send({"type": "http.response.body", "body": body,
                "more_body": True})


def event(data, **fields):
    lines = [f"{name}: {value}" for name, value in fields.items()]
    lines += [f"data: {part}" for part in data.split("\n")]
    return "\n".join([*lines, "", ""]).encode()


async def gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_there(receive, work):
    async with asyncio.TaskGroup() as both:
        tasks = {both.create_task(work),
                 both.create_task(gone(receive))}
        await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
        for task in tasks:
            task.cancel()
