#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# doctor against this host: what it says works is there, and taking a privilege or a feature away changes what it says.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib/tap.sh

PATH=$PATH:/usr/sbin
whywait=$PWD/build/whywait
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# field NAME KEY FILE: the field KEY of the feature NAME in doctor's JSON
field() {
	/usr/bin/python3 -c '
import json, sys
rows = [row for row in json.load(open(sys.argv[3]))["features"] if row["name"] == sys.argv[1]]
assert len(rows) == 1, rows
print(rows[0][sys.argv[2]])' "$1" "$2" "$3"
}
state_is() { # NAME STATE FILE
	[ "$(field "$1" state "$3")" = "$2" ] || {
		echo "# $1 is $(field "$1" state "$3"): $(field "$1" found "$3")"
		false
	}
}

# The kernel frees programs a moment after their last user is gone.
gone() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		bpftool prog show | grep -q ww_probe || return 0
		sleep 0.5
	done
	false
}

if [ "$(id -u)" != 0 ]; then
	skip "doctor" "not root"
	plan
	exit
fi

# ---- as root

"$whywait" doctor --format json >"$tmp/root.json" 2>"$tmp/root.err"
status=$?
check "exit status is 0 where observing works" [ "$status" = 0 ]
check "nothing on stderr then" [ ! -s "$tmp/root.err" ]
check "JSON says the same" grep -q '"can_observe": true' "$tmp/root.json"
check "every row is whole" /usr/bin/python3 -c '
import json, sys
doctor = json.load(open(sys.argv[1]))
assert doctor["schema"] == 1 and doctor["host"]["kernel"] == sys.argv[2], doctor["host"]
for row in doctor["features"]:
    assert row["group"] in ("privilege", "kernel", "host", "library"), row
    assert row["state"] in ("ok", "degraded", "missing", "unknown"), row
    assert row["name"] and row["found"] and row["purpose"], row
    assert row["state"] in ("ok", "unknown") or (row["without"] and row["mend"]), row
    assert not row["required"] or row["without"] and row["mend"], row
assert len({row["name"] for row in doctor["features"]}) == len(doctor["features"])
' "$tmp/root.json" "$(uname -r)"
grep -ho 'SEC("tp_btf/[a-z_]*' bpf/*.bpf.c | sed 's,.*/,,' | sort -u >"$tmp/hooks"
while read -r hook; do
	check "lists the hook $hook, which bpf/ attaches" state_is "$hook" ok "$tmp/root.json"
done <"$tmp/hooks"
sed -n 's/^WW_FEATURE([A-Z_]*, KERNEL, "\([a-z_]*\)", REQUIRED, tracepoint,.*/\1/p' src/kernel/features.def | sort >"$tmp/listed"
check "and no other hook" diff "$tmp/hooks" "$tmp/listed"
grep -o 'BPF_FUNC_[a-z_]*' src/kernel/features.def | sed 's/BPF_FUNC_/bpf_/' >"$tmp/helpers"
while read -r helper; do
	check "lists the helper $helper, which bpf/ calls" grep -q "\<$helper(" -r bpf/
done <"$tmp/helpers"
"$whywait" doctor >"$tmp/table" 2>&1
check "the table ends with the verdict" [ "$(tail -n 1 "$tmp/table")" = "Observing works here." ]
check "the table has a line for each row" [ "$(grep -c '^  \(ok\|degraded\|missing\|unknown\) ' "$tmp/table")" = \
	"$(grep -c '"group"' "$tmp/root.json")" ]
check "the programs themselves attach" state_is programs ok "$tmp/root.json"
check "no program of it stays loaded" gone

# ---- without privileges

cp "$whywait" "$tmp/whywait"
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
nobody "$tmp/whywait" doctor --format json >"$tmp/nobody.json" 2>"$tmp/nobody.err"
status=$?
check "exit status is 3 for a user without privileges" [ "$status" = 3 ]
check "one line on stderr says what and how to mend it" [ "$(wc -l <"$tmp/nobody.err")" = 1 ]
check "it names the privilege" grep -q 'CAP_BPF is missing.*root' "$tmp/nobody.err"
check "CAP_BPF is missing" state_is CAP_BPF missing "$tmp/nobody.json"
check "CAP_SYS_PTRACE degrades" state_is CAP_SYS_PTRACE degraded "$tmp/nobody.json"
check "so the programs are not tried" state_is programs unknown "$tmp/nobody.json"
check "BTF is told all the same" state_is BTF ok "$tmp/nobody.json"
check "hooks can't be tried" state_is sched_switch unknown "$tmp/nobody.json"

# What each lacks: -CAPABILITY of root.
without() { # CAPABILITY COMMAND..
	capability=$1
	shift
	setpriv --inh-caps "-$capability" --bounding-set "-$capability" "$@"
}
without sys_ptrace "$whywait" doctor --format json >"$tmp/noptrace.json" 2>&1
status=$?
check "observing works without CAP_SYS_PTRACE" [ "$status" = 0 ]
check "which is told" state_is CAP_SYS_PTRACE degraded "$tmp/noptrace.json"

if unshare -U -r true 2>/dev/null; then
	unshare -U -r "$whywait" doctor --format json >"$tmp/userns.json" 2>"$tmp/userns.err"
	status=$?
	check "root of a user namespace can't observe" [ "$status" = 3 ]
	check "and is told to leave it" grep -q 'user namespace.*outside of the container' "$tmp/userns.err"
else
	skip "root of a user namespace can't observe" "no user namespaces here"
	skip "and is told to leave it" "no user namespaces here"
fi

# Mounts within a namespace of their own: a remount of the host's /proc would change it for all.
cat >"$tmp/mounts" <<'END'
umount -a -t cgroup2
mount -t proc -o hidepid=2 proc /proc && exec "$@"
END
unshare -p -f -m sh "$tmp/mounts" "$whywait" doctor --format json >"$tmp/mounts.json" 2>/dev/null
check "a pid namespace of its own degrades" state_is "pid namespace" degraded "$tmp/mounts.json"
check "no cgroup v2 degrades" state_is "cgroup v2" degraded "$tmp/mounts.json"
check "hidepid is seen through with CAP_SYS_PTRACE" state_is /proc ok "$tmp/mounts.json"
without sys_ptrace unshare -p -f -m sh "$tmp/mounts" "$whywait" doctor --format json >"$tmp/hidden.json" 2>/dev/null
check "and not without" state_is /proc degraded "$tmp/hidden.json"
cat >"$tmp/nosys" <<'END'
mount -t tmpfs none /sys && exec "$@"
END
unshare -m sh "$tmp/nosys" "$whywait" doctor --format json >"$tmp/nobtf.json" 2>"$tmp/nobtf.err"
status=$?
check "without BTF the exit status is 3" [ "$status" = 3 ]
check "and one line names it" [ "$(wc -l <"$tmp/nobtf.err")" = 1 ]
check "with the mend" grep -q 'BTF is missing.*CONFIG_DEBUG_INFO_BTF' "$tmp/nobtf.err"
check "which the table has too" state_is BTF missing "$tmp/nobtf.json"

# ---- usage

"$whywait" doctor --format yaml >"$tmp/out" 2>"$tmp/err"
status=$?
check "an unknown format is wrong usage" [ "$status" = 2 ]
check "in one line, and nothing else" [ "$(cat "$tmp/out" "$tmp/err" | wc -l)" = 1 ]
"$whywait" doctor >/dev/full 2>"$tmp/err"
status=$?
check "output that can't be written is an error" [ "$status" = 2 ]

plan
