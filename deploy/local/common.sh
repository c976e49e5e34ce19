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
    [[ -r "/proc/$1/cmdline" ]] && { tr '\0' ' ' < "/proc/$1/cmdline"; } 2> /dev/null | grep -qF -- "$2"
}

# is_alive PID: whether it runs; a process that has ended and was not waited for does not.
is_alive() {
    local state
    state=$(ps -o stat= -p "$1") && [[ $state != Z* ]]
}

# write_env FILE NAME=VALUE...: the variables as a file that `start` reads, which only its owner can read.
write_env() {
    local file=$1 pair
    shift
    for pair in "$@"; do printf '%s=%q\n' "${pair%%=*}" "${pair#*=}"; done | write_secret "$file"
}

# start NAME COMMAND...: in the background, in a session of its own, output to .local/log/NAME.log.
# It gets PATH, HOME and LANG, and what .local/secrets/NAME.env says where that is; of the caller's other variables
# nothing. Secrets reach a process through that file and its environment, never as arguments.
start() {
    local name=$1
    shift
    mkdir -p "$run_dir" "$log_dir"
    # shellcheck disable=SC2016  # expanded by the shell that is started
    setsid env -i PATH="$PATH" HOME="${HOME:-/}" LANG="${LANG:-C.UTF-8}" \
        "$BASH" -c 'set -a; [[ ! -f $1 ]] || source "$1" || exit; set +a; shift; exec "$@"' \
        "$name" "$local_dir/secrets/$name.env" "$@" >> "$log_dir/$name.log" 2>&1 < /dev/null &
    printf '%s %s\n' "$!" "$1" > "$run_dir/$name.pid"
}

# stop_one NAME: SIGTERM, 45 seconds for the drain (DRAIN_TIMEOUT is 30), then SIGKILL.
stop_one() {
    local file="$run_dir/$1.pid" pid mark
    [[ -f $file ]] || return 0
    read -r pid mark < "$file"
    mark=$(basename "$mark")
    if is_ours "$pid" "$mark"; then
        kill -TERM "$pid" 2> /dev/null || true
        wait_gone "$pid" "$mark" 45 || kill -KILL "$pid" 2> /dev/null || true
        wait_gone "$pid" "$mark" 5 || die "$1 (process $pid) does not end"
    fi
    rm -f "$file"
}

# wait_gone PID MARK SECONDS
wait_gone() {
    local end=$((SECONDS + $3))
    while is_ours "$1" "$2"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# wait_for NAME SECONDS COMMAND...: until the command succeeds. Ends with the log's last lines when the process that
# `start` started is gone, or when the time is over.
wait_for() {
    local name=$1 seconds=$2 pid fault end is_ready
    shift 2
    end=$((SECONDS + seconds))
    read -r pid _ < "$run_dir/$name.pid"
    while true; do
        is_ready=0
        "$@" > /dev/null 2>&1 || is_ready=$?
        # Asked last: whoever answered may be somebody else.
        if ! is_alive "$pid"; then
            fault="$name has ended"
            break
        fi
        ((is_ready != 0)) || return 0
        if ((SECONDS >= end)); then
            fault="$name was not ready within $seconds s"
            break
        fi
        sleep 0.2
    done
    tail -n 20 "$log_dir/$name.log" >&2 2> /dev/null || true
    die "$fault (log: .local/log/$name.log)"
}

# require_free_ports VARIABLE=PORT...: ends with a line for every port that cannot be had on loopback.
require_free_ports() {
    python3 - "$@" << 'PYTHON' || exit 1
import socket
import sys

bound, faults = [], 0
for variable, text in (argument.split("=", 1) for argument in sys.argv[1:]):
    try:
        port = int(text)
        if not 1 <= port <= 65535:
            raise ValueError
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        bound.append(listener)
    except ValueError:
        faults += 1
        print(f"error: {variable}={text} is not a port", file=sys.stderr)
    except OSError as fault:
        faults += 1
        print(f"error: port {port} cannot be had ({fault.strerror}): choose another with {variable}=…", file=sys.stderr)
sys.exit(1 if faults else 0)
PYTHON
}
