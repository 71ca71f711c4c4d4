// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// stacks_go PORT: as stacks_server.c, in Go: answers how long it computed in which function.
package main

import (
	"fmt"
	"net/http"
	"os"
	"syscall"
	"unsafe"
)

const threadCPU = 3 // CLOCK_THREAD_CPUTIME_ID

func used() int64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPU, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

// In pieces that are too short to be taken to another thread in the middle, but seldom.
//
//go:noinline
func burn(ms int64) int64 {
	var took, sum int64
	for took < ms*1000000 {
		begun := used()
		for i := int64(0); i < 20000; i++ {
			sum += i*sum + 1
		}
		if piece := used() - begun; piece > 0 && piece < 1000000 {
			took += piece
		}
	}
	if sum == 1 {
		return 0
	}
	return took
}

//go:noinline
func burn_a() int64 {
	return burn(15) + 0
}

//go:noinline
func burn_b() int64 {
	return burn(5) + 0
}

// This and hot_b are where the time itself is spent; in pieces as burn().
//
//go:noinline
func hot_a() int64 {
	var took, sum int64
	for took < 15000000 {
		begun := used()
		for i := int64(0); i < 20000; i++ {
			sum += i*sum + 1
		}
		if piece := used() - begun; piece > 0 && piece < 1000000 {
			took += piece
		}
	}
	return took + sum&1
}

//go:noinline
func hot_b() int64 {
	var took, sum int64
	for took < 5000000 {
		begun := used()
		for i := int64(0); i < 20000; i++ {
			sum += i*sum + 3
		}
		if piece := used() - begun; piece > 0 && piece < 1000000 {
			took += piece
		}
	}
	return took + sum&1
}

func hot(w http.ResponseWriter, _ *http.Request) {
	body := fmt.Sprintf("hot_a %d\nhot_b %d\n", hot_a(), hot_b())
	w.Write([]byte(body))
}

func answer(w http.ResponseWriter, _ *http.Request) {
	body := fmt.Sprintf("burn_a %d\nburn_b %d\n", burn_a(), burn_b())
	w.Write([]byte(body))
}

func main() {
	http.HandleFunc("/mix", answer)
	http.HandleFunc("/hot", hot)
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
