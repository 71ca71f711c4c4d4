# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What asyncpg has a PostgreSQL do, and what operations that is. Each takes a list to tell it to, and a connection."""
import asyncpg

ROWS = 4000


async def prepared(told, connection):
    for number in range(3):
        await connection.fetch("SELECT name FROM items WHERE id = $1 AND name = $2", number, "secret")
        if not number:
            told("PREPARE SELECT items", "SELECT name FROM items WHERE id = ? AND name = ?", "control")
        told("SELECT items", "SELECT name FROM items WHERE id = ? AND name = ?", "read")
    try:
        await connection.fetchval("SELECT 1 / $1::int", 0)
    except asyncpg.DivisionByZeroError:
        told("PREPARE SELECT", "SELECT ? / ?::int", "control")
        told("SELECT", "SELECT ? / ?::int", "read", error="22012")
    await connection.execute("UPDATE items SET name = 'secret' WHERE id = -1; SELECT 1")
    told("UPDATE items", "UPDATE items SET name = ? WHERE id = ?; SELECT ?", "batch", "write")


async def many(told, connection):
    await connection.executemany("INSERT INTO things VALUES ($1)", [(number,) for number in range(1000)])
    told("PREPARE INSERT things", "INSERT INTO things VALUES (?)", "control")
    told("INSERT things", "INSERT INTO things VALUES (?)", "batch", "write")
    # A statement of which the end, and what is sent behind it, are not at hand.
    await connection.fetch(f"SELECT id FROM items WHERE id IN ({','.join('7' for _ in range(2000))}) AND id = $1", 1)
    told("PREPARE SELECT items", "SELECT id FROM items WHERE id IN (?) AND id = ?", "control")
    told("SELECT items", "SELECT id FROM items WHERE id IN (?) AND id = ?", "read")


async def rows(told, connection):
    statement = await connection.prepare("SELECT id, name, repeat('x', 100) FROM items LIMIT $1")
    told("PREPARE SELECT items", "SELECT id, name, repeat(?, ?) FROM items LIMIT ?", "control")
    assert len(await statement.fetch(ROWS)) == ROWS
    told("SELECT items", "SELECT id, name, repeat(?, ?) FROM items LIMIT ?", "read")
    async with connection.transaction():
        told("BEGIN", "BEGIN", "control")
        cursor = await statement.cursor(ROWS)
        told("BIND SELECT items", "SELECT id, name, repeat(?, ?) FROM items LIMIT ?", "control")
        for number in range(4):
            assert len(await cursor.fetch(ROWS // 4)) == ROWS // 4
            told("FETCH SELECT items" if number else "SELECT items", "SELECT id, name, repeat(?, ?) FROM items LIMIT ?",
                 *(["fetch"] if number else []), "read")
    told("COMMIT", "COMMIT", "control")
    del statement, cursor
    await connection.fetch("SELECT 2")
    told("PREPARE SELECT", "SELECT ?", "control")
    told("CLOSE", "", "control")  # of the one that nothing needs any more
    told("SELECT", "SELECT ?", "read")


async def copies(told, connection):
    await connection.copy_records_to_table("things", records=[(number,) for number in range(5000)])
    told("PREPARE SELECT things", 'SELECT * FROM "things" LIMIT ?', "control")
    told("COPY things", 'COPY "things" FROM STDIN (FORMAT binary)', "write")
    await connection.execute("DELETE FROM things")
    told("DELETE things", "DELETE FROM things", "write")


JOBS = (prepared, many, rows, copies)
