#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# top on real traffic: the lines of a pipe count every request once; the screen is looked at in tmux.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib/tap.sh

whywait=$PWD/build/whywait
if [ "$(id -u)" != 0 ]; then
	skip "top" "not root"
	plan
	exit
fi

tmp=$(mktemp -d)
chmod 755 "$tmp"
started=''
load=''
screens=0
# A server each: one that is being killed takes new sessions, and takes them down with it.
terminal() { TMUX_TMPDIR=$tmp tmux -L "$screens" -f /dev/null "$@"; }
# Ends what runs, and waits until it has.
finish() {
	terminal kill-server 2>/dev/null
	: >"$tmp/stop"
	# shellcheck disable=SC2086 # nothing, where it was not started
	[ -z "$load" ] || wait $load
	for pid in $started; do kill "$pid" 2>/dev/null; done
	for pid in $started; do wait "$pid" 2>/dev/null; done
	rm -rf "$tmp"
}
trap finish EXIT

# until_true SECONDS COMMAND..: whether it succeeds within the time
until_true() {
	tenths=$(($1 * 10))
	shift
	until "$@"; do
		tenths=$((tenths - 1))
		[ "$tenths" -gt 0 ] || return 1
		sleep 0.1
	done
}
has() { grep -q -e "$1" "$2" 2>/dev/null; }
all_ascii() { ! LC_ALL=C grep -q '[^[:print:][:space:]]' "$1"; }
one_line() { [ "$(wc -l <"$1")" = 1 ]; }

# ---- a server, and requests

mkdir "$tmp/www"
echo hello >"$tmp/www/page"
/usr/bin/python3 -u -m http.server --directory "$tmp/www" --bind 127.0.0.1 0 >"$tmp/server" 2>"$tmp/server.log" &
server=$!
started="$started $server"
until_true 10 has 'port [0-9]' "$tmp/server" || exit 1
port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$tmp/server")
cat >"$tmp/get.py" <<'END'
"""get.py URL COUNT: so many requests, a connection each."""
import ssl
import sys
import urllib.error
import urllib.request

unchecked = ssl.create_default_context()
unchecked.check_hostname = False
unchecked.verify_mode = ssl.CERT_NONE
for _ in range(int(sys.argv[2])):
    try:
        urllib.request.urlopen(sys.argv[1], context=unchecked).read()
    except urllib.error.HTTPError:
        pass
END
get() { # PATH COUNT
	/usr/bin/python3 "$tmp/get.py" "http://127.0.0.1:$port$1" "$2"
}

# ---- lines

"$whywait" top --port "$port" -i 1 -n 8 >"$tmp/lines" 2>"$tmp/lines.err" &
top=$!
started="$started $top"
check "a block comes without any request" until_true 10 has 'no request has ended in this time; watching port' "$tmp/lines"
get /page 40
get /nowhere 7
# A route that would turn the terminal's text red, and one that would end the line.
/usr/bin/python3 -c '
import socket, sys
for path in (b"/red\x1b[31m", b"/\xe2\x80\xae/x"):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.0\r\n\r\n")
        while connection.recv(4096):
            pass
' "$port"
wait "$top"
status=$?
check "it ends by itself after so many blocks" [ "$status" = 0 ]
check "so many blocks were printed" [ "$(grep -c ' last [0-9.]* s: ' "$tmp/lines")" = 8 ]
check "nothing on stderr" [ ! -s "$tmp/lines.err" ]
requests() { # every block's own count, summed
	sed -n 's/.*endpoints*, \([0-9]*\) requests*,.*/\1/p' "$tmp/lines" |
		awk '{ sum += $1 } END { print sum + 0 }'
}
check "every request is in one block" [ "$(requests)" = 49 ]
check "the endpoint has its line" has 'GET /page  *[0-9.]* .*ms .*compute' "$tmp/lines"
check "all blocks are complete" [ "$(grep -c 'complete$' "$tmp/lines")" = 8 ]
check "no block is incomplete" [ "$(grep -c 'NOT COMPLETE' "$tmp/lines")" = 0 ]
check "the hostile route is listed" has 'GET /red' "$tmp/lines"
check "and holds nothing that a terminal obeys" all_ascii "$tmp/lines"

# ---- what can't be read

cat >"$tmp/secure.py" <<'END'
import http.server
import ssl
import sys

server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
END
if openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$tmp/key" -out "$tmp/cert" 2>/dev/null; then
	/usr/bin/python3 "$tmp/secure.py" "$tmp/cert" "$tmp/key" >"$tmp/secure" 2>/dev/null &
	started="$started $!"
	until_true 10 has '[0-9]' "$tmp/secure" || exit 1
	secure=$(cat "$tmp/secure")
	"$whywait" top --port "$secure" -i 1 -n 5 >"$tmp/tls" 2>&1 &
	top=$!
	started="$started $top"
	until_true 10 has ' s: ' "$tmp/tls"
	/usr/bin/python3 "$tmp/get.py" "https://127.0.0.1:$secure/" 3
	wait "$top"
	check "TLS connections are counted and named" has "^$secure: 3 TLS connections, requests not readable" "$tmp/tls"
