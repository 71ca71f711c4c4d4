// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The pages of prepared_pages.py by pgjdbc, which prepares what a PreparedStatement runs for the second time, in a transaction, of which
// BEGIN goes along with the first statement. A connection a thread. Environment: PORT, DB_PORT.
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.sql.*;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;

public class PreparedPages {
    static final String ROW = "SELECT price, pg_sleep(0.002) FROM items WHERE id = ?";

    static class Session {
        final Connection connection;
        final Map<String, PreparedStatement> statements = new HashMap<>();

        Session() {
            try {
                connection = DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + System.getenv("DB_PORT")
                    + "/test?user=postgres&prepareThreshold=1&sslmode=disable");
                connection.setAutoCommit(false);
            } catch (SQLException error) {
                throw new RuntimeException(error);
            }
        }

        void ask(String text, int argument) throws SQLException {
            PreparedStatement statement = statements.get(text);
            if (statement == null)
                statements.put(text, statement = connection.prepareStatement(text));
            statement.setInt(1, argument);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next())
                    rows.getInt(1);
            }
        }

        void page(String page, int number) throws SQLException {
            switch (page) {
            case "rounds":
                for (int item = 1; item <= number; item++)
                    ask(ROW, item);
                break;
            case "several":
                for (int more = 0; more < 6; more++)
                    ask("SELECT price + " + more + " FROM items WHERE id = ?", number);
                break;
            case "again":
                for (int n = 0; n < 3; n++)
                    ask("SELECT id, price, pg_sleep(0.002) FROM items WHERE id = ?", number);
                break;
            default:
                ask(ROW, number);
                ask("SELECT id, price, pg_sleep(0.02) FROM items WHERE id = ?", number);
            }
            connection.commit();
        }
    }

    public static void main(String[] arguments) throws Exception {
        ThreadLocal<Session> session = ThreadLocal.withInitial(Session::new);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 0);
        server.setExecutor(Executors.newFixedThreadPool(2));
        server.createContext("/", exchange -> {
            String[] parts = exchange.getRequestURI().getPath().split("/");
            int status = 200;
            try {
                session.get().page(parts[1], Integer.parseInt(parts[2]));
            } catch (SQLException error) {
                error.printStackTrace();
                status = 500;
            }
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
        });
        server.start();
    }
}
