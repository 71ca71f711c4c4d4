// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// net/http with a page that allocates: /allocate/N makes N objects of a kibibyte, which nobody keeps; /counted tells the runtime's own
// counts so far: bytes and objects.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
)

var sink []byte

func page(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(r.URL.Path, "/")
	if path[1] == "counted" {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		fmt.Fprint(w, stats.TotalAlloc, " ", stats.Mallocs)
		return
	}
	n, _ := strconv.Atoi(path[2])
	for i := 0; i < n; i++ {
		sink = make([]byte, 1024)
	}
	fmt.Fprint(w, "ok")
}

func main() {
	http.HandleFunc("/", page)
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
