"""Python in a page: what stands beneath the library where there is a browser and no machine.

The page's worker makes one `worker.Worker`. From then on `serve`, the clients, uvicorn, websockets
and httpx run as they are: on sockets in memory (`network`), asyncio's own loop driven by the
browser (`loop`), servers as tasks (`hosts`), cells and their outputs (`kernel`), the browser's own
requests let in (`bridge`), and one clear sentence for what a page has not (`guard`). Nothing above
knows of this package. `page/` is the other side: the scripts.
"""
