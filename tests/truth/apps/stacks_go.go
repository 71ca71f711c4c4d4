// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// stacks_go PORT: as stacks_server.c, in Go: answers how long it computed in which function.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"syscall"
)

const rusageThread = 1

func used() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(rusageThread, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

//go:noinline
func burn(ms int64) int64 {
	begun := used()
	now, sum := begun, int64(0)
	for now-begun < ms*1000000 {
		for i := int64(0); i < 20000; i++ {
			sum += i*sum + 1
		}
		now = used()
	}
	if sum == 1 {
		return 0
	}
	return now - begun
}

//go:noinline
func burn_a() int64 {
	return burn(15) + 0
}

//go:noinline
func burn_b() int64 {
	return burn(5) + 0
}

func answer(w http.ResponseWriter, _ *http.Request) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	body := fmt.Sprintf("burn_a %d\nburn_b %d\n", burn_a(), burn_b())
	w.Write([]byte(body))
}

func main() {
	http.HandleFunc("/mix", answer)
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
