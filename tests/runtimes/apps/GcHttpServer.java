// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;

/**
 * The JDK's own server with eight threads and pages that make garbage: /allocate/N keeps N arrays of 10 kB until the next one does,
 * /wait/MS computes, /lock/MS computes holding a lock.
 */
public class GcHttpServer {
    static volatile List<byte[]> kept = new ArrayList<>();

    static void compute(int ms) {
        long end = System.nanoTime() + ms * 1000000L;
        while (System.nanoTime() < end) {
        }
    }

    static void page(String what, int n) {
        switch (what) {
            case "allocate" -> {
                List<byte[]> arrays = new ArrayList<>();
                for (int i = 0; i < n; i++) {
                    arrays.add(new byte[10000]);
                }
                kept = arrays;
            }
            case "wait" -> compute(n);
            case "lock" -> {
                synchronized (GcHttpServer.class) {
                    compute(n);
                }
            }
            default -> {
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 50);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> {
            String[] path = exchange.getRequestURI().getPath().split("[/-]");
            page(path[1], path.length > 2 ? Integer.parseInt(path[2]) : 0);
            exchange.sendResponseHeaders(200, 2);
            exchange.getResponseBody().write("ok".getBytes());
            exchange.close();
        });
        server.start();
    }
}
