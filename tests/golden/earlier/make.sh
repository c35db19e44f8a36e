#!/bin/sh
# Files of an earlier version: run folders whole, and of their cache what tells it apart.
# Usage: make.sh PIPELINE   (the binary of commit 990f244), in this folder.
set -eu
pipeline=$1
work=$(mktemp -d)
small="--quiet --device cpu --cache $work/cache"
cat > predict-plan.toml <<'PLAN'
flow = "video-predict"

[decode]
dataset = "synth"
clips = 1
frames = 8
stride = 5

[encode]
weights = "shipped:slot-encoder"

[rollout]
weights = "shipped:slotformer"

[render]
weights = "shipped:latent-diffusion"
sampler = { steps = 1 }

[evaluate]
motion = "shipped:motion"
resamples = 100

[report]
clips = 0
scale = 1
PLAN
"$pipeline" run predict-plan.toml $small --out "$work/predict"
"$pipeline" run clevrer-vqa $small --clips 1 --set beside.question=shipped:aloe --out "$work/clevrer-vqa"
"$pipeline" show physion-vqa > physion-vqa.toml
rm -rf predict clevrer-vqa cache
mkdir -p predict clevrer-vqa cache
cp -r "$work/predict/"* predict/
rm -r predict/report.html predict/masks predict/slots
cp "$work/clevrer-vqa/plan.toml" clevrer-vqa/
# Every artifact's manifest, and the clips of the roll-out.
(cd "$work/cache" && find . -name manifest.json) | while read -r manifest; do
    mkdir -p "cache/$(dirname "$manifest")"
    cp "$work/cache/$manifest" "cache/$manifest"
done
cp "$work"/cache/rollout-v1/*/*.safetensors "cache/$(cd "$work/cache" && ls -d rollout-v1/*)/"
rm -rf "$work"
