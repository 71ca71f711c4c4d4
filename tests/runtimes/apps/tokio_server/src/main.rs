// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A hyper server on 127.0.0.1:$PORT whose handlers do known work and keep account of it: the same steps, and the same /truth, as
// go_server.go. pgs and https are three at the same time, by join!() in the request's own task; `task` is as pg, in a task that
// is spawned and awaited. `unordered` is as pgs, by FuturesUnordered, which has wakers of its own; `handles` is that of three tasks
// that are spawned. Queries go over tokio-postgres, upstreams over hyper's client: the connections of both are tasks of
// their own. Redis is a TcpStream in the request's task.
//
// WORKERS is how many threads run tasks; 0: the current-thread runtime.
use std::collections::HashMap;
use std::convert::Infallible;
use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::client::HttpConnector;
use hyper::service::{make_service_fn, service_fn};
use hyper::{Body, Client, Request, Response, Server};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_postgres::{NoTls, SimpleQueryMessage};

fn clock(id: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn now() -> i64 {
    clock(libc::CLOCK_MONOTONIC)
}

#[derive(Default)]
struct Truth {
    waits: Vec<(&'static str, i64, i64, i64)>,
    cpu: Vec<(i64, i64, i64)>,
    operations: Vec<(&'static str, String, i64, i64)>,
}

#[derive(Default)]
struct Job {
    name: String,
    truth: Mutex<Truth>,
}

impl Job {
    fn waited(&self, kind: &'static str, start: i64, ready: i64) {
        self.truth.lock().unwrap().waits.push((kind, start, ready, now()));
    }

    fn operation(&self, system: &'static str, statement: &str, start: i64) {
        self.truth.lock().unwrap().operations.push((system, statement.to_string(), start, now()));
    }
}

struct App {
    dsn: String,
    redis_port: u16,
    upstream: u16,
    realtime: i64,
    scratch: String,
    databases: Mutex<Vec<tokio_postgres::Client>>,
    redises: Mutex<Vec<BufReader<TcpStream>>>,
    client: Client<HttpConnector>,
    contended: tokio::sync::Mutex<()>,
    unlocked: AtomicI64,
    files: Mutex<Vec<File>>,
    made: AtomicU64,
    jobs: Mutex<HashMap<String, Arc<Job>>>,
}

impl App {
    async fn database(&self) -> tokio_postgres::Client {
        if let Some(client) = self.databases.lock().unwrap().pop() {
            return client;
        }
        let (client, connection) = tokio_postgres::connect(&self.dsn, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn query(&self, statement: &str) -> String {
        let client = self.database().await;
        let messages = client.simple_query(statement).await.unwrap();
        self.databases.lock().unwrap().push(client);
        match &messages[0] {
            SimpleQueryMessage::Row(row) => row.get(row.len() - 1).unwrap_or("0").to_string(),
            _ => "0".to_string(),
        }
    }

    async fn sleep_in_postgres(&self, job: &Job, ms: f64) -> (i64, i64) {
        let statement = format!(
            "SELECT pg_sleep({}), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS of_{}",
            ms / 1000.0,
            job.name
        );
        let start = now();
        let us: i64 = self.query(&statement).await.parse().unwrap();
        job.operation("postgresql", &statement, start);
        (start, us * 1000 - self.realtime)
    }

    async fn many(&self, job: &Job, count: f64) {
        for _ in 0..count as u32 {
            let statement = format!("SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS short_{}", job.name);
            let start = now();
            let us: i64 = self.query(&statement).await.parse().unwrap();
            job.operation("postgresql", &statement, start);
            job.waited("db", start, us * 1000 - self.realtime);
        }
    }

    async fn redis(&self, command: &str) -> Vec<String> {
        let pooled = self.redises.lock().unwrap().pop();
        let mut stream = match pooled {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(("127.0.0.1", self.redis_port)).await.unwrap()),
        };
        let words: Vec<String> = command.split(' ').map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        stream.write_all(format!("*{}\r\n{}", words.len(), words.concat()).as_bytes()).await.unwrap();
        let mut lines = Vec::new();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let more = if line.starts_with('*') { 2 * line[1..].trim().parse::<usize>().unwrap() } else { 0 };
        for i in 0..more {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            if i % 2 == 1 {
                lines.push(line.trim().to_string());
            }
        }
        self.redises.lock().unwrap().push(stream);
        lines
    }

    async fn redis_time(&self, job: &Job) {
        let start = now();
        let times = self.redis("TIME").await;
        job.operation("redis", "TIME", start);
        let (seconds, us): (i64, i64) = (times[0].parse().unwrap(), times[1].parse().unwrap());
        job.waited("db", start, (seconds * 1_000_000 + us) * 1000 - self.realtime);
    }

    async fn delayed_upstream(&self, job: Option<&Job>, ms: f64, size: u32) -> (i64, i64) {
        let start = now();
        let uri = format!("http://127.0.0.1:{}/delay/{ms:.2}/{size}", self.upstream).parse().unwrap();
        let response = self.client.get(uri).await.unwrap();
        let ready = response.headers()["X-Sent-Ns"].to_str().unwrap().parse().unwrap();
        hyper::body::to_bytes(response.into_body()).await.unwrap();
        if let Some(job) = job {
            job.operation("http", "", start);
        }
        (start, ready)
    }

    async fn contend(&self, job: &Job) {
        let start = now();
        let guard = self.contended.lock().await;
        let ready = self.unlocked.load(Ordering::SeqCst);
        drop(guard);
        if ready > start {
            job.waited("lock", start, ready);
        }
    }

    async fn fsync(&self, job: &Job) {
        let pooled = self.files.lock().unwrap().pop();
        let file = pooled.unwrap_or_else(|| {
            let number = self.made.fetch_add(1, Ordering::SeqCst);
            File::create(format!("{}/fsync{number}", self.scratch)).unwrap()
        });
        let (file, start, end) = tokio::task::spawn_blocking(move || {
            file.write_all_at(&[0; 4096], 0).unwrap();
            let start = now();
            file.sync_all().unwrap();
            (file, start, now())
        })
        .await
        .unwrap();
        self.files.lock().unwrap().push(file);
        job.truth.lock().unwrap().waits.push(("disk", start, end, end));
    }
}

// A thread's CPU time counts: nothing is awaited meanwhile.
fn cpu(ms: f64) -> (i64, i64, i64) {
    let (start, from) = (now(), clock(libc::CLOCK_THREAD_CPUTIME_ID));
    let mut sum = 1u64;
    while clock(libc::CLOCK_THREAD_CPUTIME_ID) - from < (ms * 1e6) as i64 {
        for _ in 0..20000 {
            sum = unsafe { std::ptr::read_volatile(&sum) }.wrapping_mul(6364136223846793005).wrapping_add(1);
        }
    }
    (start, now(), clock(libc::CLOCK_THREAD_CPUTIME_ID) - from)
}

// Of nobody: the response is out.
async fn afterwards(app: Arc<App>, ms: f64) {
    tokio::time::sleep(Duration::from_millis(1)).await;
    app.query(&format!("SELECT pg_sleep({}) AS afterwards", ms / 1000.0)).await;
    app.redis("GET afterwards").await;
    app.delayed_upstream(None, ms, 3).await;
    cpu(ms / 4.0);
}

async fn hold(app: Arc<App>) {
    loop {
        let guard = app.contended.lock().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        app.unlocked.store(now(), Ordering::SeqCst);
        drop(guard);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn background(app: Arc<App>) {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        app.query("SELECT 1 AS background").await;
    }
}

// A task of its own that asks the database.
fn spawn(app: &Arc<App>, job: &Arc<Job>, ms: f64) -> tokio::task::JoinHandle<()> {
    let (app, job) = (app.clone(), job.clone());
    tokio::spawn(async move {
        let (start, ready) = app.sleep_in_postgres(&job, ms).await;
        job.waited("db", start, ready);
    })
}

async fn step(app: &Arc<App>, job: &Arc<Job>, name: &str, ms: f64) {
    match name {
        "cpu" => job.truth.lock().unwrap().cpu.push(cpu(ms)),
        "pg" => {
            let (start, ready) = app.sleep_in_postgres(job, ms).await;
            job.waited("db", start, ready);
        }
        "many" => app.many(job, ms).await,
        "redis" => app.redis_time(job).await,
        "http" => {
            let (start, ready) = app.delayed_upstream(Some(job), ms, 2).await;
            job.waited("net", start, ready);
        }
        "pgs" => {
            let one = |i: i32| async move {
                let (start, ready) = app.sleep_in_postgres(job, ms / f64::from(i)).await;
                job.waited("db", start, ready);
            };
            tokio::join!(one(1), one(2), one(3));
        }
        "https" => {
            let one = |i: i32| async move {
                let (start, ready) = app.delayed_upstream(Some(job), ms / f64::from(i), 2).await;
                job.waited("net", start, ready);
            };
            tokio::join!(one(1), one(2), one(3));
        }
        "task" => spawn(app, job, ms).await.unwrap(),
        "unordered" => {
            let one = |i: i32| async move {
                let (start, ready) = app.sleep_in_postgres(job, ms / f64::from(i)).await;
                job.waited("db", start, ready);
            };
            let mut all: FuturesUnordered<_> = (1..4).map(one).collect();
            while all.next().await.is_some() {}
        }
        "handles" => {
            let mut all: FuturesUnordered<_> = (1..4).map(|i| spawn(app, job, ms / f64::from(i))).collect();
            while all.next().await.is_some() {}
        }
        "sleep" => {
            let start = now();
            tokio::time::sleep(Duration::from_micros((ms * 1000.0) as u64)).await;
            job.waited("sleep", start, start + (ms * 1e6) as i64);
        }
        "lock" => app.contend(job).await,
        "chan" => {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let start = now();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_micros((ms * 1000.0) as u64)).await;
                let _ = sender.send(now());
            });
            job.waited("lock", start, receiver.await.unwrap());
        }
        "fsync" => app.fsync(job).await,
        "after" => {
            tokio::spawn(afterwards(app.clone(), ms));
        }
        _ => {}
    }
}

fn truth(app: &App) -> String {
    let (mut waits, mut cpu, mut operations) = (String::new(), String::new(), String::new());
    for (name, job) in app.jobs.lock().unwrap().iter() {
        let truth = job.truth.lock().unwrap();
        let comma = if waits.is_empty() { "" } else { "," };
        let join = |list: Vec<String>| list.join(",");
        let told = truth.waits.iter().map(|w| format!("[\"{}\",{},{},{}]", w.0, w.1, w.2, w.3)).collect();
        write!(waits, "{comma}\"{name}\":[{}]", join(told)).unwrap();
        let told = truth.cpu.iter().map(|c| format!("[{},{},{}]", c.0, c.1, c.2)).collect();
        write!(cpu, "{comma}\"{name}\":[{}]", join(told)).unwrap();
        let told = truth.operations.iter().map(|o| format!("[\"{}\",\"{}\",{},{}]", o.0, o.1, o.2, o.3)).collect();
        write!(operations, "{comma}\"{name}\":[{}]", join(told)).unwrap();
    }
    let process = clock(libc::CLOCK_PROCESS_CPUTIME_ID);
    format!("{{\"cpu_ns\":{process},\"waits\":{{{waits}}},\"cpu\":{{{cpu}}},\"operations\":{{{operations}}}}}")
}

async fn answer(app: Arc<App>, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    if path == "/truth" {
        return Ok(Response::new(Body::from(truth(&app))));
    }
    let name = path.trim_start_matches("/job/").to_string();
    let job = Arc::new(Job { name: name.clone(), ..Job::default() });
    app.jobs.lock().unwrap().insert(name, job.clone());
    for word in request.uri().query().unwrap_or("").trim_start_matches("do=").split(',') {
        let (name, number) = word.split_once(':').unwrap_or((word, "0"));
        step(&app, &job, name, number.parse().unwrap_or(0.0)).await;
    }
    Ok(Response::new(Body::from("done")))
}

fn setting<T: std::str::FromStr>(name: &str) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} is not set"))
}

async fn serve() {
    let app = Arc::new(App {
        dsn: setting("POSTGRES_DSN"),
        redis_port: setting("REDIS_PORT"),
        upstream: setting("UPSTREAM_PORT"),
        realtime: setting("REALTIME"),
        scratch: setting("SCRATCH"),
        databases: Mutex::default(),
        redises: Mutex::default(),
        client: Client::builder().pool_max_idle_per_host(512).build_http(),
        contended: tokio::sync::Mutex::new(()),
        unlocked: AtomicI64::new(0),
        files: Mutex::default(),
        made: AtomicU64::new(0),
        jobs: Mutex::default(),
    });
    tokio::spawn(hold(app.clone()));
    tokio::spawn(background(app.clone()));
    let address = ([127, 0, 0, 1], setting("PORT")).into();
    let service = make_service_fn(|_| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(service_fn(move |request| answer(app.clone(), request))) }
    });
    Server::bind(&address).serve(service).await.unwrap();
}

fn main() {
    let workers: usize = setting("WORKERS");
    let mut builder =
        if workers == 0 { tokio::runtime::Builder::new_current_thread() } else { tokio::runtime::Builder::new_multi_thread() };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().unwrap().block_on(serve());
}
