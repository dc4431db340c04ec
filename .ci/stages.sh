# Named stages with durations, in the foreground or in the background. To be sourced.

work=$(mktemp -d "${TMPDIR:-/tmp}/ci.XXXXXXXX")
current=""
durations=()
failed=()
declare -A pid_of log_of start_of
export PYTHONDONTWRITEBYTECODE=1 PIP_NO_INPUT=1 MAKEFLAGS=--no-print-directory

finish() {
  local status=$? name
  trap - EXIT
  for name in "${!pid_of[@]}"; do
    # A group of its own, so that what a job has started ends with it.
    kill -TERM -- "-${pid_of[$name]}" 2>/dev/null || true
  done
  rm -rf "$work"
  if ((status)); then
    echo "=== FAILED${current:+ in stage: $current} (exit status $status)" >&2
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ended NAME START STATUS: say how a stage ended, and remember it.
ended() {
  local seconds=$((SECONDS - $2)) result=ok
  if (($3)); then
    result="FAILED (exit status $3)"
    failed+=("$1")
  fi
  durations+=("$(printf '%4d s  %s: %s' "$seconds" "$1" "$result")")
  echo "=== $1: $result, $seconds s"
}

# need NAME COMMAND…: run it in this shell; without it nothing else can be.
need() {
  local name=$1 start=$SECONDS
  shift
  echo "=== $name"
  current=$name
  "$@" </dev/null
  current=""
  ended "$name" "$start" 0
}

# stage NAME COMMAND…: run it and continue even if it fails; summary reports it and sets the exit status.
stage() {
  local name=$1 start=$SECONDS status=0
  shift
  echo "=== $name"
  # Not as a condition: there bash would continue after a failing command.
  set -m
  ("$@") </dev/null &
  pid_of[$name]=$!
  set +m
  wait "${pid_of[$name]}" || status=$?
  unset "pid_of[$name]"
  ended "$name" "$start" "$status"
}

# background NAME COMMAND…: start it, its output kept for `await`.
background() {
  local name=$1
  shift
  log_of[$name]=$(mktemp "$work/log.XXXXXXXX")
  start_of[$name]=$SECONDS
  set -m
  ("$@") </dev/null >"${log_of[$name]}" 2>&1 &
  pid_of[$name]=$!
  set +m
  echo "=== $name: started in the background"
}

# await NAME: print what it said.
await() {
  local name=$1 status=0
  wait "${pid_of[$name]}" || status=$?
  unset "pid_of[$name]"
  echo "=== $name"
  cat "${log_of[$name]}"
  ended "$name" "${start_of[$name]}" "$status"
}

# summary: print every stage, and end with 1 where one failed.
summary() {
  printf '%s\n' "=== all stages" "${durations[@]}" "$(printf '%4d s  in all' "$SECONDS")"
  if ((${#failed[@]})); then
    printf 'FAILED: %s\n' "${failed[@]}"
    exit 1
  fi
}
