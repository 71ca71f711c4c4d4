// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// stacks_node.js PORT: as stacks_server.c, in JavaScript: answers how long it computed in which function.
const http = require('http');

function burn(ms) {
  const begun = process.cpuUsage().user;
  let now, sum = 0;
  do {
    for (let i = 0; i < 20000; i++) sum += i * sum + 1;
    now = process.cpuUsage().user;
  } while (now - begun < ms * 1000);
  return (now - begun) * 1000 + (sum === 1 ? 1 : 0);
}

function burn_a() {
  return burn(15) + 0;
}

function burn_b() {
  return burn(5) + 0;
}

// This and hot_b are where the time itself is spent.
function hot_a() {
  const begun = process.cpuUsage().user;
  let sum = 0;
  for (let i = 0; i < 15000000; i++) sum = (sum * i + 1) | 0;
  return (process.cpuUsage().user - begun) * 1000 + (sum & 1);
}

function hot_b() {
  const begun = process.cpuUsage().user;
  let sum = 0;
  for (let i = 0; i < 5000000; i++) sum = (sum * i + 2) | 0;
  return (process.cpuUsage().user - begun) * 1000 + (sum & 1);
}

http.createServer((request, response) => {
  if (request.url === '/hot') response.end(`hot_a ${hot_a()}\nhot_b ${hot_b()}\n`);
  else response.end(`burn_a ${burn_a()}\nburn_b ${burn_b()}\n`);
}).listen(Number(process.argv[2]), '127.0.0.1').keepAliveTimeout = 60000; // longer than a busy host lets a client wait
