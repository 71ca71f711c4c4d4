// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * gc_signals_d PORT: an HTTP server with a thread for each connection, in D, whose collector stops threads by signals.
 * /allocate/KB-.. makes so much garbage; /compute/MS-.. computes for so long; /log says "COUNT NS" of its collections' pauses.
 */
import core.memory : GC;
import core.sys.posix.time;
import core.thread;
import std.conv : to;
import std.socket;
import std.string : indexOf, format;
import std.array : split;

class Node
{
    Node next;
    long[4] words;
}

__gshared Node live;

void allocate(long kb)
{
    foreach (i; 0 .. kb * 1024 / 64)
    {
        auto node = new Node;
        node.words[0] = i;
    }
}

/// On its CPU, whatever else has that meanwhile.
void compute(long ms)
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    immutable end = t.tv_sec * 1_000_000_000L + t.tv_nsec + ms * 1_000_000;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    while (t.tv_sec * 1_000_000_000L + t.tv_nsec < end);
}

string answer(string path)
{
    auto parts = path.split("/");
    immutable n = parts.length > 2 ? parts[2].split("-")[0].to!long : 0;
    switch (parts[1])
    {
    case "allocate":
        allocate(n);
        break;
    case "compute":
        compute(n);
        break;
    case "log":
        auto stats = GC.profileStats();
        return format("%s %s", stats.numCollections, stats.totalPauseTime.total!"nsecs");
    default:
        break;
    }
    return "ok";
}

void serve(Socket client)
{
    char[2048] buffer;
    size_t len;
    for (;;)
    {
        immutable got = client.receive(buffer[len .. $]);
        if (got <= 0)
            break;
        len += got;
        if (indexOf(buffer[0 .. len], "\r\n\r\n") < 0)
            continue;
        auto path = buffer[0 .. len].split(" ")[1].idup;
        len = 0;
        immutable text = answer(path);
        client.send(format("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n%s", text.length, text));
    }
    client.close();
}

Thread serving(Socket client)
{
    return new Thread(() => serve(client));
}

void main(string[] arguments)
{
    auto listener = new TcpSocket();
    listener.setOption(SocketOptionLevel.SOCKET, SocketOption.REUSEADDR, true);
    listener.bind(new InternetAddress("127.0.0.1", arguments[1].to!ushort));
    foreach (i; 0 .. 400_000)
    {
        auto node = new Node;
        node.next = live;
        live = node;
    }
    listener.listen(64);
    for (;;)
    {
        auto client = listener.accept();
        client.setOption(SocketOptionLevel.TCP, SocketOption.TCP_NODELAY, true);
        serving(client).start();
    }
}
