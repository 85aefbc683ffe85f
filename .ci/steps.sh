# How .ci/run and .ci/long run their steps: each in a process group of its own, timed, and ended as a whole.
# Sourced, not run.

started=$SECONDS
step_group=

# The steps run in a process group each, so that a signal ends all of one and nothing else.
end_step() {
    [[ -n $step_group ]] || return 0
    kill -TERM -- "-$step_group" 2>/dev/null || return 0
    ends_within 20 || kill -KILL -- "-$step_group" 2>/dev/null || true
}

# Whether all processes of the step are gone before so many seconds are over.
ends_within() {
    local tenths
    for ((tenths = 10 * $1; tenths > 0; tenths--)); do
        kill -0 -- "-$step_group" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}
trap end_step EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

step() {
    local heading=$1 began=$SECONDS status=0
    shift
    printf '\n━━ %s\n' "$heading"
    set -m
    "$@" </dev/null &
    step_group=$!
    set +m
    wait "$step_group" || status=$?
    if ((status)); then
        printf '━━ %s: FAILED (%d) after %d s\n' "$heading" "$status" $((SECONDS - began))
        exit "$status"
    fi
    # A child that was told to end may need a moment.
    if ! ends_within 5; then
        ps -eo pgid,stat,args | awk -v group="$step_group" '$1 == group' || true
        printf '━━ %s: FAILED, it left processes running\n' "$heading"
        exit 1
    fi
    step_group=
    printf '━━ %s: %d s\n' "$heading" $((SECONDS - began))
}
