// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.net.HttpURLConnection;
import java.net.Socket;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What the handlers of the Java servers do, and the account that each keeps of it by the clock that whywait uses, too
 * (System.nanoTime() is CLOCK_MONOTONIC): see java_truth.py.
 */
final class JavaWork {
    static final String DSN = System.getenv("TRUTH_JDBC");
    static final int REDIS = Integer.parseInt(System.getenv("TRUTH_REDIS"));
    static final String UPSTREAM = "http://127.0.0.1:" + System.getenv("TRUTH_UPSTREAM") + "/delay/";
    static final Path SCRATCH = Path.of(System.getenv("TRUTH_SCRATCH"));
    /** Few threads, so that at 64 requests in flight most tasks wait for one in its queue. */
    static final ExecutorService FEW = Executors.newFixedThreadPool(Integer.getInteger("truth.few", 16));
    static final ExecutorService MANY = Executors.newCachedThreadPool();
    static final ForkJoinPool FORK = new ForkJoinPool(16);
    static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    static final Object LOCK = new Object();

    /** What a thread has used: CPU time, and time that it waited for one. */
    static final class Meter {
        static final ThreadLocal<Meter> MINE = ThreadLocal.withInitial(Meter::new);
        private static final com.sun.management.ThreadMXBean THREADS =
                (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        private final RandomAccessFile file;
        private final byte[] text = new byte[100];
        /** When it did its last work, and what it had used by then. */
        long endedAt = System.nanoTime();
        long endedCpu;
        long endedDelay;

        Meter() {
            try {
                file = new RandomAccessFile("/proc/thread-self/schedstat", "r");
            } catch (IOException error) {
                throw new IllegalStateException(error);
            }
        }

        long cpu() {
            return THREADS.getCurrentThreadCpuTime();
        }

        long delay() {
            try {
                file.seek(0);
                int length = file.read(text);
                int at = 0;
                while (text[at++] != ' ') {}
                long ns = 0;
                for (; at < length && text[at] >= '0'; at++)
                    ns = 10 * ns + text[at] - '0';
                return ns;
            } catch (IOException error) {
                throw new IllegalStateException(error);
            }
        }

        void ended() {
            endedCpu = cpu();
            endedDelay = delay();
            endedAt = System.nanoTime();
        }
    }

    /** An operation on another system, of whichever thread. */
    record Operation(String system, long start, long end) {}

    /**
     * A part of a thread's time. `known`: of a wait for other threads, that was surely for what they asked, which the
     * other end has measured.
     */
    record Part(String kind, long start, long end, long cpu, long delay, long known) {
        String json() {
            return "[\"" + kind + "\"," + start + "," + end + "," + cpu + "," + delay + "," + known + "]";
        }
    }

    /** What one thread does for a request: its own time, and that of the tasks that it waited for. */
    static final class Span {
        final Meter meter = Meter.MINE.get();
        final long previousEnd = meter.endedAt;
        final long start;
        final long frontCpu;
        final long frontDelay;
        final List<Part> parts = new ArrayList<>();
        final List<List<Span>> awaited = new ArrayList<>();
        final List<long[]> awaits = new ArrayList<>();
        long end;
        long cpu;
        long delay;
        private long known;

        Span() {
            frontCpu = meter.cpu() - meter.endedCpu;
            frontDelay = meter.delay() - meter.endedDelay;
            cpu = meter.cpu();
            delay = meter.delay();
            start = System.nanoTime();
        }

        void over() {
            end = System.nanoTime();
            cpu = meter.cpu() - cpu;
            delay = meter.delay() - delay;
            meter.ended();
        }

        interface Body {
            void run() throws Exception;
        }

        void part(String kind, Body body) throws Exception {
            long began = System.nanoTime(), cpuBefore = meter.cpu(), delayBefore = meter.delay();
            known = 0;
            body.run();
            long cpuAfter = meter.cpu(), delayAfter = meter.delay();
            parts.add(new Part(kind, began, System.nanoTime(), cpuAfter - cpuBefore, delayAfter - delayBefore, known));
        }

        /** A part in which it waits for tasks, one after the other. */
        void awaiting(List<Span> tasks, Body body) throws Exception {
            int at = parts.size();
            part("task", body);
            awaited.add(tasks);
            awaits.add(new long[] {at});
        }

