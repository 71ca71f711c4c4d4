#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The counted application on aiohttp: counts_aiohttp.py ADDRESS.., each HOST:PORT or a path of a unix socket."""
import asyncio
import sys

import aiohttp
from aiohttp import web


async def size(_request, argument):
    return web.Response(body=b"x" * int(argument))


async def chunked(request, argument):
    response = web.StreamResponse()
    if request.version >= aiohttp.HttpVersion11:
        response.enable_chunked_encoding()
    await response.prepare(request)
    for at in range(0, int(argument), 997):
        await response.write(b"x" * min(997, int(argument) - at))
    await response.write_eof()
    return response


async def echo(request, _argument):
    count = 0
    async for data in request.content.iter_any():
        count += len(data)
    return web.Response(text=str(count))


async def status(_request, argument):
    return web.Response(status=int(argument))


async def sleep(_request, argument):
    await asyncio.sleep(int(argument) / 1000)
    return web.Response(body=b"x" * 16)


async def events(request, argument):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(int(argument)):
        if number:
            await asyncio.sleep(0.05)
        await response.write(b"data: %d\n\n" % number)
    await response.write_eof()
    return response


async def websocket(request, _argument):
    """Echoes text, and says something that looks like HTTP first: nothing after the 101 is a request."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nGET /not-a-request HTTP/1.1\r\n\r\n")
    async for message in socket:
        if message.type != aiohttp.WSMsgType.TEXT:
            break
        await socket.send_str(message.data)
    return socket


ACTIONS = {"size": size, "chunked": chunked, "echo": echo, "status": status, "sleep": sleep, "events": events,
           "websocket": websocket}


async def dispatch(request):
    parts = request.path.split("/")
    action = ACTIONS.get(parts[2] if len(parts) > 2 else "")
    if not action:
        return web.Response(status=404)
    return await action(request, parts[3])


async def main(addresses):
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", dispatch)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for address in addresses:
        if address.startswith("/"):
            site = web.UnixSite(runner, address, backlog=1024)
        else:
            host, _, port = address.rpartition(":")
            site = web.TCPSite(runner, host.strip("[]"), int(port), backlog=1024)
        await site.start()
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1:]))
