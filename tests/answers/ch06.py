"""Learners' answers to the exercises of chapter 6."""

WRONG = {
    "6.1": [
        (
            "Whatever is async is taken to run at once: c and e as b.",
            "guess = dict(a=0.8, b=0.2, c=0.2, d=0.2, e=0.2, f=0.2, g=0.2, h=0.2)\n",
        ),
        (
            "Threads are taken for parallel also where they compute.",
            "guess = dict(a=0.8, b=0.2, c=0.8, d=0.2, e=0.8, f=0.2, g=0.2, h=0.4)\n",
        ),
        (
            "Pieces are counted, not seconds.",
            "guess = dict(a=4, b=1, c=4, d=1, e=4, f=4, g=1, h=2)\n",
        ),
        ("Only some are filled in.", "guess = dict(a=0.8, b=0.2)\n"),
        (
            "Numbers are written as text.",
            'guess = dict(a="0.8", b=0.2, c=0.8, d=0.2, e=0.8, f=0.8, g=0.2, h=0.4)\n',
        ),
        (
            "A ninth case is made up.",
            "guess = dict(a=0.8, b=0.2, c=0.8, d=0.2, e=0.8, f=0.8, g=0.2, h=0.4, i=1)\n",
        ),
    ],
    "6.2": [
        (
            "One after the other, as one would without async.",
            """\
async def page(user, orders, news):
    u = await user()
    o = await orders(u)
    n = await news()
    return u, o, n
""",
        ),
        (
            "Everything in one gather: the orders are asked with a coroutine.",
            """\
async def page(user, orders, news):
    u = user()
    return await asyncio.gather(u, orders("Ada"[:0]), news())
""",
        ),
        (
            "User and news at once, and the orders behind both.",
            """\
async def page(user, orders, news):
    u, n = await asyncio.gather(user(), news())
    return u, await orders(u), n
""",
        ),
        (
            "The news first, since they take long.",
            """\
async def page(user, orders, news):
    n = await news()
    u = await user()
    return u, await orders(u), n
""",
        ),
        (
            "A task is started and never awaited.",
            """\
async def page(user, orders, news):
    asyncio.create_task(news())
    u = await user()
    return u, await orders(u), None
""",
        ),
        (
            "The order of the results is the order of the gather.",
            """\
async def page(user, orders, news):
    async def both():
        u = await user()
        return u, await orders(u)
    n, (u, o) = await asyncio.gather(news(), both())
    return n, u, o
""",
        ),
        (
            "No async: the calls are returned.",
            """\
def page(user, orders, news):
    return 1
""",
        ),
        (
            "The user is asked twice, once for the orders.",
            """\
async def page(user, orders, news):
    async def theirs():
        return await orders(await user())
    return await asyncio.gather(user(), theirs(), news())
""",
        ),
        (
            "The news are left out.",
            """\
async def page(user, orders, news):
    u = await user()
    return u, await orders(u)
""",
        ),
    ],
    "6.3": [
        (
            "gather alone: all at once.",
            """\
async def at_most(n, jobs):
    return await asyncio.gather(*(job() for job in jobs))
""",
        ),
        (
            "A loop with await: one by one.",
            """\
async def at_most(n, jobs):
    return [await job() for job in jobs]
""",
        ),
        (
            "In groups of three: the slowest of a group holds up the next group.",
            """\
async def at_most(n, jobs):
    results = []
    for start in range(0, len(jobs), n):
        group = jobs[start:start + n]
        results += await asyncio.gather(*(job() for job in group))
    return results
""",
        ),
        (
            "A semaphore for each job limits nothing.",
            """\
async def at_most(n, jobs):
    async def one(job):
        async with asyncio.Semaphore(n):
            return await job()
    return await asyncio.gather(*(one(job) for job in jobs))
""",
        ),
        (
            "The results come in the order of their ends.",
            """\
async def at_most(n, jobs):
    permits = asyncio.Semaphore(n)
    results = []
    async def one(job):
        async with permits:
            results.append(await job())
    await asyncio.gather(*(one(job) for job in jobs))
    return results
""",
        ),
        (
            "The jobs are taken for coroutines.",
            """\
async def at_most(n, jobs):
    return list(jobs)
""",
        ),
        (
            "Two permits, to be safe.",
            """\
async def at_most(n, jobs):
    permits = asyncio.Semaphore(n - 1)
    async def one(job):
        async with permits:
            return await job()
    return await asyncio.gather(*(one(job) for job in jobs))
""",
        ),
        (
            "No async.",
            """\
def at_most(n, jobs):
    return [job for job in jobs]
""",
        ),
        (
            "Only the first three.",
            """\
async def at_most(n, jobs):
    permits = asyncio.Semaphore(n)
    async def one(job):
        async with permits:
            return await job()
    return await asyncio.gather(*(one(job) for job in jobs[1:4]))
""",
        ),
    ],
    "6.4": [
        (
            "async def is believed to be enough.",
            """\
async def total(numbers):
    return sum(n * n for n in numbers)
""",
        ),
        (
            "One await at the end.",
            """\
async def total(numbers):
    found = sum(n * n for n in numbers)
    await asyncio.sleep(0)
    return found
""",
        ),
        (
            "An await of something that never waits.",
            """\
async def square(n):
    return n * n

async def total(numbers):
    found = 0
    for n in numbers:
        found += await square(n)
    return found
""",
        ),
        (
            "The numbers are summed, not their squares.",
            """\
async def total(numbers):
    found = 0
    for n in numbers:
        found += n
        if n % 1000 == 0:
            await asyncio.sleep(0)
    return found
""",
        ),
        (
            "A plain def.",
            """\
def total(numbers):
    return sum(n * n for n in numbers)
""",
        ),
    ],
}

