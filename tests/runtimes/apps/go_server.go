// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A net/http server on 127.0.0.1:$PORT whose handlers do known work and keep account of it.
//
// GET /job/NAME?do=STEP,STEP.. runs the steps one after the other: cpu:MS (of CPU time), pg:MS (pg_sleep), many:N (short
// queries), redis (TIME), http:MS (an upstream's delay), pgs:MS and https:MS (three of them side by side, in goroutines
// that are waited for), sleep:MS, lock (a mutex that another goroutine holds most of the time), chan:MS (a timer's
// goroutine sends), fsync, after:MS (when the response is out, a goroutine goes on with a query, a call of Redis and an
// upstream, and computes). Without a touch of a socket: locks:N (a mutex that is held by turns), chans:N (answers of a worker's goroutine),
// sleeps:N (of half a millisecond), churn:MS (of CPU time, making garbage). All the while a goroutine of nobody's queries every 50 ms. GET /truth answers with what was recorded,
// in CLOCK_MONOTONIC nanoseconds:
//
//	waits       {request: [[kind, start, ready, end]]}: ready: when what was waited for was done, by its own clock
//	cpu         {request: [[start, end, CPU time]]}
//	operations  {request: [[system, statement, start, end]]}
//	cpu_ns      of the whole process
//
// Environment: POSTGRES_DSN, REDIS_PORT, UPSTREAM_PORT, SCRATCH (a directory on a disk), REALTIME (CLOCK_REALTIME -
// CLOCK_MONOTONIC, ns).
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/gomodule/redigo/redis"
	_ "github.com/lib/pq"
)

const (
	clockMonotonic = 1
	clockThreadCPU = 3
	clockCPU       = 2
	aloneNs        = 1000000
)

func clock(id uintptr) int64 {
	var time syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&time)), 0)
	return time.Nano()
}

func now() int64 { return clock(clockMonotonic) }

type request struct {
	lock       sync.Mutex
	Waits      [][]interface{}
	CPU        [][]int64
	Operations [][]interface{}
	name       string
}

func (r *request) waited(kind string, start, ready int64) {
	end := now()
	r.lock.Lock()
	defer r.lock.Unlock()
	r.Waits = append(r.Waits, []interface{}{kind, start, ready, end})
}

func (r *request) operation(system, statement string, start int64) {
	end := now()
	r.lock.Lock()
	defer r.lock.Unlock()
	r.Operations = append(r.Operations, []interface{}{system, statement, start, end})
}

var (
	database  *sql.DB
	pool      *redis.Pool
	client    = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}
	upstream  = os.Getenv("UPSTREAM_PORT")
	realtime  int64
	contended sync.Mutex
	unlocked  int64
	often     sync.Mutex
	freed     int64
	stays     *node
	once      sync.Once
	sink      atomic.Value
	requests  = map[string]*request{}
	guard     sync.Mutex
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A thread's CPU time counts while the goroutine stays on it, and no other one runs there in between.
func (r *request) cpu(ms float64) {
	start, done := now(), int64(0)
	for sum := uint64(1); done < int64(ms*1e6); {
		thread, from := syscall.Gettid(), clock(clockThreadCPU)
		for i := 0; i < 20000; i++ {
			sum = sum*6364136223846793005 + 1
		}
		if to := clock(clockThreadCPU); syscall.Gettid() == thread && sum != 0 && to-from < aloneNs {
			done += to - from
		}
	}
	end := now()
	r.lock.Lock()
	defer r.lock.Unlock()
	r.CPU = append(r.CPU, []int64{start, end, done})
}

// When it was sent, and when that was done.
func (r *request) sleepInPostgres(ms float64) (int64, int64) {
	statement := fmt.Sprintf("SELECT pg_sleep(%f), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS of_%s", ms/1000, r.name)
	var nothing string
	var us int64
	start := now()
	must(database.QueryRow(statement).Scan(&nothing, &us))
	r.operation("postgresql", statement, start)
	return start, us*1000 - realtime
}

func (r *request) pg(ms float64) {
	start, ready := r.sleepInPostgres(ms)
	r.waited("db", start, ready)
}

