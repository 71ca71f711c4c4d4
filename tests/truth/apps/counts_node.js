// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The counted application on Node's http: counts_node.js ADDRESS.., each HOST:PORT or a path of a unix socket.
'use strict';
const http = require('http');

const actions = {
	size(request, response, argument) {
		response.setHeader('Content-Length', argument);
		response.end(Buffer.alloc(Number(argument), 'x'));
	},
	chunked(request, response, argument) {
		for (let at = 0; at < Number(argument); at += 997)
			response.write(Buffer.alloc(Math.min(997, Number(argument) - at), 'x'));
		response.end();
	},
	echo(request, response) {
		let count = 0;
		request.on('data', (data) => { count += data.length; });
		request.on('end', () => response.end(String(count)));
	},
	status(request, response, argument) {
		response.statusCode = Number(argument);
		response.end();
	},
	sleep(request, response, argument) {
		setTimeout(() => actions.size(request, response, '16'), Number(argument));
	},
	events(request, response, argument) {
		response.setHeader('Content-Type', 'text/event-stream');
		let number = 0;
		const next = () => {
			response.write(`data: ${number++}\n\n`);
			if (number < Number(argument))
				setTimeout(next, 50);
			else
				response.end();
		};
		next();
	},
};

for (const address of process.argv.slice(2)) {
	const server = http.createServer((request, response) => {
		const parts = request.url.replace(/^http:\/\/[^/]*/, '').split('?')[0].split('/');
		const action = actions[parts[2]];
		if (action)
			action(request, response, parts[3]);
		else
			actions.status(request, response, 404);
	});
	if (address.startsWith('/')) {
		server.listen({path: address, backlog: 1024});
	} else {
		const at = address.lastIndexOf(':');
		server.listen({host: address.slice(0, at).replace(/[[\]]/g, ''), port: Number(address.slice(at + 1)), backlog: 1024});
	}
}
