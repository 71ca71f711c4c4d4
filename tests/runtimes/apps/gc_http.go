// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// net/http with pages that make garbage: /allocate/N keeps N slices of pointers until the next one does, /wait/MS computes.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

type node struct {
	left, right *node
	bytes       [64]byte
}

var (
	mutex sync.Mutex
	kept  []*node
)

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