        String json() {
            StringBuilder text = new StringBuilder();
            text.append("{\"previous\":").append(previousEnd).append(",\"front_cpu\":").append(frontCpu)
                    .append(",\"front_delay\":").append(frontDelay).append(",\"start\":").append(start)
                    .append(",\"end\":").append(end).append(",\"cpu\":").append(cpu).append(",\"delay\":").append(delay)
                    .append(",\"parts\":[");
            for (int i = 0; i < parts.size(); i++)
                text.append(i > 0 ? "," : "").append(parts.get(i).json());
            text.append("],\"awaited\":[");
            for (int i = 0; i < awaited.size(); i++) {
                text.append(i > 0 ? "," : "").append("[").append(awaits.get(i)[0]).append(",[");
                List<Span> tasks = awaited.get(i);
                for (int j = 0; j < tasks.size(); j++)
                    text.append(j > 0 ? "," : "").append(tasks.get(j).json());
                text.append("]]");
            }
            return text.append("]}").toString();
        }
    }

    /** Of one request. */
    static final class Ledger {
        private final List<Operation> operations = new ArrayList<>();
        final CountDownLatch answered = new CountDownLatch(1);
        Span span;

        synchronized void add(Operation operation) {
            operations.add(operation);
        }

        /** As [system, start, end]. */
        synchronized String operations() {
            StringBuilder text = new StringBuilder("[");
            for (int i = 0; i < operations.size(); i++) {
                Operation o = operations.get(i);
                text.append(i > 0 ? "," : "").append("[\"").append(o.system).append("\",").append(o.start).append(",")
                        .append(o.end).append("]");
            }
            return text.append("]").toString();
        }

        String json() {
            return "{\"span\":" + span.json() + ",\"operations\":" + operations() + "}";
        }
    }

    /** Things that one thread at a time uses, made when none is free. */
    static final class Pool<T> {
        private final ConcurrentLinkedDeque<T> free = new ConcurrentLinkedDeque<>();
        private final Callable<T> make;

        Pool(Callable<T> make) {
            this.make = make;
        }

        interface Use<T> {
            void with(T thing) throws Exception;
        }

        void use(Ledger ledger, Use<T> use) throws Exception {
            T thing = free.pollFirst();
            if (thing == null) {
                long start = System.nanoTime();
                thing = make.call();
                ledger.add(new Operation("connect", start, System.nanoTime()));
            }
            use.with(thing);
            free.addFirst(thing);
        }
    }

    static final class Database {
        final PreparedStatement sleep;
        final PreparedStatement count;

        Database() throws Exception {
            Connection connection = DriverManager.getConnection(DSN);
            sleep = connection.prepareStatement("SELECT pg_sleep(?)");
            count = connection.prepareStatement("SELECT ? + count(*) FROM pg_class");
        }
    }

    static final class Redis {
        final InputStream in;
        final OutputStream out;

        Redis() throws IOException {
            Socket socket = new Socket("127.0.0.1", REDIS);
            socket.setTcpNoDelay(true);
            in = socket.getInputStream();
            out = socket.getOutputStream();
        }

        void call(String... words) throws IOException {
            StringBuilder text = new StringBuilder("*" + words.length + "\r\n");
            for (String word : words)
                text.append("$").append(word.length()).append("\r\n").append(word).append("\r\n");
            out.write(text.toString().getBytes());
            byte[] answer = new byte[4096];
            if (in.read(answer) <= 0)
                throw new IOException("redis has gone");
        }
    }

    static final Pool<Database> DATABASES = new Pool<>(Database::new);
    static final Pool<Redis> REDISES = new Pool<>(Redis::new);
    static final AtomicInteger FILES_MADE = new AtomicInteger();
    static final Pool<FileChannel> FILES = new Pool<>(() -> FileChannel.open(
            SCRATCH.resolve("file" + FILES_MADE.incrementAndGet()), StandardOpenOption.CREATE, StandardOpenOption.WRITE));

    static void timed(Ledger ledger, String system, Span.Body body) throws Exception {
        long start = System.nanoTime();
        body.run();
        ledger.add(new Operation(system, start, System.nanoTime()));
    }

