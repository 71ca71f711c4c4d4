// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Node's http with pages that make garbage: /allocate/N makes N thousand objects and keeps them until the next one does, /wait/MS
// computes.
"use strict";
const http = require("http");

let kept = [];

http.createServer((request, response) => {
  const [, what, number] = request.url.split(/[/-]/);
  if (what === "allocate") {
    const objects = [];
    for (let i = 0; i < 1000 * number; i++) {
      objects.push({ i, text: `object ${i}` });
    }
    kept = objects;
  } else if (what === "wait") {
    for (const end = performance.now() + Number(number); performance.now() < end;);
  }
  response.end("ok");
}).listen(process.env.PORT, "127.0.0.1");
