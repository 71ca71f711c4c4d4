// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

import jakarta.servlet.AsyncContext;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

/** JavaWork in a servlet of an embedded Tomcat on 127.0.0.1:$PORT. */
final class TomcatServer {
    /** The pool that answers, where Tomcat's own threads don't; null: they do. */
    static final ExecutorService ASYNC =
            System.getenv("ASYNC") == null ? null : Executors.newFixedThreadPool(Integer.parseInt(System.getenv("THREADS")));

    static final class Servlet extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            if (ASYNC == null || request.getQueryString() == null) {
                work(request, response);
                return;
            }
            AsyncContext context = request.startAsync();
            context.setTimeout(0);
            ASYNC.execute(() -> {
                try {
                    work(request, response);
                } catch (IOException error) {
                    error.printStackTrace();
                }
                context.complete();
            });
        }

        private static void work(HttpServletRequest request, HttpServletResponse response) throws IOException {
            JavaWork.answer(request.getRequestURI(), request.getQueryString(), body -> {
                response.setContentLength(body.length);
                response.getOutputStream().write(body);
                response.flushBuffer();
            });
        }
    }

    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(System.getenv("TRUTH_SCRATCH"));
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(Integer.parseInt(System.getenv("PORT")));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxThreads", System.getenv("THREADS"));
        tomcat.getConnector().setProperty("maxKeepAliveRequests", "-1");
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "work", new Servlet()).setAsyncSupported(true);
        context.addServletMappingDecoded("/*", "work");
        JavaWork.background();
        tomcat.start();
        tomcat.getServer().await();
    }
}
