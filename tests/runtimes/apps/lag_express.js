// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// As lag_work.py, for Express.
"use strict";
const express = require("express");
const fs = require("fs");

const log = fs.openSync(process.env.LAG_LOG, "a");
const now = () => process.hrtime.bigint();
const write = (text) => fs.writeSync(log, text + "\n");

function hold(who, ms) {
	const from = now(), until = from + BigInt(Math.round(ms * 1e6));
	while (now() < until)
		;
	write(`{"who": "${who}", "from": ${from}, "to": ${now()}}`);
}

if (process.env.LAG_BACKGROUND)
	setInterval(() => hold("", 15), 75);

const app = express();
app.get("/:page/:ms/:number", (request, response) => {
	if (request.params.page !== "quick")
		hold(request.params.page, Number(request.params.ms));
	response.send("done\n");
});
app.listen(Number(process.env.PORT), "127.0.0.1");
