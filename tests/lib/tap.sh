# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Test Anything Protocol for shell tests: source it, call `ok`, `not_ok`, `skip`, end with `plan`.
tap_n=0
tap_failed=0
ok() {
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s\n' "$tap_n" "$1"
}
not_ok() {
	tap_n=$((tap_n + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_n" "$1"
}
# skip NAME WHY
skip() {
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_n" "$1" "$2"
}
# check NAME COMMAND..: the test passes when the command succeeds
check() {
	tap_name=$1
	shift
	if "$@"; then ok "$tap_name"; else not_ok "$tap_name"; fi
}
plan() {
	printf '1..%d\n' "$tap_n"
	[ "$tap_failed" = 0 ]
}
