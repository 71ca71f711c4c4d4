-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
--
-- For wrk with one connection a thread: each is a visitor who asks, reads for a while, and asks again.
--
--     wrk -t N -c N -s load.lua URL -- PAUSE_MS "METHOD /path/{200}" ..
--
-- {200} stands for a random number from 1 to 200. The pauses are drawn from an exponential distribution with that mean.

local ffi = require("ffi")
ffi.cdef("int poll(void *fds, unsigned long count, int timeout_ms);")

local visitors = 0
function setup(thread)
	visitors = visitors + 1
	thread:set("seed", visitors)
end

local pause_ms, requests

function init(args)
	math.randomseed(seed)
	pause_ms = tonumber(args[1])
	requests = {}
	for i = 2, #args do
		local method, path = args[i]:match("^(%u+) (.+)$")
		requests[#requests + 1] = { method = method, path = path }
	end
end

function request()
	local chosen = requests[math.random(#requests)]
	local path = chosen.path:gsub("{(%d+)}", function(most) return math.random(tonumber(most)) end)
	return wrk.format(chosen.method, path)
end

-- wrk's own delay() would hold a connection open unused, and with it a worker of the server.
function response()
	ffi.C.poll(nil, 0, math.floor(-pause_ms * math.log(1 - math.random()) + 0.5))
end