    static void spin(double ms) {
        Meter meter = Meter.MINE.get();
        long end = meter.cpu() + (long) (ms * 1e6);
        long sum = 0;
        while (meter.cpu() < end)
            for (int i = 0; i < 1000; i++)
                sum += sum * 31 + i;
        if (sum == 42)
            System.err.println(sum);
    }

    static void postgres(Ledger ledger, double ms) throws Exception {
        DATABASES.use(ledger, database -> timed(ledger, "postgres", () -> {
            database.sleep.setDouble(1, ms / 1000);
            database.sleep.executeQuery().close();
        }));
    }

    static void queries(Ledger ledger) throws Exception {
        DATABASES.use(ledger, database -> {
            for (int i = 0; i < 20; i++) {
                int number = i;
                timed(ledger, "postgres", () -> {
                    database.count.setInt(1, number);
                    database.count.executeQuery().close();
                });
            }
        });
    }

    static void redis(Ledger ledger) throws Exception {
        REDISES.use(ledger, redis -> {
            for (int i = 0; i < 5; i++) {
                String key = "key" + i;
                timed(ledger, "redis", () -> redis.call("GET", key));
            }
        });
    }

    static void urlConnection(Ledger ledger, double ms) throws Exception {
        timed(ledger, "http", () -> {
            HttpURLConnection connection = (HttpURLConnection) new URL(UPSTREAM + ms + "/100").openConnection();
            try (InputStream in = connection.getInputStream()) {
                in.readAllBytes();
            }
        });
    }

    static void client(Ledger ledger, Span span, double ms) throws Exception {
        timed(ledger, "http", () -> {
            HttpRequest request = HttpRequest.newBuilder(URI.create(UPSTREAM + ms + "/100")).build();
            HttpResponse<byte[]> response = CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
            span.known = response.headers().firstValueAsLong("X-Delay-Ns").getAsLong();
        });
    }