func (r *request) many(count float64) {
	for i := 0; i < int(count); i++ {
		statement := "SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint AS short_" + r.name
		var us int64
		start := now()
		must(database.QueryRow(statement).Scan(&us))
		r.operation("postgresql", statement, start)
		r.waited("db", start, us*1000-realtime)
	}
}

func (r *request) redis() {
	got := now()
	connection := pool.Get()
	defer connection.Close()
	start := now()
	times, err := redis.Int64s(connection.Do("TIME"))
	must(err)
	r.operation("redis", "TIME", got)
	r.waited("db", start, (times[0]*1000000+times[1])*1000-realtime)
}

// The same. It is another goroutine that sends it.
func (r *request) delayedUpstream(ms float64) (int64, int64) {
	var sent int64
	start := now()
	request, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%s/delay/%.2f/2", upstream, ms), nil)
	must(err)
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { atomic.StoreInt64(&sent, now()) }}
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(context.Background(), trace)))
	must(err)
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	must(err)
	r.operation("http", "", start)
	ready, err := strconv.ParseInt(response.Header.Get("X-Sent-Ns"), 10, 64)
	must(err)
	return atomic.LoadInt64(&sent), ready
}

func (r *request) http(ms float64) {
	sent, ready := r.delayedUpstream(ms)
	r.waited("net", sent, ready)
}

// Three of them at the same time.
func (r *request) sideBySide(kind string, ms float64, call func(float64) (int64, int64)) {
	var all sync.WaitGroup
	for i := 1; i <= 3; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			sent, ready := call(ms / float64(i))
			r.waited(kind, sent, ready)
		}(i)
	}
	all.Wait()
}

func (r *request) sleep(ms float64) {
	start := now()
	time.Sleep(time.Duration(ms * 1e6))
	r.waited("sleep", start, start+int64(ms*1e6))
}

func (r *request) contend() {
	start := now()
	contended.Lock()
	ready := atomic.LoadInt64(&unlocked)
	atomic.StoreInt64(&unlocked, now())
	contended.Unlock()
	if ready > start {
		r.waited("lock", start, ready)
	}
}

func hold() {
	for {
		contended.Lock()
		time.Sleep(5 * time.Millisecond)
		atomic.StoreInt64(&unlocked, now())
		contended.Unlock()
		time.Sleep(2 * time.Millisecond)
	}
}

func (r *request) channel(ms float64) {
	done := make(chan int64)
	start := now()
	time.AfterFunc(time.Duration(ms*1e6), func() { done <- now() })
	r.waited("lock", start, <-done)
}

// So many waits one after the other, with some computing in between.
func (r *request) locks(count float64) {
	for i := 0; i < int(count); i++ {
		start := now()
		often.Lock()
		ready := atomic.LoadInt64(&freed)
		atomic.StoreInt64(&freed, now())
		often.Unlock()
		if ready > start {
			r.waited("lock", start, ready)
		}
		r.cpu(0.05)
	}
}

func holdOften() {
	for {
		often.Lock()
		time.Sleep(time.Millisecond)
		atomic.StoreInt64(&freed, now())
		often.Unlock()
		time.Sleep(100 * time.Microsecond)
	}
}

func (r *request) chans(count float64) {
	asks, answers := make(chan bool), make(chan int64)
	go func() {
		for range asks {
			time.Sleep(500 * time.Microsecond)
			answers <- now()
		}
	}()
	for i := 0; i < int(count); i++ {
		start := now()
		asks <- true
		r.waited("lock", start, <-answers)
		r.cpu(0.05)
	}
	close(asks)
}

func (r *request) sleeps(count float64) {
	for i := 0; i < int(count); i++ {
		r.sleep(0.5)
		r.cpu(0.05)
	}
}

type node struct {
	left, right *node
	bytes       [64]byte
}