else
	skip "TLS connections are counted and named" "no openssl"
fi

# ---- wrong usage, no privileges, a full disk, a process that ends

for arguments in '-i 0' '-i x' '-n 0' '-n -1' '-i 2s' 'file'; do
	# shellcheck disable=SC2086 # words
	"$whywait" top $arguments >"$tmp/out" 2>"$tmp/err"
	status=$?
	check "top $arguments: wrong usage" [ "$status" = 2 ]
	check "top $arguments: one line says so" one_line "$tmp/err"
done
cp "$whywait" "$tmp/whywait"
setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/whywait" top -n 1 >"$tmp/out" 2>"$tmp/err"
status=$?
check "exit status is 3 without privileges" [ "$status" = 3 ]
check "and one line says what is missing" one_line "$tmp/err"
"$whywait" top -i 1 -n 2 >/dev/full 2>"$tmp/err"
status=$?
check "a full disk ends it with exit status 2" [ "$status" = 2 ]
check "and one line" one_line "$tmp/err"
sleep 2 &
"$whywait" top -p $! -i 1 >"$tmp/out" 2>"$tmp/err"
status=$?
check "it ends with the last selected process" [ "$status" = 0 ]
check "and says so" has 'every process of --pid has ended' "$tmp/err"

# ---- the screen

if ! command -v tmux >/dev/null; then
	skip "the screen" "tmux is not installed"
	plan
	exit
fi
shown() { terminal capture-pane -p -t 0 2>/dev/null | grep -q -e "$1"; }
keys() { terminal send-keys -t 0 "$@"; }
# on_screen NAME PATTERN: it comes up
on_screen() {
	if until_true 10 shown "$2"; then
		ok "$1"
	else
		not_ok "$1"
		terminal capture-pane -p -t 0 | sed 's/^/# /'
	fi
}
# start_top LOCALE ARGUMENTS..: in a shell that says how it ended, and whether the terminal is as it was
start_top() {
	locale=$1
	shift
	terminal kill-server 2>/dev/null
	screens=$((screens + 1))
	cat >"$tmp/session" <<-END
		export LC_ALL=$locale
		trap : INT
		before=\$(stty -g)
		"$whywait" top $* --port $port
		echo "ended with \$?, terminal \$([ "\$(stty -g)" = "\$before" ] && echo restored || echo changed)"
		exec sleep 1000
	END
	terminal -u new-session -d -x 100 -y 24 sh "$tmp/session"
}

start_top C.UTF-8
on_screen "idle: says for what it waits" "Watching port $port"
until [ -e "$tmp/stop" ]; do
	get /page 5
	get /nowhere 2
	sleep 0.2
done &
load=$!
on_screen "an endpoint has its row" 'GET /page '
on_screen "with the arrow of the order and a legend" "▼"
on_screen "another one, too" 'GET /nowhere '
keys s
on_screen "sorting by service moves the arrow" 'SERVICE▲'
keys n
on_screen "and by name" 'ENDPOINT▲'
keys End Enter
on_screen "Enter opens the last" '^GET /page'
keys Escape
on_screen "Escape goes back" 'ENDPOINT▲'
keys Home Enter
on_screen "or the first" '^GET /nowhere'
on_screen "with its facts" '^accounts  *[0-9]* exact'
keys End
on_screen "with every kind" '^client  *0.000 ms'
keys Escape
keys t
on_screen "back to the order by time" 'TIME▼'
keys p
on_screen "p pauses" 'whywait PAUSED'
keys p
keys '?'
on_screen "? explains" 'a request is \.\.'
keys '?'
terminal resize-window -t 0 -x 40 -y 8
on_screen "40x8 is enough" '^ENDPOINT  *REQ/S  *P95 KINDS'
terminal resize-window -t 0 -x 39 -y 8
on_screen "less is said" 'needs 40x8, has 39x8'
terminal resize-window -t 0 -x 100 -y 24
on_screen "and it comes back" 'SERVICE'
keys q
on_screen "q ends it, the terminal is as it was" 'ended with 0, terminal restored'

start_top C -i 1
on_screen "starts without UTF-8" '^TIMEv* SERVICE'
on_screen "bars are letters there" 'C compute'
on_screen "and so are the names of keys" 'up/down choose'
terminal capture-pane -p -t 0 >"$tmp/screen"
check "all is ASCII" all_ascii "$tmp/screen"
keys C-c
on_screen "Ctrl-C ends it, the terminal is as it was" 'ended with 0, terminal restored'

start_top C.UTF-8 -i 1 -n 3
on_screen "a count ends the screen, too" 'ended with 0, terminal restored'

plan
