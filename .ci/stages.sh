# Named stages with durations, in the foreground or in the background. To be sourced.

work=$(mktemp -d "${TMPDIR:-/tmp}/ci.XXXXXXXX")
current=""
durations=()
declare -A pid_of log_of start_of
export PYTHONDONTWRITEBYTECODE=1 PIP_NO_INPUT=1

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

# stage NAME COMMAND…: run it here; the script ends where it fails.
stage() {
  current=$1
  local start=$SECONDS
  shift
  echo "=== $current"
  "$@" </dev/null
  durations+=("$(printf '%4d s  %s' $((SECONDS - start)) "$current")")
  echo "=== $current: ok, $((SECONDS - start)) s"
  current=""
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

# await NAME: print what it said, and end where it failed.
await() {
  current=$1
  local status=0
  wait "${pid_of[$current]}" || status=$?
  unset "pid_of[$current]"
  echo "=== $current"
  cat "${log_of[$current]}"
  ((status == 0)) || exit "$status"
  durations+=("$(printf '%4d s  %s (beside others)' $((SECONDS - start_of[$current])) "$current")")
  echo "=== $current: ok, $((SECONDS - start_of[$current])) s"
  current=""
}

summary() {
  printf '%s\n' "=== all stages" "${durations[@]}" "$(printf '%4d s  in all' "$SECONDS")"
}