RIGHT = {
    "6.1": [
        (
            "Measured on a real machine, a little more each.",
            "guess = dict(a=0.81, b=0.21, c=0.82, d=0.21, e=0.8, f=0.84, g=0.24, h=0.41)\n",
        ),
    ],
    "6.2": [
        (
            "A task group.",
            """\
async def page(user, orders, news):
    async with asyncio.TaskGroup() as group:
        latest = group.create_task(news())
        u = await user()
        o = await orders(u)
    return [u, o, latest.result()]
""",
        ),
        (
            "The news as a task, awaited last.",
            """\
async def page(user, orders, news):
    latest = asyncio.ensure_future(news())
    u = await user()
    return u, await orders(u), await latest
""",
        ),
    ],
    "6.3": [
        (
            "Three workers take from one iterator.",
            """\
async def at_most(n, jobs):
    results = [None] * len(jobs)
    left = iter(enumerate(jobs))
    async def worker():
        for place, job in left:
            results[place] = await job()
    await asyncio.gather(*(worker() for _ in range(n)))
    return results
""",
        ),
        (
            "A queue and a task group.",
            """\
async def at_most(n, jobs):
    queue = asyncio.Queue()
    for item in enumerate(jobs):
        queue.put_nowait(item)
    results = {}
    async def worker():
        while not queue.empty():
            place, job = queue.get_nowait()
            results[place] = await job()
    async with asyncio.TaskGroup() as group:
        for _ in range(n):
            group.create_task(worker())
    return [results[place] for place in range(len(jobs))]
""",
        ),
    ],
    "6.4": [
        (
            "Slices, with a breath behind each.",
            """\
async def total(numbers):
    found = 0
    for start in range(0, len(numbers), 500):
        found += sum(n * n for n in numbers[start:start + 500])
        await asyncio.sleep(0)
    return found
""",
        ),
        (
            "A breath for every number.",
            """\
async def total(numbers):
    found = 0
    for n in numbers:
        found += n * n
        await asyncio.sleep(0)
    return found
""",
        ),
    ],
}
