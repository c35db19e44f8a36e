"""Checkpoints as trainers write them, without PyTorch: the format's own bytes, from the pickle module alone.

`legacy-trainer.pth`  the format before PyTorch 1.6: half, double and bool parameters, an optimiser whose storages lie
                      between those of the model, `_orig_mod.module.` before every name, and a trainer's fields
`empty-view.pth`      a tensor of no numbers whose view begins far behind its storage
`repeated-view.pth`   a tensor of 2^40 numbers that all are the one of its storage
`zero-axis.pth`       a tensor of shape [2^40, 0]

Source: PyTorch `torch/serialization.py` (`_legacy_save`), `torch/_utils.py` (`_rebuild_tensor_v2`).
"""

import pickle
import struct
import sys
import types
from collections import Counter, OrderedDict, defaultdict

torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")
sys.modules["torch"], sys.modules["torch._utils"] = torch, utils


def _rebuild_tensor_v2(*arguments):
    raise NotImplementedError


_rebuild_tensor_v2.__module__ = "torch._utils"
utils._rebuild_tensor_v2 = _rebuild_tensor_v2
FORMATS = {"Float": "f", "Half": "e", "Double": "d", "Bool": "?", "Long": "q"}
for kind in FORMATS:
    name = f"{kind}Storage"
    setattr(torch, name, type(name, (), {"__module__": "torch"}))


class Storage:
    def __init__(self, kind, values):
        self.kind, self.values = kind, values


class Tensor:
    def __init__(self, storage, shape, strides=None, offset=0):
        if strides is None:
            strides, step = [], 1
            for size in reversed(shape):
                strides.insert(0, step)
                step *= size
        self.parts = (storage, offset, tuple(shape), tuple(strides), False, OrderedDict())

    def __reduce__(self):
        return utils._rebuild_tensor_v2, self.parts


def save(path, value):
    storages = []

    class Pickler(pickle._Pickler):
        def persistent_id(self, one):
            if not isinstance(one, Storage):
                return None
            if one not in storages:
                storages.append(one)
            key = str(94_000_000_000_000 + 64 * storages.index(one))
            return ("storage", getattr(torch, f"{one.kind}Storage"), key, "cpu", len(one.values), None)

    with open(path, "wb") as file:
        for part in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
            pickle.dump(part, file, protocol=2)
        Pickler(file, protocol=2).dump(value)
        keys = [str(94_000_000_000_000 + 64 * place) for place in range(len(storages))]
        pickle.dump(keys, file, protocol=2)
        for storage in storages:
            file.write(struct.pack("<q", len(storage.values)))
            file.write(struct.pack(f"<{len(storage.values)}{FORMATS[storage.kind]}", *storage.values))


weight = Storage("Half", [0.5, -1.0, 2.0, 3.5, 4.0, 5.0])
model = OrderedDict(
    [
        ("_orig_mod.module.weight", Tensor(weight, [2, 3])),
        ("_orig_mod.module.turned", Tensor(weight, [3, 2], [1, 3])),
        ("_orig_mod.module.bias", Tensor(Storage("Double", [0.25, -8.0]), [2])),
        ("_orig_mod.module.mask", Tensor(Storage("Bool", [True, False]), [2])),
        ("_orig_mod.module.count", Tensor(Storage("Long", [7]), [])),
    ]
)
optimizer = {"state": {0: {"step": 3, "exp_avg": Tensor(Storage("Float", [0.1] * 6), [2, 3])}}, "param_groups": []}
counts = defaultdict(list)
counts["seen"].append(4)
trainer = {
    "epoch": 2,
    "optimizer": optimizer,
    "model": model,
    "counts": counts,
    "words": Counter("aab"),
}
save("legacy-trainer.pth", trainer)
one = Storage("Float", [1.0])
save("empty-view.pth", {"a": Tensor(one, [0], [1], 1 << 40)})
save("repeated-view.pth", {"a": Tensor(one, [1 << 40], [0])})
save("zero-axis.pth", {"a": Tensor(one, [1 << 40, 0], [1, 1])})
