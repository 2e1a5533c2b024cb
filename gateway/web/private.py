"""The private pages, for machines: metrics, and whether the gateway lives and is ready."""

from collections.abc import Callable, Mapping

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Ready = Callable[[], Mapping[str, str]]


def private_app(render: Callable[[], bytes], ready: Ready) -> Starlette:
    """Build the pages of the metrics listener.

    `/metrics` is what `render` returns (called in a thread), `/healthz` says that the process is alive, `/readyz` is
    200 when `ready` returns nothing, else 503 with what it returns: the part that is not ready and why.
    """

    async def metrics(_request: Request) -> Response:
        return Response(await trio.to_thread.run_sync(render), headers={"content-type": METRICS_TYPE})

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readiness(_request: Request) -> Response:
        missing = dict(ready())
        return JSONResponse(missing, status_code=503 if missing else 200)

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", alive), Route("/readyz", readiness)])
