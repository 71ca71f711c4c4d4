// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// /pool/N: work in libuv's thread pool, while the loop waits; /timer/N: a timer of 40 ms.
"use strict";
const crypto = require("crypto");
const http = require("http");

http.createServer((request, response) => {
    const end = () => response.writeHead(200, { "Content-Length": 0 }).end();
    if (request.url.startsWith("/pool/")) {
        crypto.pbkdf2("password", "salt", 50000, 64, "sha512", end);
    } else {
        setTimeout(end, 40);
    }
}).listen(Number(process.env.PORT), "127.0.0.1");
