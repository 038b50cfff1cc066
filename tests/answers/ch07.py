"""Learners' answers to the exercises of chapter 7."""

WRONG = {
    "7.1": [
        (
            "The exception is left to the server.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        async with manager(scope["state"]):
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    return outer
""",
        ),
        (
            "The app inside is asked, too.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] == "lifespan":
            try:
                await receive()
                async with manager(scope["state"]):
                    await send({"type": "lifespan.startup.complete"})
                    await receive()
                await send({"type": "lifespan.shutdown.complete"})
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
        await app(scope, receive, send)
    return outer
""",
        ),
        (
            "complete is sent before the manager is entered.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        async with manager(scope["state"]):
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    return outer
""",
        ),
        (
            "The manager is left at once.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        async with manager(scope["state"]):
            await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    return outer
""",
        ),
        (
            "Only HTTP is handed on.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] == "http":
            await app(scope, receive, send)
        if scope["type"] == "lifespan":
            await receive()
            async with manager(scope["state"]):
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
    return outer
""",
        ),
        (
            "Both failures are called a failed start-up.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        try:
            await receive()
            async with manager(scope["state"]):
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
    return outer
""",
        ),
        (
            "The message names the type of the error alone.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        try:
            await receive()
            async with manager(scope["state"]):
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
    return outer
""",
        ),
        (
            "The manager gets a copy of the state.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        async with manager(scope["state"].copy()):
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    return outer
""",
        ),
        (
            "A loop, as for messages of a WebSocket, that never ends.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                held = manager(scope["state"])
                await held.__aenter__()
            else:
                await held.__aexit__(None, None, None)
            await send({"type": message["type"] + ".complete"})
    return outer
""",
        ),
        (
            "Outer is forgotten.",
            """\
async def living(app, manager):
    async with manager({}):
        pass
""",
        ),
    ],
    "7.2": [
        (
            "Entered in a loop, and none is left.",
            """\
from contextlib import asynccontextmanager

def together(*managers):
    @asynccontextmanager
    async def manager(state):
        for each in managers:
            await each(state).__aenter__()
        yield
    return manager
""",
        ),
        (
            "Left in the order of entering.",
            """\
from contextlib import asynccontextmanager

def together(*managers):
    @asynccontextmanager
    async def manager(state):
        made = [each(state) for each in managers]
        for each in made:
            await each.__aenter__()
        yield
        for each in made:
            await each.__aexit__(None, None, None)
    return manager
""",
        ),
        (
            "Those before a failing one stay open.",
            """\
from contextlib import asynccontextmanager

def together(*managers):
    @asynccontextmanager
    async def manager(state):
        made = [each(state) for each in managers]
        for each in made:
            await each.__aenter__()
        yield
        for each in reversed(made):
            await each.__aexit__(None, None, None)
    return manager
""",
        ),
        (
            "What cannot be entered is passed over.",
            """\
from contextlib import AsyncExitStack, asynccontextmanager, suppress

def together(*managers):
    @asynccontextmanager
    async def manager(state):
        async with AsyncExitStack() as stack:
            for each in managers:
                with suppress(Exception):
                    await stack.enter_async_context(each(state))
            yield
    return manager
""",
        ),
        (
            "The stack is made once, for the first life.",
            """\
from contextlib import AsyncExitStack, asynccontextmanager

def together(*managers):
    stack = AsyncExitStack()
    @asynccontextmanager
    async def manager(state):
        for each in managers:
            await stack.enter_async_context(each({}))
        yield
        await stack.aclose()
    return manager
""",
        ),
        (
            "A manager is awaited.",
            """\
def together(*managers):
    async def manager(state):
        for each in managers:
            await each(state).__aenter__()
    return manager
""",
        ),
        (
            "By hand and right, until something raises inside.",
            """\
from contextlib import asynccontextmanager

def together(*managers):
    @asynccontextmanager
    async def manager(state):
        entered = []
        try:
            for each in managers:
                held = each(state)
                await held.__aenter__()
                entered.append(held)
        except Exception:
            for held in reversed(entered):
                await held.__aexit__(None, None, None)
            raise
        yield
        for held in reversed(entered):
            await held.__aexit__(None, None, None)
    return manager
""",
        ),
        (
            "The context is made at once.",
            """\
from contextlib import asynccontextmanager

def together(*managers):
    @asynccontextmanager
    async def manager(state):
        async with managers[0](state), managers[1](state), managers[2](state):
            yield
    return manager({})
""",
        ),
    ],
    "7.3": [
        (
            "It stays behind its last message.",
            """\
def with_pool(open_pool):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            try:
                scope["state"]["pool"] = await open_pool()
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return await asyncio.sleep(3600)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await scope["state"]["pool"].close()
            return await send({"type": "lifespan.shutdown.complete"})
        await reply(send, 200, await scope["state"]["pool"].get(scope["path"]))
    return app
""",
        ),
        (
            "Opened when the app is made, and awaited in a task.",
            """\
def with_pool(open_pool):
    made = asyncio.ensure_future(open_pool())
    async def app(scope, receive, send):
        pool = await made
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await reply(send, 200, await pool.get(scope["path"]))
    return app
""",
        ),
        (
            "Opened in the first request, and kept.",
            """\
def with_pool(open_pool):
    pool = None
    async def app(scope, receive, send):
        nonlocal pool
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            return await send({"type": "lifespan.shutdown.complete"})
        if pool is None:
            pool = await open_pool()
        await reply(send, 200, await pool.get(scope["path"]))
    return app
""",
        ),
        (
            "Never closed.",
            """\
def with_pool(open_pool):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = await open_pool()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        await reply(send, 200, await scope["state"]["pool"].get(scope["path"]))
    return app
""",
        ),
        (
            "An error of opening is raised.",
            """\
def with_pool(open_pool):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = await open_pool()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await scope["state"]["pool"].close()
            return await send({"type": "lifespan.shutdown.complete"})
        await reply(send, 200, await scope["state"]["pool"].get(scope["path"]))
    return app
""",
        ),
        (
            "Opened in start-up, without an await.",
            """\
def with_pool(open_pool):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = open_pool()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await scope["state"]["pool"].close()
            return await send({"type": "lifespan.shutdown.complete"})
        await reply(send, 200, await scope["state"]["pool"].get(scope["path"]))
    return app
""",
        ),
        (
            "Each request opens one more, and start-up, too.",
            """\
def with_pool(open_pool):
    async def app(scope, receive, send):
        pool = await open_pool()
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            return await send({"type": "lifespan.shutdown.complete"})
        await reply(send, 200, await pool.get(scope["path"]))
    return app
""",
        ),
        (
            "Closed by the first request.",
            """\
def with_pool(open_pool):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = await open_pool()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return await send({"type": "lifespan.shutdown.complete"})
        pool = scope["state"]["pool"]
        await reply(send, 200, await pool.get(scope["path"]))
        await pool.close()
    return app
""",
        ),
        (
            "The error is swallowed, and start-up goes on.",
            """\
def with_pool(open_pool):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            try:
                scope["state"]["pool"] = await open_pool()
            except Exception as error:
                print(error, end="")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await scope["state"]["pool"].close()
            return await send({"type": "lifespan.shutdown.complete"})
        await reply(send, 200, await scope["state"]["pool"].get(scope["path"]))
    return app
""",
        ),
    ],
    "7.4": [
        (
            "The dict is copied once more.",
            """\
async def trail(scope, receive, send):
    state = scope["state"]
    if scope["type"] == "lifespan":
        await receive()
        state["trail"] = ["door"]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        state = state.copy()
        state["trail"].append(scope["path"])
        await reply(send, 200, " ".join(state["trail"]).encode())
""",
        ),
        (
            "The path is taken out again behind the answer.",
            """\
async def trail(scope, receive, send):
    state = scope["state"]
    if scope["type"] == "lifespan":
        await receive()
        state["trail"] = ["door"]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        state["trail"].append(scope["path"])
        await reply(send, 200, " ".join(state["trail"]).encode())
        state["trail"].remove(scope["path"])
""",
        ),
        (
            "A list for each visit, without door.",
            """\
async def trail(scope, receive, send):
    state = scope["state"]
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        state["trail"] = [scope["path"]]
        await reply(send, 200, " ".join(state["trail"]).encode())
""",
        ),
        (
            "The shared list is emptied and filled again for each visit.",
            """\
async def trail(scope, receive, send):
    state = scope["state"]
    if scope["type"] == "lifespan":
        await receive()
        state["trail"] = []
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        state["trail"].clear()
        state["trail"] += ["door", scope["path"]]
        await reply(send, 200, " ".join(state["trail"]).encode())
""",
        ),
        (
            "+= is taken for a new list.",
            """\
async def trail(scope, receive, send):
    state = scope["state"]
    if scope["type"] == "lifespan":
        await receive()
        state["trail"] = ["door"]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        state["trail"] += [scope["path"]]
        await reply(send, 200, " ".join(state["trail"]).encode())
""",
        ),
        (
            "The state is not read.",
            """\
async def trail(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["trail"] = ["door"]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await reply(send, 200, f"door {scope['path']}".encode())
""",
        ),
        (
            "The lifespan is given up.",
            """\
async def trail(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await reply(send, 200, f"door {scope['path']}".encode())
""",
        ),
    ],
}

RIGHT = {
    "7.1": [
        (
            "Entered and left by hand, and the types are read.",
            """\
def living(app, manager):
    async def outer(scope, receive, send):
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        held = manager(scope["state"])
        for step in (held.__aenter__, lambda: held.__aexit__(None, None, None)):
            kind = (await receive())["type"]
            try:
                await step()
            except Exception as error:
                await send({"type": kind + ".failed", "message": f"{error}"})
                return
            await send({"type": kind + ".complete"})
    return outer
""",
        ),
        (
            "A class, entered before the message came.",
            """\
class living:
    def __init__(self, app, manager):
        self.app, self.manager = app, manager

    async def __call__(self, scope, receive, send):
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)
        step = "startup"
        try:
            async with self.manager(scope["state"]):
                await receive()
                await send({"type": "lifespan.startup.complete"})
                step = "shutdown"
                await receive()
        except Exception as error:
            await send({"type": f"lifespan.{step}.failed", "message": repr(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})
""",
        ),
    ],
    "7.2": [
        (
            "Each around the rest, by recursion.",
            """\
from contextlib import asynccontextmanager

def together(*managers):
    @asynccontextmanager
    async def manager(state):
        if not managers:
            yield
            return
        first, *rest = managers
        async with first(state), together(*rest)(state):
            yield
    return manager
""",
        ),
        (
            "A class with a stack.",
            """\
from contextlib import AsyncExitStack

def together(*managers):
    class Manager:
        def __init__(self, state):
            self.state = state
        async def __aenter__(self):
            async with AsyncExitStack() as stack:
                for each in managers:
                    await stack.enter_async_context(each(self.state))
                self.stack = stack.pop_all()
        async def __aexit__(self, *error):
            return await self.stack.__aexit__(*error)
    return Manager
""",
        ),
    ],
    "7.3": [
        (
            "In a closure, without state.",
            """\
def with_pool(open_pool):
    pool = None
    async def app(scope, receive, send):
        nonlocal pool
        if scope["type"] == "lifespan":
            await receive()
            try:
                pool = await open_pool()
            except Exception as error:
                return await send({"type": "lifespan.startup.failed"})
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            return await send({"type": "lifespan.shutdown.complete"})
        await reply(send, 200, await pool.get(scope["path"]))
    return app
""",
        ),
        (
            "With Starlette, whose lifespan refuses and raises.",
            """\
def with_pool(open_pool):
    from contextlib import asynccontextmanager
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    @asynccontextmanager
    async def lifespan(app):
        pool = await open_pool()
        yield {"pool": pool}
        await pool.close()

    async def get(request):
        return Response(await request.state.pool.get(request.url.path))

    return Starlette(routes=[Route("/{any:path}", get)], lifespan=lifespan)
""",
        ),
    ],
    "7.4": [
        (
            "A tuple in the state, and addition.",
            """\
async def trail(scope, receive, send):
    state = scope["state"]
    if scope["type"] == "lifespan":
        await receive()
        state["myapp.trail"] = ("door",)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        state["myapp.trail"] += (scope["path"],)
        await reply(send, 200, " ".join(state["myapp.trail"]).encode())
""",
        ),
        (
            "A deep copy.",
            """\
from copy import deepcopy

async def trail(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["trail"] = ["door"]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        mine = deepcopy(scope["state"])["trail"]
        mine.append(scope["path"])
        await reply(send, 200, " ".join(mine).encode())
""",
        ),
    ],
}
