// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// net/http with pages that make garbage: /allocate/N keeps N slices of pointers until the next one does, /churn/N makes N that nobody keeps
// beside a heap that stays, /wait/MS computes. /memory says what the runtime itself counts of its collector.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type node struct {
	left, right *node
	bytes       [64]byte
}

var (
	mutex sync.Mutex
	kept  []*node
	stays *node
	once  sync.Once
	sink  atomic.Value
)

// A heap that takes a while to mark.
func tree(depth int) *node {
	if depth == 0 {
		return nil
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

// Collections, how long they stopped the program, and how long goroutines helped them (as of Go 1.20), in ns.
func memory() string {
	var stats runtime.MemStats
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"}}
	runtime.ReadMemStats(&stats)
	metrics.Read(sample)
	assisted := int64(-1)
	if sample[0].Value.Kind() == metrics.KindFloat64 {
		assisted = int64(sample[0].Value.Float64() * 1e9)
	}
	return fmt.Sprintf(`{"collections": %d, "stopped_ns": %d, "assisted_ns": %d}`, stats.NumGC, stats.PauseTotalNs, assisted)
}

func page(w http.ResponseWriter, r *http.Request) {
	path := strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' || c == '-' })
	n := 0
	if len(path) > 1 {
		n, _ = strconv.Atoi(path[1])
	}
	switch path[0] {
	case "allocate":
		var nodes []*node
		for i := 0; i < n; i++ {
			nodes = append(nodes, &node{})
		}
		mutex.Lock()
		kept = nodes
		mutex.Unlock()
	case "churn":
		once.Do(func() { stays = tree(17) })
		for i := 0; i < n; i++ {
			sink.Store(&node{})
		}
	case "memory":
		fmt.Fprint(w, memory())
		return
	case "stats": // stops all threads as well, for no collection
		var stats runtime.MemStats
		for i := 0; i < n; i++ {
			runtime.ReadMemStats(&stats)
		}
	case "wait":
		for end := time.Now().Add(time.Duration(n) * time.Millisecond); time.Now().Before(end); {
		}
	}
	fmt.Fprint(w, "ok")
}

func main() {
	http.HandleFunc("/", page)
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
