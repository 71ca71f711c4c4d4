// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// StacksJava PORT: as stacks_server.c, in Java: answers how long it was in which function.
import com.sun.net.httpserver.HttpServer;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

public class StacksJava {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static long sink;

    private static long burn(long ms) {
        long begun = THREADS.getCurrentThreadCpuTime(), now;
        do {
            long sum = sink;
            for (int i = 0; i < 20000; i++)
                sum += i * sum + 1;
            sink = sum;
            now = THREADS.getCurrentThreadCpuTime();
        } while (now - begun < ms * 1000000);
        return now - begun;
    }

    private static long burn_a() {
        return burn(15) + (sink == 1 ? 1 : 0);
    }

    private static long burn_b() {
        return burn(5) + (sink == 1 ? 1 : 0);
    }

    private static long nap() throws InterruptedException {
        long begun = System.nanoTime();
        Thread.sleep(3);
        return System.nanoTime() - begun;
    }

    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);

        server.createContext("/mix", exchange -> {
            try {
                byte[] body = ("burn_a " + burn_a() + "\nburn_b " + burn_b() + "\nnap " + nap() + "\n").getBytes();
                exchange.sendResponseHeaders(200, body.length);
                exchange.getResponseBody().write(body);
                exchange.close();
            } catch (InterruptedException e) {
                exchange.close();
            }
        });
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
    }
}
