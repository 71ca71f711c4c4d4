// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The JDK's HTTP server on 127.0.0.1:$PORT with a virtual thread for each request, which notes what it does, with the
 * connections of JavaWork. By what such a thread runs changes, so what it computes is not measured: compiled for 17,
 * and run with 21 or later.
 */
final class VirtualServer {
    static final ExecutorService THREADS = virtual();
    static final ReentrantLock LOCK = new ReentrantLock();
    static final Map<String, String> ANSWERED = new ConcurrentHashMap<>();

    private static ExecutorService virtual() {
        if (Integer.parseInt(System.getenv("THREADS")) > 0)
            return Executors.newFixedThreadPool(Integer.parseInt(System.getenv("THREADS")));
        try {
            return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    /** A thread's time in parts, [kind, start, end]. */
    private static final class Parts {
        private final StringBuilder text = new StringBuilder();

        void part(String kind, JavaWork.Span.Body body) throws Exception {
            long start = System.nanoTime();
            body.run();
            text.append(text.isEmpty() ? "" : ",").append("[\"").append(kind).append("\",").append(start).append(",")
                    .append(System.nanoTime()).append("]");
        }
    }

    private static void spin(double ms) {
        long sum = 0;
        for (int i = 0; i < ms * 1e6; i++)
            sum += sum * 31 + i;
        if (sum == 42)
            System.err.println(sum);
    }

    private static Callable<Void> task(JavaWork.Ledger ledger, String steps) {
        return () -> {
            for (String step : steps.split("\\+"))
                step(ledger, new Parts(), step);
            return null;
        };
    }

    private static void step(JavaWork.Ledger ledger, Parts parts, String step) throws Exception {
        String[] words = step.split(":");
        double ms = words.length > 1 ? Double.parseDouble(words[1]) : 0;
        switch (words[0]) {
            case "cpu" -> parts.part("compute", () -> spin(ms));
            case "pg" -> parts.part("db", () -> JavaWork.postgres(ledger, ms));
            case "queries" -> parts.part("db", () -> JavaWork.queries(ledger));
            case "redis" -> parts.part("db", () -> JavaWork.redis(ledger));
            case "url" -> parts.part("net", () -> JavaWork.urlConnection(ledger, ms));
            case "client" -> parts.part("net", () -> JavaWork.timed(ledger, "http", () -> {
                HttpRequest request = HttpRequest.newBuilder(URI.create(JavaWork.UPSTREAM + ms + "/100")).build();
                JavaWork.CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
            }));
            case "sleep" -> parts.part("sleep", () -> Thread.sleep((long) ms));
            case "lock" -> parts.part("lock", () -> {
                LOCK.lock();
                try {
                    spin(0.1);
                } finally {
                    LOCK.unlock();
                }
            });
            // By another virtual thread, which is awaited.
            case "handed" -> parts.part("task", () -> THREADS.submit(task(ledger, "pg:" + ms + "+cpu:0.3+redis")).get());
            // By three at the same time.
            case "calls" -> parts.part("task", () -> {
                for (Future<Void> done : THREADS.invokeAll(List.of(task(ledger, "pg:" + ms),
                        task(ledger, "url:" + ms * 0.7), task(ledger, "redis+pg:" + ms * 0.5))))
                    done.get();
            });
            // Goes on when the response is out.
            case "after" -> THREADS.submit(() -> {
                ledger.answered.await();
                return task(new JavaWork.Ledger(), "pg:" + ms + "+redis").call();
            });
            default -> throw new IllegalArgumentException(step);
        }
    }

    private static byte[] truth() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        List<String> lines = new ArrayList<>();
        ANSWERED.forEach((name, line) -> lines.add("\"" + name + "\":" + line));
        out.write(("{\"requests\":{" + String.join(",\n", lines) + "}}").getBytes());
        return out.toByteArray();
    }

    private static byte[] answer(URI uri, JavaWork.Ledger ledger, Parts parts) throws IOException {
        if (uri.getQuery() == null)
            return truth();
        try {
            for (String step : uri.getQuery().substring("do=".length()).split(","))
                step(ledger, parts, step);
        } catch (Exception error) {
            error.printStackTrace();
            throw new IOException(error);
        }
        return uri.getPath().getBytes();
    }

    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(
                new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 1024);
        server.setExecutor(THREADS);
        server.createContext("/", exchange -> {
            JavaWork.Ledger ledger = new JavaWork.Ledger();
            Parts parts = new Parts();
            String path = exchange.getRequestURI().getPath();
            byte[] body = answer(exchange.getRequestURI(), ledger, parts);
            exchange.sendResponseHeaders(200, body.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
            ledger.answered.countDown();
            ANSWERED.put(path.substring(path.lastIndexOf('/') + 1),
                    "{\"parts\":[" + parts.text + "],\"operations\":" + ledger.operations() + "}");
        });
        server.start();
    }
}
