# shellcheck shell=bash
# Sourced by the scripts beside it. Strict mode, the places where things stand, and a few helpers.
set -euo pipefail
umask 077

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
# shellcheck disable=SC2034  # used by the scripts that source this
local_dir="$root/.local" run_dir="$root/.local/run" log_dir="$root/.local/log" state_dir="$root/.local/state"

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# swift_sources: every Swift file of the project, NUL-separated. A folder that is not there has none.
swift_sources() {
    local place places=()
    for place in Package.swift Services Shared Examples Tests Benchmarks; do
        [[ ! -e $place ]] || places+=("$place")
    done
    find "${places[@]}" -name '*.swift' -print0 | sort -z
}

# random_secret: 256 random bits as hex.
random_secret() { openssl rand -hex 32; }

# write_secret FILE: standard input into FILE, which only its owner can read.
write_secret() {
    mkdir -p "$(dirname "$1")"
    rm -f "$1"
    (umask 077 && cat > "$1")
}

# is_ours PID MARK: whether the process still is the one that was started (its command line holds MARK).
is_ours() {
    [[ -r "/proc/$1/cmdline" ]] && tr '\0' ' ' < "/proc/$1/cmdline" | grep -qF -- "$2"
}

# start NAME COMMAND...: in the background, in a session of its own, output to .local/log/NAME.log.
start() {
    local name=$1
    shift
    mkdir -p "$run_dir" "$log_dir"
    setsid "$@" >> "$log_dir/$name.log" 2>&1 < /dev/null &
    printf '%s %s\n' "$!" "$1" > "$run_dir/$name.pid"
}

# stop_one NAME: SIGTERM, twelve seconds for the drain, then SIGKILL.
stop_one() {
    local file="$run_dir/$1.pid" pid mark
    [[ -f $file ]] || return 0
    read -r pid mark < "$file"
    if is_ours "$pid" "$(basename "$mark")"; then
        kill -TERM "$pid" 2> /dev/null || true
        for _ in $(seq 120); do
            is_ours "$pid" "$(basename "$mark")" || break
            sleep 0.1
        done
        is_ours "$pid" "$(basename "$mark")" && kill -KILL "$pid" 2> /dev/null
    fi
    rm -f "$file"
}

# wait_for NAME SECONDS COMMAND...: until the command succeeds; shows the log's end when it never does.
wait_for() {
    local name=$1 seconds=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@" > /dev/null 2>&1; do
        if ((SECONDS >= end)); then
            tail -n 20 "$log_dir/$name.log" >&2 2> /dev/null || true
            die "$name was not ready within $seconds s (log: .local/log/$name.log)"
        fi
        sleep 0.2
    done
}
