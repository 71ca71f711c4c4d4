// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The pages of prepared_pages.py by pg, whose named statements are prepared once a connection. Environment: PORT, DB_PORT.
"use strict";
const http = require("http");
const { Pool } = require("pg");

const pool = new Pool({ host: "127.0.0.1", port: Number(process.env.DB_PORT), user: "postgres", database: "test", max: 4 });
const ROW = { name: "row", text: "SELECT price, pg_sleep(0.002) FROM items WHERE id = $1" };

const jobs = {
    async rounds(client, number) {
        for (let item = 1; item <= number; item++) await client.query({ ...ROW, values: [item] });
    },
    async several(client, number) {
        for (let more = 0; more < 6; more++) {
            await client.query({ name: `row${more}`, text: `SELECT price + ${more} FROM items WHERE id = $1`, values: [number] });
        }
    },
    async again(client, number) {
        for (let n = 0; n < 3; n++) {
            await client.query({ name: "both", text: "SELECT id, price, pg_sleep(0.002) FROM items WHERE id = $1", values: [number] });
        }
    },
    async slow(client, number) {
        await client.query({ ...ROW, values: [number] });
        await client.query({ name: "slow", text: "SELECT id, price, pg_sleep(0.02) FROM items WHERE id = $1", values: [number] });
    },
};

http.createServer(async (request, response) => {
    const [, page, number] = request.url.split("/");
    const client = await pool.connect();
    try {
        await jobs[page](client, Number(number));
        response.end("done");
    } catch (error) {
        response.writeHead(500).end(String(error));
    } finally {
        client.release();
    }
}).listen(Number(process.env.PORT), "127.0.0.1");