func tree(depth int) *node {
	if depth == 0 {
		return nil
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

// Makes garbage beside a heap that takes a while to mark.
func (r *request) churn(ms float64) {
	once.Do(func() { stays = tree(15) })
	start, done := now(), int64(0)
	for done < int64(ms*1e6) {
		thread, from := syscall.Gettid(), clock(clockThreadCPU)
		for i := 0; i < 20; i++ {
			sink.Store(&node{})
		}
		if to := clock(clockThreadCPU); syscall.Gettid() == thread && to-from < aloneNs {
			done += to - from
		}
	}
	end := now()
	r.lock.Lock()
	defer r.lock.Unlock()
	r.CPU = append(r.CPU, []int64{start, end, done})
}

func (r *request) fsync(file *os.File) {
	_, err := file.WriteAt(make([]byte, 4096), 0)
	must(err)
	start := now()
	must(file.Sync())
	r.waited("disk", start, now())
}

// Of nobody: the response is out.
func afterwards(ms float64) {
	time.Sleep(time.Millisecond)
	var nothing string
	must(database.QueryRow("SELECT pg_sleep($1) AS afterwards", ms/1000).Scan(&nothing))
	connection := pool.Get()
	defer connection.Close()
	_, err := connection.Do("GET", "afterwards")
	must(err)
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%s/delay/%.2f/3", upstream, ms))
	must(err)
	defer response.Body.Close()
	_, err = io.ReadAll(response.Body)
	must(err)
	(&request{}).cpu(ms / 4)
}

func background() {
	for range time.Tick(50 * time.Millisecond) {
		var one int
		must(database.QueryRow("SELECT 1 AS background").Scan(&one))
	}
}

var files = sync.Pool{New: func() interface{} {
	file, err := os.CreateTemp(os.Getenv("SCRATCH"), "fsync")
	must(err)
	return file
}}

func job(w http.ResponseWriter, h *http.Request) {
	r := &request{name: strings.TrimPrefix(h.URL.Path, "/job/")}
	guard.Lock()
	requests[r.name] = r
	guard.Unlock()
	for _, step := range strings.Split(h.URL.Query().Get("do"), ",") {
		name, number, _ := strings.Cut(step, ":")
		ms, _ := strconv.ParseFloat(number, 64)
		switch name {
		case "cpu":
			r.cpu(ms)
		case "pg":
			r.pg(ms)
		case "many":
			r.many(ms)
		case "redis":
			r.redis()
		case "http":
			r.http(ms)
		case "pgs":
			r.sideBySide("db", ms, r.sleepInPostgres)
		case "https":
			r.sideBySide("net", ms, r.delayedUpstream)
		case "sleep":
			r.sleep(ms)
		case "lock":
			r.contend()
		case "chan":
			r.channel(ms)
		case "locks":
			r.locks(ms)
		case "chans":
			r.chans(ms)
		case "sleeps":
			r.sleeps(ms)
		case "churn":
			r.churn(ms)
		case "fsync":
			file := files.Get().(*os.File)
			r.fsync(file)
			files.Put(file)
		case "after":
			go afterwards(ms)
		}
	}
	io.WriteString(w, "done")
}

func truth(w http.ResponseWriter, _ *http.Request) {
	told := map[string]interface{}{"cpu_ns": clock(clockCPU)}
	waits, cpu, operations := map[string]interface{}{}, map[string]interface{}{}, map[string]interface{}{}
	guard.Lock()
	for name, r := range requests {
		waits[name], cpu[name], operations[name] = r.Waits, r.CPU, r.Operations
	}
	guard.Unlock()
	told["waits"], told["cpu"], told["operations"] = waits, cpu, operations
	must(json.NewEncoder(w).Encode(told))
}

func main() {
	var err error
	realtime, err = strconv.ParseInt(os.Getenv("REALTIME"), 10, 64)
	must(err)
	database, err = sql.Open("postgres", os.Getenv("POSTGRES_DSN")+" sslmode=disable")
	must(err)
	database.SetMaxIdleConns(300)
	pool = &redis.Pool{MaxIdle: 300, Dial: func() (redis.Conn, error) {
		return redis.Dial("tcp", "127.0.0.1:"+os.Getenv("REDIS_PORT"))
	}}
	go hold()
	go holdOften()
	go background()
	http.HandleFunc("/job/", job)
	http.HandleFunc("/truth", truth)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
