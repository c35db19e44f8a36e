"""Numbers that anyone can rebuild from a name: the streams of tests/golden/metrics/README.md."""

import numpy
import torch

MASK = (1 << 64) - 1


def start(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def u01(name, count):
    """`count` numbers in 0..1."""
    with numpy.errstate(over="ignore"):
        z = numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(start(name))
        z += numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z ^= z >> numpy.uint64(31)
    return (z >> numpy.uint64(40)).astype(numpy.float64) / float(1 << 24)


def centred(name, shape, scale):
    """Numbers in -scale..scale."""
    values = (2 * u01(name, int(numpy.prod(shape))) - 1) * scale
    return torch.from_numpy(values.astype(numpy.float32).reshape(shape))


def weight(name, shape):
    """A weight whose scale fits its number of inputs."""
    return centred(name, shape, (6 / numpy.prod(shape[1:])) ** 0.5)


def waves(name, batch, height, width):
    """Pictures with soft waves and noise, 0..1, [batch, 3, height, width]."""
    planes = numpy.arange(batch * 3).reshape(-1, 1, 1)
    y = ((numpy.arange(height) + 0.5) / height).reshape(1, -1, 1)
    x = ((numpy.arange(width) + 0.5) / width).reshape(1, 1, -1)
    wave = y * (planes % 3 + 1) + x * (planes % 2 + 1)
    soft = numpy.abs(2 * (wave % 1) - 1)
    noise = u01(name, soft.size).reshape(soft.shape)
    picture = (0.7 * soft + 0.3 * noise).astype(numpy.float32)
    return torch.from_numpy(picture.reshape(batch, 3, height, width))


def fill(module, prefix, bias=0.1):
    """Every parameter of a network from the stream of its own name; batch norms keep a scale of one."""
    state = {}
    for key, value in module.state_dict().items():
        name, shape = f"{prefix}.{key}", tuple(value.shape)
        if key.endswith("num_batches_tracked"):
            state[key] = value
        elif key.endswith("running_var"):
            state[key] = torch.from_numpy((0.5 + u01(name, value.numel())).astype(numpy.float32))
        elif len(shape) > 1:
            state[key] = weight(name, shape)
        elif key.endswith("weight"):
            state[key] = torch.ones(shape)
        else:
            state[key] = centred(name, shape, bias)
    module.load_state_dict(state)
    return module.eval()
