// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
import com.sun.management.ThreadMXBean;
import com.sun.net.httpserver.HttpServer;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/**
 * The JDK's own server with eight threads: /allocate/N makes N arrays of a kibibyte, which nobody keeps; with /spawn/N a thread of its
 * own does; /counted tells the bytes that all threads have allocated so far, by the runtime's own count.
 */
public class AllocatedServer {
    static volatile byte[] sink;
    static final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    static void allocate(int n) {
        for (int i = 0; i < n; i++) {
            sink = new byte[1024];
        }
    }

    static String page(String what, int n) throws InterruptedException {
        switch (what) {
            case "counted" -> {
                long sum = 0;
                for (long bytes : threads.getThreadAllocatedBytes(threads.getAllThreadIds())) {
                    sum += Math.max(bytes, 0);
                }
                return sum + " 0";
            }
            case "spawn" -> {
                Thread thread = new Thread(() -> allocate(n));
                thread.start();
                thread.join();
            }
            default -> allocate(n);
        }
        return "ok";
    }

    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 50);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> {
            String[] path = exchange.getRequestURI().getPath().split("/");
            String body;
            try {
                body = page(path[1], path.length > 2 ? Integer.parseInt(path[2]) : 0);
            } catch (InterruptedException error) {
                body = "interrupted";
            }
            exchange.sendResponseHeaders(200, body.length());
            exchange.getResponseBody().write(body.getBytes());
            exchange.close();
        });
        server.start();
    }
}
