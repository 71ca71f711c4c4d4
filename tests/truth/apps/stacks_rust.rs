// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//! stacks_rust PORT: as stacks_server.c, in Rust: answers how long it was in which function.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, now: *mut Timespec) -> i32;
}

const THREAD_CPU: i32 = 3; // CLOCK_THREAD_CPUTIME_ID

static LOCK: Mutex<u64> = Mutex::new(0);
static SINK: AtomicU64 = AtomicU64::new(0);

/// What is done before it returns is done by the function that calls this.
fn keep(value: u64) -> u64 {
    SINK.fetch_add(value, Ordering::Relaxed);
    value
}

fn used() -> u64 {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(THREAD_CPU, &mut now) };
    now.seconds as u64 * 1_000_000_000 + now.nanoseconds as u64
}

trait Burns {
    fn burn(&self, ms: u64) -> u64;
}

struct Candle(u64);

impl Burns for Candle {
    #[inline(never)]
    fn burn(&self, ms: u64) -> u64 {
        let begun = used();
        let mut sum = self.0;
        loop {
            for i in 0..2000u64 {
                sum = sum.wrapping_mul(i).wrapping_add(SINK.load(Ordering::Relaxed));
            }
            let now = used();
            if now - begun >= ms * 1_000_000 {
                return keep(sum & 1) + now - begun;
            }
        }
    }
}

#[inline(never)]
fn burn_a(burns: &dyn Burns) -> u64 {
    keep(burns.burn(15))
}

#[inline(never)]
fn burn_b(burns: &dyn Burns) -> u64 {
    keep(burns.burn(5))
}

#[inline(never)]
fn nap() -> u64 {
    let begun = Instant::now();
    thread::sleep(Duration::from_millis(3));
    keep(begun.elapsed().as_nanos() as u64)
}

#[inline(never)]
fn take_lock() -> u64 {
    let begun = Instant::now();
    let mut held = LOCK.lock().unwrap();
    let ns = begun.elapsed().as_nanos() as u64;
    *held += ns;
    keep(ns)
}

fn hold() {
    loop {
        let held = LOCK.lock().unwrap();
        thread::sleep(Duration::from_millis(8));
        drop(held);
        thread::sleep(Duration::from_millis(1));
    }
}

fn serve(mut connection: TcpStream) {
    let mut request = [0u8; 4096];
    let candle = Candle(7);
    while matches!(connection.read(&mut request), Ok(len) if len > 0) {
        let body = format!(
            "burn_a {}\nburn_b {}\nnap {}\ntake_lock {}\n",
            burn_a(&candle), burn_b(&candle), nap(), take_lock()
        );
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.len(), body);
        if connection.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(hold);
    for connection in listener.incoming() {
        thread::spawn(move || serve(connection.unwrap()));
    }
}
