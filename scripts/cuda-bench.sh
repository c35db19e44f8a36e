#!/usr/bin/env bash
# Slotflow on a GPU: whether it gives the numbers of the CPU and of the references, and how fast it is beside PyTorch.
#
#     scripts/cuda-bench.sh                                  on the first GPU
#     scripts/cuda-bench.sh --device cuda:1 --out gpu.md     on another; the report also into a file
#     scripts/cuda-bench.sh --device cpu --quick             tries this script where there is no GPU
#
# Four parts, all markdown: the default job on the CPU and on the device, score by score (`benches/compare/run_parity.py`); golden
# numbers of every model, ours (`cargo test`, at most 1e-3 off: a GPU may multiply in TF32); times, frames/s and memory in the sizes
# of SlotDiffusion for Physion beside PyTorch, which must give its golden numbers first (`benches/compare/run`); what Slotflow does
# not do. `--quick` has fewer cases, precisions and repeats.
# Exit code 1 where parity fails or something of ours cannot be measured, 2 where something that is needed is not there.
# PIPELINE names a binary; unset = it is built, and the golden numbers are computed. VENV is as in `benches/compare/run`.
set -euo pipefail

home=$(cd "$(dirname "$0")/.." && pwd)
# The paper's batch, of windows of 3 frames.
batch=48
device=cuda quick='' out='' clips=2

refuse() {
    printf 'error: %s\n\nhint: %s\n' "$1" "$2" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        --device) device=${2:-} && shift ;;
        --out) out=${2:-} && shift && [ -n "$out" ] || refuse '--out names no file' 'say `--out gpu.md`' ;;
        --quick) quick=1 clips=1 ;;
        -h | --help) sed -n '2,/^set /{/^# \{0,1\}/s///p}' "$0" && exit ;;
        *) refuse "\`$1\` is no option" 'known are --device DEVICE, --quick, --out FILE' ;;
    esac
    shift
done
[[ $device =~ ^(cpu|cuda(:[0-9]+)?)$ ]] || refuse "no device is called \`$device\`" 'say `--device cuda`, `cuda:1` or `cpu`'

# What is needed.
command -v python3 >/dev/null || refuse 'no `python3` here' 'on Debian: apt-get install python3 python3-venv'
if [ -n "${PIPELINE:-}" ]; then
    [ -x "$PIPELINE" ] || refuse "PIPELINE is no program: \`$PIPELINE\`" 'name a `pipeline` that was built with `--features cuda`'
else
    command -v cargo >/dev/null || refuse 'no `cargo` here' 'install Rust (https://rustup.rs), or name a binary by PIPELINE'
fi
features=()
if [ "$device" != cpu ]; then
    features=(--features cuda)
    nvidia-smi >/dev/null 2>&1 || refuse '`nvidia-smi` finds no GPU here' \
        'install the NVIDIA driver, or say `--device cpu --quick` to try the script without one'
fi

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
failed=()

# `say WORD…`: a line of the report.
say() {
    printf '%s\n' "$@" | tee -a "$room/report.md"
}

# `part NAME COMMAND…`: what a command prints, into the report; a command that fails is remembered and the next part goes on.
part() {
    local name=$1
    shift
    if ! "$@" 2>"$room/said" | tee -a "$room/report.md"; then
        failed+=("$name")
        say '' "Failed: $name: $(tail -n 3 "$room/said" | tr '\n' ' ')"
    fi
    say ''
}

build() {
    (cd "$home" && cargo build --release "${features[@]}" --bin pipeline) >&2 ||
        refuse 'the binary does not build' 'see what cargo says above; `./start setup` installs what a build needs'
    PIPELINE=${CARGO_TARGET_DIR:-$home/target}/release/pipeline
}

# `job DEVICE FOLDER`: the default job from nothing.
job() {
    "$PIPELINE" run video-predict --clips "$clips" --quiet --device "$1" --cache "$room/cache-$2" --out "$room/$2" \
        --set report.format=png >/dev/null
}

smoke() {
    job cpu on-cpu && job "$device" on-device && python3 "$home/benches/compare/run_parity.py" "$room/on-cpu" "$room/on-device"
}

