#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small server that reads and writes by the system calls it is told: counts_syscalls.py HOST:PORT READ WRITE.

/CASE/size/N/NUMBER answers N bytes; a request's body is read and dropped. A thread per connection, which is kept alive.
"""
import os
import socket
import sys
import tempfile
import threading

FILLING = b"Server: by hand\r\n" * 100  # more header lines than are looked at in one piece
ODD = (3, 7, 1, 19, 2, 61, 5)  # bytes: pieces that end in the middle of everything


def pieces(data, sizes):
    """The data cut into pieces of these sizes, over and over."""
    out = []
    at = turn = 0
    while at < len(data):
        out.append(data[at:at + sizes[turn % len(sizes)]])
        at += len(out[-1])
        turn += 1
    return out


def into_pieces(call):
    """A read by call(buffers), which returns a count, into many small buffers."""
    def read(connection):
        buffers = [bytearray(ODD[turn % len(ODD)]) for turn in range(60)] + [bytearray(4096)]
        count = call(connection, buffers)
        return b"".join(buffers)[:count]
    return read


def peek_first(connection):
    """As servers do that look what protocol it is."""
    connection.recv(5, socket.MSG_PEEK)
    return connection.recv(4096)


def wait_all(connection):
    """No byte more than there must be, as one that reads line by line without a buffer."""
    return connection.recv(1, socket.MSG_WAITALL)


READS = {
    "recv": lambda connection: connection.recv(4096),
    "small": lambda connection: connection.recv(11),
    "single": wait_all,
    "read": lambda connection: os.read(connection.fileno(), 4096),
    "readv": into_pieces(lambda connection, buffers: os.readv(connection.fileno(), buffers)),
    "recvmsg": into_pieces(lambda connection, buffers: connection.recvmsg_into(buffers)[0]),
    "peek": peek_first,
}


def write_all(call):
    """Writes by call(connection, data), which returns a count, until all is written."""
    def write(connection, head, body):
        data = head + body
        while data:
            data = data[call(connection, data):]
    return write


def gather(call, sizes):
    """The same from many small buffers: at most 1000 in one call."""
    def step(connection, data):
        return call(connection, pieces(data[:500 * sum(sizes) // len(sizes)], sizes)[:1000])
    return write_all(step)


def from_file(copy):
    """The head by send(), the body by copy(connection, file, count)."""
    def write(connection, head, body):
        connection.sendall(head)
        with tempfile.TemporaryFile() as file:
            file.write(body)
            file.seek(0)
            left = len(body)
            while left:
                left -= copy(connection, file, left)
    return write


def splice(connection, file, count):
    reader, writer = os.pipe()
    moved = os.splice(file.fileno(), writer, min(count, 65536))
    left = moved
    while left:
        left -= os.splice(reader, connection.fileno(), left)
    os.close(reader)
    os.close(writer)
    return moved


def corked(connection, head, body):
    """Each byte of the head by a call of its own, gathered by the kernel."""
    for at in range(len(head)):
        connection.send(head[at:at + 1], socket.MSG_MORE)
    connection.sendall(body or b"")


WRITES = {
    "send": write_all(lambda connection, data: connection.send(data)),
    "write": write_all(lambda connection, data: os.write(connection.fileno(), data)),
    "writev": gather(lambda connection, parts: os.writev(connection.fileno(), parts), ODD),
    "sendmsg": gather(lambda connection, parts: connection.sendmsg(parts), ODD),
    "three": gather(lambda connection, parts: connection.sendmsg(parts), (9, 100, 3000)),
    "sendfile": from_file(lambda connection, file, count: os.sendfile(connection.fileno(), file.fileno(), file.tell(), count)),
    "splice": from_file(splice),
    "more": corked,
}


def serve(connection, read, write):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = read(connection)
            if not more:
                return connection.close()
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(headers.get("content-length", 0))
        while len(data) < length:
            data += read(connection)
        data = data[length:]
        size = int(lines[0].split("/")[3])
        write(connection, b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\nX-End: yes\r\n\r\n" % (FILLING, size), b"x" * size)


def main(address, read, write):
    host, _, port = address.rpartition(":")
    with socket.create_server((host, int(port)), backlog=64) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, READS[read], WRITES[write]), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
