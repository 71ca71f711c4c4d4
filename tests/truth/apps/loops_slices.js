// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What Node's event loop did when, and for which request, told by Node itself; loops_accounts.py says in what form.
//
// A slice is one callback of the loop, or one continuation of a promise, with the process's CPU time (run node with
// --single-threaded: then that is the loop's) and its request: the one whose asynchronous context it runs in, for what comes from
// a connection to a peer whoever wrote to it last, for what comes from a client the request whose handler it calls.
"use strict";
const { AsyncLocalStorage, createHook, executionAsyncResource } = require("async_hooks");
const fs = require("fs");
const net = require("net");
const { performance } = require("perf_hooks");

const request = new AsyncLocalStorage();
const schedstat = fs.openSync("/proc/thread-self/schedstat");
const buffer = Buffer.alloc(64);

const now = () => Number(process.hrtime.bigint()); // CLOCK_MONOTONIC

function cpu() {
	const { user, system } = process.cpuUsage();
	return (user + system) * 1000;
}

// Nanoseconds that the main thread has been runnable without a CPU.
function runDelay() {
	return Number(buffer.toString("latin1", 0, fs.readSync(schedstat, buffer, 0, 64, 0)).split(" ")[1]);
}

class Slices {
	slices = [];
	idle = [];
	responded = {};
	sends = new Map(); // request: when it wrote to a peer first since the entry was last taken out
	#depth = 0;
	#slice;
	#began; // the request whose handler the current slice has called
	#socketOf = Symbol("socket");
	#writer = Symbol("writer");
	#idleMs = 0;
	#delay = runDelay(); // when last looked at
	#blocked = 0; // of the current slice, in system calls
	#delayInSlices = 0; // since then

	constructor() {
		this.#noteWriters();
		createHook({ before: () => this.#before(), after: () => this.#after() }).enable();
	}

	// Calls handler() as the handler of the request of that name.
	begin(name, handler) {
		this.#began = name;
		request.run(name, handler);
	}

	// The response's last byte has just been handed to the kernel.
	end() {
		this.responded[request.getStore()] = [now(), cpu()];
	}

	// The current slice has slept in the kernel.
	slept(ns) {
		this.#blocked += ns;
	}

	#noteWriters() {
		const slices = this;
		const { write } = net.Socket.prototype;
		net.Socket.prototype.write = function (...args) {
			const name = request.getStore();
			this[slices.#writer] = name;
			const note = () => slices.sends.has(name) || slices.sends.set(name, now());
			if (this.connecting) this.once("connect", note); // it is kept until then
			else if (!this.server) note();
			if (this._handle) this._handle[slices.#socketOf] = this;
			return write.apply(this, args);
		};
	}

	#owner() {
		const socket = executionAsyncResource()[this.#socketOf];
		if (socket) return socket.server ? null : socket[this.#writer];
		// Ticks that a library set off from a connection's callback run right after it, in no request's context.
		return request.getStore() || this.#slice?.[4];
	}

	// Node tells how long the loop has been idle in all, not when: it stands in the middle of the time since the last slice.
	#noteIdle(end) {
		const { idle } = performance.eventLoopUtilization();
		const ns = Math.round((idle - this.#idleMs) * 1e6);
		if (ns <= 0) return;
		const delay = runDelay();
		const woken = Math.min(Math.max(delay - this.#delay - this.#delayInSlices, 0), ns);
		const rest = Math.max(end - (this.#slice ? this.#slice[1] : end - ns) - ns, 0);
		this.idle.push([end - ns - Math.round(rest / 2), end - Math.round(rest / 2), woken]);
		this.#idleMs = idle;
		this.#delay = delay;
		this.#delayInSlices = 0;
	}

	#before() {
		if (this.#depth++ > 0) return;
		const start = now(), cpuStart = cpu();
		this.#noteIdle(start);
		this.#slice = [start, 0, cpuStart, 0, this.#owner()];
		this.#began = undefined;
		this.#blocked = 0;
	}

	#after() {
		if (--this.#depth > 0) return;
		const slice = this.#slice;
		slice[1] = now();
		slice[3] = cpu();
		slice[4] = this.#began || slice[4] || null;
		this.#delayInSlices += Math.max(slice[1] - slice[0] - (slice[3] - slice[2]) - this.#blocked, 0);
		this.slices.push(slice);
	}
}

module.exports = { Slices, cpu, now, request, runDelay };