# Golden numbers of every model, on the device.
golden() {
    local status=0
    (cd "$home" && PARITY_DEVICE=$device PARITY_TOLERANCE=1e-3 cargo test --release "${features[@]}" --test it -- \
        --exact parity::every_model_computes_what_its_reference_computed --nocapture) >"$room/golden" || status=$?
    # parity NAME END worst=SHARE (TENSOR) tensors=COUNT
    echo '| model | result | furthest, share of the largest | tensor | compared |'
    echo '|---|---|---|---|---|'
    awk '{ sub(/^test .* \.\.\. /, "") }
        $1 == "parity" { sub("worst=", "", $4); sub("tensors=", "", $6); gsub("[()]", "", $5)
        print "| " $2 " | " $3 " | " $4 " | " $5 " | " $6 " |"; count++ } END { exit !count }' "$room/golden" || status=1
    return "$status"
}

# `times OPTION…`: beside PyTorch.
times() {
    PIPELINE=$PIPELINE "$home/benches/compare/run" --device "$device" --no-bars "$@"
}

beside_pytorch() {
    if [ "$device" = cpu ]; then
        # Training, half precision and compiling take minutes a case on a CPU.
        times --only models/unet --only models/vqvae-decode --threads 1 --rounds 1 --repeats 1 && echo &&
            times --only models/vqvae-decode --threads 1 --precision bfloat16 --rounds 1 --repeats 1
    elif [ -n "$quick" ]; then
        times --only models --precision float32,tf32,float16,bfloat16 --rounds 1 --repeats 5 --warm-up 3
    else
        times --only models --precision float32,tf32,float16,bfloat16 --compiled --rounds 5 --repeats 10 --warm-up 5
    fi
}

unsupported() {
    say '| Slotflow | inference | training |' '|---|---|---|' \
        '| float32 | yes | yes |' \
        '| TF32 | no switch: on a GPU burn may multiply in it | no switch: on a GPU burn may multiply in it |' \
        '| float16 | not supported | not supported |' \
        '| bfloat16 | not supported | not supported |' \
        '| compiled ahead, as `torch.compile` | not supported: burn fuses as it goes | not supported: burn fuses as it goes |' ''
}

built=''
[ -n "${PIPELINE:-}" ] || { build && built=1; }
PIPELINE=$(realpath "$PIPELINE")
"$PIPELINE" bench layers/linear --quiet --device "$device" --warm-up 0 --repeats 1 --out "$room/one.csv" >/dev/null 2>"$room/said" ||
    refuse "\`$PIPELINE\` does not run on $device: $(sed -n 's/^error: //p' "$room/said")" "$(sed -n 's/^hint: //p' "$room/said" | grep . || echo 'see above')"

say "# Slotflow on $device" ''
[ "$device" = cpu ] || say "$(nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader)" ''
say '## The default job, on the CPU and on the device' ''
part 'default job' smoke
say '## Golden numbers of the models, ours' ''
if [ -n "$built" ]; then
    part 'golden numbers' golden
else
    say 'Not run: PIPELINE names a binary, and these are tests that are built.' ''
fi
say '## Beside PyTorch' '' \
    'Ours in single precision. Below 1 Slotflow is faster. Memory of ours has the CUDA context and the pool in it, of PyTorch what it allocated.' ''
part 'beside PyTorch' beside_pytorch
say "## The paper's training step: $batch windows of 3 frames" ''
if [ -n "$quick" ] || [ "$device" = cpu ]; then
    say 'Not run: --quick, or a CPU.' ''
else
    part 'training step' times --only models/training-step --batch $batch --precision float32,tf32,float16,bfloat16 --compiled \
        --rounds 3 --repeats 3 --warm-up 2
fi
say '## What Slotflow does not do' ''
unsupported
if [ ${#failed[@]} -gt 0 ]; then
    say "Failed: ${failed[*]}."
fi
[ -z "$out" ] || cp "$room/report.md" "$out"
[ ${#failed[@]} -eq 0 ]
