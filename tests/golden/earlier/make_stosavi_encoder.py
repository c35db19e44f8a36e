"""Writes stosavi-encoder.safetensors: a tiny stochastic slot encoder in the spelling of version 0.1.0.

Its parameters under `initial.doubt` are read as `initial.posterior`. Needs nothing but Python.
"""

import json
import math
import struct

CONFIG = {
    "resolution": [4, 4], "slots": 2, "dim": 2, "features": None, "slot-mlp": 4,
    "iterations": 2, "first-iterations": None,
    "stem": {"cnn": {"channels": [2], "kernels": [3], "strides": [1], "norm-groups": None}},
    "transition": "none", "memory": None,
    "initial": {"stochastic": {"deep": True, "prior-variance": 0.01}},
    "position-scale": 1.0,
}
SHAPES = {
    "attention.gru.bias_hh": [6], "attention.gru.bias_ih": [6],
    "attention.gru.weight_hh": [6, 2], "attention.gru.weight_ih": [6, 2],
    "attention.key.weight": [2, 2], "attention.query.weight": [2, 2], "attention.value.weight": [2, 2],
    "attention.narrow.bias": [2], "attention.narrow.weight": [2, 4],
    "attention.widen.bias": [4], "attention.widen.weight": [4, 2],
    "attention.norm_features.bias": [2], "attention.norm_features.weight": [2],
    "attention.norm_slots.bias": [2], "attention.norm_slots.weight": [2],
    "attention.norm_update.bias": [2], "attention.norm_update.weight": [2],
    "first.bias": [2], "first.weight": [2, 2], "second.bias": [2], "second.weight": [2, 2],
    "initial.mean": [1, 2, 2],
    "initial.doubt.first.bias": [4], "initial.doubt.first.weight": [4, 2],
    "initial.doubt.norm.bias": [4], "initial.doubt.norm.weight": [4],
    "initial.doubt.second.bias": [4], "initial.doubt.second.weight": [4, 4],
    "norm.bias": [2], "norm.weight": [2],
    "position.dense.bias": [2], "position.dense.weight": [2, 4],
    "stem.convs.0.bias": [2], "stem.convs.0.weight": [2, 3, 3, 3],
}

header = {"model": "slot-encoder", "config": CONFIG, "origin": "make_stosavi_encoder.py", "code": "0.1.0"}
entries = {"__metadata__": {"slotflow": json.dumps(header)}}
numbers = b""
for name, shape in sorted(SHAPES.items()):
    count = math.prod(shape)
    data = struct.pack(f"<{count}f", *(math.sin(len(numbers) + i) / 2 for i in range(count)))
    entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(numbers), len(numbers) + len(data)]}
    numbers += data
head = json.dumps(entries).encode()
head += b" " * (-len(head) % 8)
with open("stosavi-encoder.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(head)) + head + numbers)
