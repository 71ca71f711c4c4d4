# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What an asyncio loop did when, and for which request, told by the loop itself; loops_accounts.py says in what form.

A slice is one callback of the loop, with the CPU time of its thread and the request that it belonged to. The
request is known from the callback's context (tasks inherit it), for reads of a connection to a peer from whoever wrote to it
last, for reads of a server's connection from the request whose handler starts next on it.
"""
import asyncio
import contextvars
import os
import time
from asyncio import events, selector_events

from aiohttp import web_protocol

request = contextvars.ContextVar("request", default=None)
_schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)


def run_delay():
    """Nanoseconds that the thread that imported this has been runnable without a CPU."""
    return int(os.pread(_schedstat, 64, 0).split()[1])


class Slices:
    """Install one per process, before the loop runs. Times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self):
        self.slices, self.idle, self.responded = [], [], {}
        self.sends = {}  # request: when it wrote to a peer first since the entry was last taken out
        self._writers = {}  # transport: the request that wrote to it last
        self._arriving = {}  # server connection: slices since its last read that have no owner yet
        self._connections = {}  # task of a server connection: the connection
        self._install()

    def begin(self, name, protocol):
        """The handler of request `name` starts on that connection: what led to it was the request's, too."""
        for piece in self._arriving.pop(protocol, ()):
            piece[4] = name
        self._connections[protocol._task_handler] = protocol
        request.set(name)

    def watch(self, loop):
        """Records when the loop is blocked in its selector."""
        select = loop._selector.select

        def timed(timeout=None):
            if timeout is not None and timeout <= 0:
                return select(timeout)
            delay, start = run_delay(), time.monotonic_ns()
            ready = select(timeout)
            end = time.monotonic_ns()
            self.idle.append([start, end, run_delay() - delay])
            return ready

        loop._selector.select = timed

    def _owner(self, handle, piece):
        on = getattr(handle._callback, "__self__", None)
        if isinstance(on, selector_events._SelectorSocketTransport):
            # Its context is that of whoever opened the connection.
            protocol = on.get_protocol()
            if not isinstance(protocol, web_protocol.RequestHandler):
                return self._writers.get(on)
            self._arriving[protocol] = [piece]
        elif isinstance(on, asyncio.Task) and self._connections.get(on) in self._arriving:
            self._arriving[self._connections[on]].append(piece)
        return None

    def _install(self):
        run, write = events.Handle._run, selector_events._SelectorSocketTransport.write

        def timed_run(handle):
            piece = [time.monotonic_ns(), 0, time.thread_time_ns(), 0, None]
            piece[4] = self._owner(handle, piece)
            run(handle)
            piece[3], piece[1] = time.thread_time_ns(), time.monotonic_ns()
            # A handler's first step says whose it is.
            piece[4] = piece[4] or handle._context.get(request)
            self.slices.append(piece)

        def noted_write(transport, data):
            self._writers[transport] = name = request.get()
            if isinstance(transport.get_protocol(), web_protocol.RequestHandler):
                write(transport, data)
                self.responded[name] = [time.monotonic_ns(), time.thread_time_ns()]
            else:
                self.sends.setdefault(name, time.monotonic_ns())
                write(transport, data)

        events.Handle._run = timed_run
        selector_events._SelectorSocketTransport.write = noted_write
