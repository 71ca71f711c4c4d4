// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// As connects.py, on Node's event loop: /node/UPSTREAM-PORT/MS connects, computes, and only then sends; /sleep/0/MS sleeps.
"use strict";
const http = require("http");
const net = require("net");

function compute(ms) {
    const begin = process.cpuUsage();
    for (;;) {
        const used = process.cpuUsage(begin);
        if (used.user + used.system >= ms * 1000) {
            return;
        }
    }
}

http.createServer((request, response) => {
    const [, how, port, ms] = request.url.split("/");
    const end = () => response.writeHead(200, { "Content-Length": 0 }).end();
    if (how === "sleep") {
        setTimeout(end, Number(ms));
        return;
    }
    const upstream = net.connect(Number(port), "127.0.0.1", () => {
        compute(Number(ms));
        upstream.write("question");
    });
    upstream.on("data", () => {
        upstream.destroy();
        end();
    });
}).listen(Number(process.env.PORT), "127.0.0.1");
