// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// An express server on 127.0.0.1:$PORT with pg's pool, redis, an agent that keeps connections, libuv's thread pool and a worker thread,
// that keeps a ledger as python_work.py does. /plain/NAME?do=STEPS does the steps one after the other (pg:MS, redis, http:MS, cpu:MS),
// /all/NAME two at a time, /after/NAME goes on when it has answered; /timers/NAME may have sleep:MS, /pool/NAME fsync and hash:MS, and
// /worker/NAME worker:MS, which a thread does by messages. Beside them a timer works for nobody.
"use strict";
const { AsyncLocalStorage } = require("async_hooks");
const crypto = require("crypto");
const express = require("express");
const fs = require("fs");
const http = require("http");
const { Pool } = require("pg");
const { Worker, isMainThread, parentPort } = require("worker_threads");

const now = () => Number(process.hrtime.bigint()); // CLOCK_MONOTONIC

function spin(ms) {
	const end = now() + ms * 1e6;
	while (now() < end);
}

if (!isMainThread) {
	parentPort.on("message", ({ id, ms }) => {
		spin(ms);
		parentPort.postMessage(id);
	});
	return;
}

const of = new AsyncLocalStorage(); // the ledger's name
const ledgers = {};
const kinds = { postgres: "db", redis: "db", http: "net", sleep: "sleep", thread: "ipc" };
const agent = new http.Agent({ keepAlive: true });
const pool = new Pool({
	host: "127.0.0.1", port: process.env.TRUTH_POSTGRES, user: "postgres", database: "test",
	max: Number(process.env.TRUTH_POOL || 96), idleTimeoutMillis: 0,
});
let command; // a function that has Redis do one, by the one connection of the client that TRUTH_NODE_REDIS names
const worker = new Worker(__filename);
const awaited = new Map();
worker.on("message", (id) => {
	awaited.get(id)();
	awaited.delete(id);
});
let tasks = 0;

function wait(system, start, ready) {
	const ledger = ledgers[of.getStore()];
	const kind = kinds[system];
	ledger.waits[kind] = (ledger.waits[kind] || 0) + Math.max(0, ready - start);
	if (kind === "db" || kind === "net") ledger.operations.push([system, start, now()]);
}

const steps = {
	async cpu(ms) {
		const { user, system } = process.cpuUsage();
		spin(ms);
		const after = process.cpuUsage();
		ledgers[of.getStore()].cpu += (after.user + after.system - user - system) * 1000;
	},
	async sleep(ms) {
		const start = now();
		await new Promise((resolve) => setTimeout(resolve, ms));
		wait("sleep", start, (Math.floor(start / 1e6) + Math.floor(ms)) * 1e6); // Node counts from the millisecond that has begun
	},
	async pg(ms) {
		const connection = await pool.connect();
		const start = now();
		const { rows } = await connection.query({
			name: "sleep",
			text: "SELECT pg_sleep($1), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS done",
			values: [ms / 1000],
		});
		wait("postgres", start, Number(BigInt(rows[0].done) * 1000n - BigInt(process.env.REALTIME)));
		connection.release();
	},
	async redis() {
		const start = now();
		const reply = await command("TIME");
		wait("redis", start, Number((BigInt(reply[0]) * 1000000n + BigInt(reply[1])) * 1000n - BigInt(process.env.REALTIME)));
	},
	async http(ms) {
		const start = now(), { operations } = ledgers[of.getStore()];
		const response = await new Promise((resolve, reject) => {
			http.get({ host: "127.0.0.1", port: process.env.TRUTH_UPSTREAM, path: `/delay/${ms}/2`, agent }, resolve).on("error", reject)
				.on("socket", (socket) => {
					if (socket.connecting) socket.once("connect", () => operations.push(["connect", start, now()]));
				});
		});
		for await (const _ of response);
		wait("http", start, Number(response.headers["x-sent-ns"]));
	},
	async fsync() {
		const start = now();
		const file = await fs.promises.open(`${process.env.TRUTH_SCRATCH}/${++tasks % 64}`, "w");
		await file.write(crypto.randomBytes(4096));
		await file.sync();
		await file.close();
		wait("thread", start, now());
	},
	async hash(ms) {
		const start = now();
		await new Promise((resolve, reject) => {
			crypto.pbkdf2("password", "salt", Math.round(ms * 800), 64, "sha512", (error) => error ? reject(error) : resolve());
		});
		wait("thread", start, now());
	},
	async worker(ms) {
		const start = now();
		await new Promise((resolve) => {
			awaited.set(++tasks, resolve);
			worker.postMessage({ id: tasks, ms });
		});
		wait("thread", start, now());
	},
};

function step(text) {
	const [name, ms] = text.split(":");
	return steps[name](Number(ms || 0));
}

function run(name, work) {
	ledgers[name] ||= { operations: [], waits: {}, cpu: 0, delay: 0 };
	return of.run(name, work);
}

async function oneByOne(text) {
	for (const one of text.split(","))
		await step(one);
}

function answer(work) {
	return (request, response, next) => {
		run(request.params.name, () => work(request.query.do)).then(() => response.type("text").send("done"), next);
	};
}

async function main() {
	const port = Number(process.env.TRUTH_REDIS);
	if (process.env.TRUTH_NODE_REDIS === "redis") {
		const client = require("redis").createClient({ socket: { host: "127.0.0.1", port } });
		await client.connect();
		command = (name) => client.sendCommand([name]);
	} else if (process.env.TRUTH_NODE_REDIS === "ioredis") {
		const Redis = require("ioredis");
		const client = new Redis(port, "127.0.0.1");
		command = (name) => client.call(name);
	}
	const connections = await Promise.all([...Array(pool.options.max)].map(() => pool.connect()));
	for (const connection of connections) {
		await connection.query({
			name: "sleep",
			text: "SELECT pg_sleep($1), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS done", values: [0],
		});
		connection.release();
	}
	const app = express();
	for (const way of ["plain", "timers", "pool", "worker"])
		app.get(`/${way}/:name`, answer(oneByOne));
	app.get("/all/:name", answer(async (text) => {
		const all = text.split(",");
		await Promise.all(all.slice(0, 2).map(step));
		await Promise.all(all.slice(2).map(step));
	}));
	app.get("/after/:name", (request, response, next) => {
		const { name } = request.params;
		run(name, () => oneByOne(request.query.do)).then(() => {
			response.type("text").send("done");
			return run(`after-${name}`, () => oneByOne("sleep:5,pg:3,http:3"));
		}).catch(next);
	});
	app.get("/truth", (request, response) => response.json(ledgers));
	if (process.env.TRUTH_TIMER) {
		setInterval(() => run("nobody", () => oneByOne("pg:2")), 20);
	}
	app.listen(Number(process.env.PORT), "127.0.0.1");
}

main();
