// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The server of loops_aiohttp.py on Node with express and pg, without redis. Run it with --single-threaded.
"use strict";
const { Slices, cpu, now, request, runDelay } = require("./loops_slices.js");
const crypto = require("crypto");
const express = require("express");
const fs = require("fs");
const http = require("http");
const { Client } = require("pg");

const slices = new Slices();
const waits = {};
const free = { pg: [], pgunix: [] };
const agent = new http.Agent({ keepAlive: true });
const file = fs.openSync("scratch", "w");

function wait(kind, start, ready) {
	const name = request.getStore();
	(waits[name] ||= []).push([kind, start, ready, now()]);
}

function sent() {
	const name = request.getStore();
	const when = slices.sends.get(name);
	slices.sends.delete(name);
	return when;
}

function sleepIn(client, ms) {
	return client.query({
		name: "sleep",
		text: "SELECT pg_sleep($1), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS done",
		values: [ms / 1000],
	});
}

async function postgres(step, ms) {
	const client = free[step].pop();
	const { rows } = await sleepIn(client, ms);
	wait("db", sent(), Number(BigInt(rows[0].done) * 1000n - BigInt(process.env.REALTIME)));
	free[step].push(client);
}

const steps = {
	cpu(ms) {
		const end = cpu() + ms * 1e6;
		while (cpu() < end);
	},
	fsync() {
		fs.writeSync(file, crypto.randomBytes(4096), 0, 4096, 0);
		const start = now(), cpuStart = cpu(), delayStart = runDelay();
		fs.fsyncSync(file);
		const delay = runDelay() - delayStart, cpuUsed = cpu() - cpuStart, end = now();
		const ready = Math.max(end - cpuUsed - delay, start);
		slices.slept(ready - start);
		wait("disk", start, ready);
	},
	async sleep(ms) {
		const start = now();
		await new Promise((resolve) => setTimeout(resolve, ms));
		// Node counts from the millisecond that has begun.
		wait("sleep", start, (Math.floor(start / 1e6) + ms) * 1e6);
	},
	pg: (ms) => postgres("pg", ms),
	pgunix: (ms) => postgres("pgunix", ms),
	async http(ms) {
		const response = await new Promise((resolve, reject) => {
			http.get({ host: "127.0.0.1", port: process.env.UPSTREAM_PORT, path: `/delay/${ms}/2`, agent }, resolve).on("error", reject);
		});
		wait("net", sent(), Number(response.headers["x-sent-ns"]));
		for await (const _ of response);
	},
};

async function work(req, res) {
	for (const step of req.query.do.split(",")) {
		const [name, ms] = step.split(":");
		await steps[name](Number(ms || 0));
	}
	res.type("text").send("done");
	slices.end();
}

async function main() {
	const hosts = process.env.POSTGRES_HOSTS.split(",");
	for (const [index, step] of ["pg", "pgunix"].entries()) {
		for (let i = 0; i < Number(process.env.CONNECTIONS); i++) {
			const client = new Client({ host: hosts[index], port: process.env.POSTGRES_PORT, user: "postgres", database: "test" });
			await client.connect();
			await sleepIn(client, 0); // it is prepared, from here on
			free[step].push(client);
		}
	}
	const app = express();
	app.get("/job/:id", (req, res, next) => slices.begin(req.params.id, () => work(req, res).catch(next)));
	app.get("/truth", (req, res) => {
		const { idle, responded } = slices;
		res.json({ slices: slices.slices, idle, responded, waits });
	});
	app.listen(process.env.PORT, "127.0.0.1");
}

main();
