#!/bin/sh
# Runs every fuzz target of every package for $FUZZTIME (5s), one after the other: go fuzzes one target at a time.
set -eu
cd "$(dirname "$0")/../.."
time=${FUZZTIME:-5s}

# "FuzzA FuzzB ok pkg" in the output of -list becomes "pkg FuzzA" and "pkg FuzzB".
list=$(go test -list '^Fuzz' ./...)
targets=$(printf '%s\n' "$list" | awk '/^Fuzz/ { f[n++] = $1 } $1 == "ok" { for (i = 0; i < n; i++) print $2, f[i]; n = 0 }')
[ -n "$targets" ] || { echo 'fuzz: no targets'; exit 1; }

# Without its limit, minimizing what is merely interesting takes most of a short run.
fuzz() { go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 1x "$1" 2>&1; }

# Go's fuzzing engine sometimes reports its own deadline as a failure when the time is up, and writes no input then.
# Such a run says nothing, so it is made once more. A failing input is final.
deadline() {
	case $1 in
	*'Failing input written'*) return 1 ;;
	*'context deadline exceeded'*) return 0 ;;
	esac
	return 1
}

printf '%s\n' "$targets" | while read -r pkg target; do
	if out=$(fuzz "$pkg" "$target") || { deadline "$out" && out=$(fuzz "$pkg" "$target"); }; then
		echo "$pkg $target: $(printf '%s\n' "$out" | sed -n 's/^fuzz: elapsed: //p' | tail -n 1)"
	else
		printf '%s\n' "$out" "fuzz: $pkg $target failed"
		exit 1
	fi
done
