// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

import com.sun.net.httpserver.HttpServer;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.concurrent.Executors;

/** JavaWork under the JDK's HTTP server on 127.0.0.1:$PORT, with a fixed pool of threads. */
final class JdkServer {
    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(
                new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 1024);
        server.setExecutor(Executors.newFixedThreadPool(Integer.parseInt(System.getenv("THREADS"))));
        server.createContext("/", exchange -> {
            URI uri = exchange.getRequestURI();
            JavaWork.answer(uri.getPath(), uri.getQuery(), body -> {
                exchange.sendResponseHeaders(200, body.length);
                try (OutputStream out = exchange.getResponseBody()) {
                    out.write(body);
                }
            });
        });
        JavaWork.background();
        server.start();
    }
}
