-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
-- wrk script: walks over ROUTES different routes, DELAY_MS after each answer. The names are plain words, so that no
-- rule takes two of them for one route.
local routes = tonumber(os.getenv("ROUTES"))
local pause = tonumber(os.getenv("DELAY_MS"))
local syllables = { "ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu" }
local requests = {}
local at = 0

function init(args)
	for i = 0, routes - 1 do
		local word, rest = "", i
		for _ = 1, 4 do
			word = word .. syllables[rest % 10 + 1]
			rest = math.floor(rest / 10)
		end
		requests[i + 1] = wrk.format("GET", "/" .. word)
	end
end

function request()
	at = at % routes + 1
	return requests[at]
end

function delay()
	return pause
end