    /** A task of a pool, with a span of its own. */
    static Span task(Ledger ledger, String steps) {
        Span span = new Span();
        try {
            for (String step : steps.split("\\+"))
                step(ledger, span, step);
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
        span.over();
        return span;
    }

    private static void waitFor(Span span, Callable<List<Future<Span>>> start) throws Exception {
        List<Span> spans = new ArrayList<>();
        span.awaiting(spans, () -> {
            for (Future<Span> future : start.call())
                spans.add(future.get());
        });
    }

    private static void step(Ledger ledger, Span span, String step) throws Exception {
        String[] words = step.split(":");
        double ms = words.length > 1 ? Double.parseDouble(words[1]) : 0;
        switch (words[0]) {
            case "cpu" -> span.part("compute", () -> spin(ms));
            case "pg" -> span.part("db", () -> postgres(ledger, ms));
            case "queries" -> span.part("db", () -> queries(ledger));
            case "redis" -> span.part("db", () -> redis(ledger));
            case "url" -> span.part("net", () -> urlConnection(ledger, ms));
            case "client" -> span.part("client", () -> client(ledger, span, ms));
            case "sleep" -> span.part("sleep", () -> Thread.sleep((long) ms));
            case "lock" -> span.part("lock", () -> {
                synchronized (LOCK) {
                    spin(0.1);
                }
            });
            case "fsync" -> span.part("disk", () -> FILES.use(ledger, file -> {
                file.write(ByteBuffer.allocate(65536), 0);
                file.force(true);
            }));
            // Handed to a pool, and awaited.
            case "handed" -> waitFor(span, () -> List.of(FEW.submit(() -> task(ledger, "pg:" + ms + "+cpu:0.3+redis"))));
            // One task follows from the other, each in the pool.
            case "chained" -> waitFor(span, () -> {
                CompletableFuture<Span> first = CompletableFuture.supplyAsync(() -> task(ledger, "redis+pg:" + ms), MANY);
                CompletableFuture<Span> second = first.thenApplyAsync(done -> task(ledger, "cpu:0.3+queries"), MANY);
                second.get();
                return List.of(first, second);
            });
            // Three at the same time.
            case "calls" -> waitFor(span, () -> MANY.invokeAll(List.of(() -> task(ledger, "pg:" + ms),
                    () -> task(ledger, "url:" + ms * 0.7), () -> task(ledger, "redis+pg:" + ms * 0.5))));
            // The same, each said to be done by the task itself; most of them wait for a thread in the queue.
            case "executed" -> waitFor(span, () -> {
                List<Future<Span>> done = new ArrayList<>();
                for (String steps : List.of("pg:" + ms, "redis+cpu:0.2", "url:" + ms * 0.5)) {
                    CompletableFuture<Span> future = new CompletableFuture<>();
                    FEW.execute(() -> future.complete(task(ledger, steps)));
                    done.add(future);
                }
                return done;
            });
            // In the pool that all share; where that has one thread, as on two CPUs, in a thread that is made for it.
            case "common" -> waitFor(span, () -> List.of(CompletableFuture.supplyAsync(() -> task(ledger, "pg:" + ms + "+cpu:0.3+redis"))));
            case "forked" -> waitFor(span, () -> List.of(FORK.submit(() -> task(ledger, "pg:" + ms + "+cpu:0.3+redis"))));
            case "thread" -> waitFor(span, () -> {
                FutureTask<Span> future = new FutureTask<>(() -> task(ledger, "pg:" + ms + "+cpu:0.3+redis"));
                new Thread(future).start();
                return List.of(future);
            });
            case "stages" -> waitFor(span, () -> {
                CompletableFuture<Span> first = CompletableFuture.supplyAsync(() -> task(ledger, "redis+pg:" + ms), FORK);
                CompletableFuture<Span> second = first.thenApplyAsync(done -> task(ledger, "cpu:0.3+queries"), FORK);
                second.get();
                return List.of(first, second);
            });
            case "invoked" -> waitFor(span, () -> FORK.invokeAll(List.of(() -> task(ledger, "pg:" + ms),
                    () -> task(ledger, "url:" + ms * 0.7), () -> task(ledger, "redis+pg:" + ms * 0.5))));
            case "stream" -> waitFor(span, () -> FORK.submit(() -> List.of("pg:" + ms, "redis", "url:" + ms * 0.5, "queries").parallelStream()
                    .map(steps -> (Future<Span>) CompletableFuture.completedFuture(task(ledger, steps))).toList()).get());
            // Goes on when the response is out.
            case "after" -> span.part("compute", () -> MANY.submit(() -> {
                ledger.answered.await();
                Ledger nobody = new Ledger();
                task(nobody, "pg:" + ms + "+cpu:0.3+redis");
                return null;
            }));
            default -> throw new IllegalArgumentException(step);
        }
    }

    private static final java.util.Map<String, Ledger> LEDGERS = new java.util.concurrent.ConcurrentHashMap<>();
    private static final AtomicInteger BACKGROUND = new AtomicInteger();

    /** Sends the response, with that body. */
    interface Respond {
        void with(byte[] body) throws IOException;
    }

    /** Does what /job/NAME?do=STEP,STEP,.. says; /truth tells of all that have been answered. */
    static void answer(String path, String query, Respond respond) throws IOException {
        String name = path.substring(path.lastIndexOf('/') + 1);
        if (query == null) {
            respond.with(truth());
            return;
        }
        Ledger ledger = new Ledger();
        Span span = new Span();
        ledger.span = span;
        try {
            for (String step : query.substring("do=".length()).split(","))
                step(ledger, span, step);
        } catch (Exception error) {
            error.printStackTrace();
            throw new IOException(error);
        }
        respond.with((name + "\n").getBytes());
        span.over();
        ledger.answered.countDown();
        LEDGERS.put(name, ledger);
    }

    private static byte[] truth() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(("{\"background\":" + BACKGROUND.get() + ",\"requests\":{").getBytes());
        String between = "";
        for (var entry : LEDGERS.entrySet()) {
            out.write((between + "\"" + entry.getKey() + "\":" + entry.getValue().json()).getBytes());
            between = ",\n";
        }
        out.write("}}".getBytes());
        return out.toByteArray();
    }

    /** A timer that is nobody's uses the same connections. */
    static void background() {
        Executors.newScheduledThreadPool(1).scheduleAtFixedRate(() -> {
            try {
                postgres(new Ledger(), 2);
                redis(new Ledger());
                spin(0.2);
                BACKGROUND.incrementAndGet();
            } catch (Exception error) {
                error.printStackTrace();
            }
        }, 50, 50, TimeUnit.MILLISECONDS);
    }
}
