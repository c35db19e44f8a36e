"""PyTorch's side of a comparison: its device, its precision, eager or compiled.

Inference in half precision has parameters and inputs in it; training keeps parameters in single precision and computes
under autocast, with a scaled loss for float16.
"""

import contextlib
import dataclasses

import torch

PRECISIONS = ("float32", "tf32", "float16", "bfloat16")
MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Side:
    device: str = "cpu"
    precision: str = "float32"
    compiled: bool = False

    def __str__(self):
        return f"{'compiled' if self.compiled else 'eager'} {self.precision}"

    @property
    def gpu(self):
        return self.device != "cpu"

    @property
    def half(self):
        return {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(self.precision)

    def tensor(self, x):
        """Numbers as inference takes them."""
        return x.to(self.device, self.half if x.is_floating_point() else None)

    def ready(self, module, *parts):
        """A module for inference; `parts` of it are compiled, or all of it."""
        module = module.eval().to(self.device, self.half)
        return self.compiling(module, *parts or [module])

    def compiling(self, module, *parts):
        for part in parts if self.compiled else []:
            part.compile()
        return module

    def learning(self):
        """Where the loss of a training is computed."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, self.half) if self.half else contextlib.nullcontext()

    def scaler(self):
        return torch.amp.GradScaler(torch.device(self.device).type, enabled=self.half == torch.float16)

    @contextlib.contextmanager
    def turn(self):
        """A turn at the machine: products with or without TF32, and what was cached given back for the other side."""
        allowed = self.precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
        yield
        if self.gpu:
            torch.cuda.empty_cache()

    def wait(self):
        if self.gpu:
            torch.cuda.synchronize(self.device)

    def made(self, make):
        """What `make` gives, run once; and the most memory that PyTorch allocated for it on a GPU, MiB."""
        with self.turn():
            if not self.gpu:
                run = make()
                run()
                return run, None
            before = torch.cuda.memory_allocated(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            run = make()
            run()
            self.wait()
            return run, (torch.cuda.max_memory_allocated(self.device) - before) / MIB
