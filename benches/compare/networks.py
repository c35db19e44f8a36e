"""The networks that judge, restated in PyTorch from their descriptions, batch norms unfolded as they are published.

I3D: Carreira & Zisserman 2017. Inception: the 2015 graph that FID knows. LPIPS: Zhang et al. 2018, version 0.1.
"""

import torch
from torch import nn
from torch.nn import functional


def same(length, size, stride):
    """Zeros in front and behind, as TensorFlow's SAME has it."""
    total = max(size - (length % stride or stride), 0)
    return total // 2, total - total // 2


def same_pads(x, size, stride):
    """What `functional.pad` wants, last axis first; and the same number for both sides where all axes agree."""
    sides = [same(n, k, s) for n, k, s in zip(x.shape[2:], size, stride)]
    even = all(front == back for front, back in sides)
    return [n for pair in reversed(sides) for n in pair], [front for front, _ in sides] if even else None


class Unit3d(nn.Module):
    def __init__(self, inputs, outputs, size=1, stride=1):
        super().__init__()
        self.size, self.stride = [size] * 3, [stride] * 3
        self.conv3d = nn.Conv3d(inputs, outputs, size, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x):
        pads, even = same_pads(x, self.size, self.stride)
        weight = self.conv3d.weight
        if even is None:
            x = functional.conv3d(functional.pad(x, pads), weight, stride=self.stride)
        else:
            x = functional.conv3d(x, weight, stride=self.stride, padding=even)
        return functional.relu(self.bn(x), inplace=True)


def pool3d(x, size, stride):
    pads, even = same_pads(x, size, stride)
    if even is None:
        return functional.max_pool3d(functional.pad(x, pads), size, stride)
    return functional.max_pool3d(x, size, stride, padding=even)


class Mixed3d(nn.Module):
    def __init__(self, inputs, a, b, c, d, e, f):
        super().__init__()
        self.b0 = Unit3d(inputs, a)
        self.b1a, self.b1b = Unit3d(inputs, b), Unit3d(b, c, 3)
        self.b2a, self.b2b = Unit3d(inputs, d), Unit3d(d, e, 3)
        self.b3b = Unit3d(inputs, f)

    def forward(self, x):
        pooled = pool3d(x, [3, 3, 3], [1, 1, 1])
        views = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)]
        return torch.cat(views, 1)


class Logits(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv3d = nn.Conv3d(1024, 400, 1)


MIXED = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}


class I3d(nn.Module):
    """Clips [batch, 3, time, 224, 224] in -1..1 -> [batch, 400]."""

    def __init__(self):
        super().__init__()
        self.Conv3d_1a_7x7 = Unit3d(3, 64, 7, 2)
        self.Conv3d_2b_1x1 = Unit3d(64, 64)
        self.Conv3d_2c_3x3 = Unit3d(64, 192, 3)
        for name, widths in MIXED.items():
            setattr(self, f"Mixed_{name}", Mixed3d(*widths))
        self.logits = Logits()

    def last_block(self, x):
        x = pool3d(self.Conv3d_1a_7x7(x), [1, 3, 3], [1, 2, 2])
        x = pool3d(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), [1, 3, 3], [1, 2, 2])
        for name in MIXED:
            if name == "4b":
                x = pool3d(x, [3, 3, 3], [2, 2, 2])
            if name == "5b":
                x = pool3d(x, [2, 2, 2], [2, 2, 2])
            x = getattr(self, f"Mixed_{name}")(x)
        return x

    def forward(self, x):
        x = functional.avg_pool3d(self.last_block(x), [2, 7, 7], 1)
        return self.logits.conv3d(x).flatten(2).mean(2)


class Unit(nn.Module):
    def __init__(self, inputs, outputs, size=1, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        return functional.relu(self.bn(self.conv(x)), inplace=True)


def mean_around(x):
    return functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def max_around(x):
    return functional.max_pool2d(x, 3, 1, 1)


def halved(x):
    return functional.max_pool2d(x, 3, 2)


ROW, COLUMN = {"size": (1, 7), "padding": (0, 3)}, {"size": (7, 1), "padding": (3, 0)}
ROW3, COLUMN3 = {"size": (1, 3), "padding": (0, 1)}, {"size": (3, 1), "padding": (1, 0)}
THREE, FIVE, STEP = {"size": 3, "padding": 1}, {"size": 5, "padding": 2}, {"size": 3, "stride": 2}


class Block(nn.Module):
    """Views side by side: chains of units, each named with its sizes; a chain may end in two units at once."""

    def __init__(self, chains, pool):
        super().__init__()
        self.chains, self.pool = [[list(link) for link in chain] for chain in chains], pool
        for chain in chains:
            for link in chain:
                for name, inputs, outputs, sizes in link:
                    setattr(self, name, Unit(inputs, outputs, **sizes))

    def forward(self, x):
        views = []
        for chain in self.chains:
            y = self.pool(x) if chain[0][0][0] == "branch_pool" else x
            for link in chain[:-1]:
                y = getattr(self, link[0][0])(y)
            views.extend(getattr(self, name)(y) for name, *_ in chain[-1])
        if not any(chain[0][0][0] == "branch_pool" for chain in self.chains):
            views.append(self.pool(x))
        return torch.cat(views, 1)


def block_a(inputs, pool):
    return Block(
        [
            [[("branch1x1", inputs, 64, {})]],
            [[("branch5x5_1", inputs, 48, {})], [("branch5x5_2", 48, 64, FIVE)]],
            [
                [("branch3x3dbl_1", inputs, 64, {})],
                [("branch3x3dbl_2", 64, 96, THREE)],
                [("branch3x3dbl_3", 96, 96, THREE)],
            ],
            [[("branch_pool", inputs, pool, {})]],
        ],
        mean_around,
    )


def block_c(inner):
    return Block(
        [
            [[("branch1x1", 768, 192, {})]],
            [
                [("branch7x7_1", 768, inner, {})],
                [("branch7x7_2", inner, inner, ROW)],
                [("branch7x7_3", inner, 192, COLUMN)],
            ],
            [
                [("branch7x7dbl_1", 768, inner, {})],
                [("branch7x7dbl_2", inner, inner, COLUMN)],
                [("branch7x7dbl_3", inner, inner, ROW)],
                [("branch7x7dbl_4", inner, inner, COLUMN)],
                [("branch7x7dbl_5", inner, 192, ROW)],
            ],
            [[("branch_pool", 768, 192, {})]],
        ],
        mean_around,
    )


def block_e(inputs, pool):
    return Block(
        [
            [[("branch1x1", inputs, 320, {})]],
            [
                [("branch3x3_1", inputs, 384, {})],
                [("branch3x3_2a", 384, 384, ROW3), ("branch3x3_2b", 384, 384, COLUMN3)],
            ],
            [
                [("branch3x3dbl_1", inputs, 448, {})],
                [("branch3x3dbl_2", 448, 384, THREE)],
                [("branch3x3dbl_3a", 384, 384, ROW3), ("branch3x3dbl_3b", 384, 384, COLUMN3)],
            ],
            [[("branch_pool", inputs, 192, {})]],
        ],
        pool,
    )


BLOCK_B = [
    [[("branch3x3", 288, 384, STEP)]],
    [
        [("branch3x3dbl_1", 288, 64, {})],
        [("branch3x3dbl_2", 64, 96, THREE)],
        [("branch3x3dbl_3", 96, 96, STEP)],
    ],
]
BLOCK_D = [
    [[("branch3x3_1", 768, 192, {})], [("branch3x3_2", 192, 320, STEP)]],
    [
        [("branch7x7x3_1", 768, 192, {})],
        [("branch7x7x3_2", 192, 192, ROW)],
        [("branch7x7x3_3", 192, 192, COLUMN)],
        [("branch7x7x3_4", 192, 192, STEP)],
    ],
]


class Inception(nn.Module):
    """Pictures [batch, 3, 299, 299] in -1..1 -> [batch, 2048]."""

    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, 1, 1)
        self.Conv2d_3b_1x1 = Unit(64, 80)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = block_a(192, 32), block_a(256, 64), block_a(288, 64)
        self.Mixed_6a = Block(BLOCK_B, halved)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = map(block_c, (128, 160, 160, 192))
        self.Mixed_7a = Block(BLOCK_D, halved)
        self.Mixed_7b, self.Mixed_7c = block_e(1280, mean_around), block_e(2048, max_around)

    def forward(self, x):
        x = halved(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{name}")(x)
        return x.mean((2, 3))


class Fire(nn.Module):
    def __init__(self, inputs, inner, half):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, inner, 1)
        self.expand1x1 = nn.Conv2d(inner, half, 1)
        self.expand3x3 = nn.Conv2d(inner, half, 3, padding=1)

    def forward(self, x):
        x = functional.relu(self.squeeze(x))
        return torch.cat([functional.relu(self.expand1x1(x)), functional.relu(self.expand3x3(x))], 1)


def vgg():
    layers, inputs = [], 3
    for index, (width, count) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]):
        if index:
            layers.append(nn.MaxPool2d(2, 2))
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
    return layers, (3, 8, 15, 22, 29)


def alex():
    pool = nn.MaxPool2d(3, 2)
    return [
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), pool,
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), pool,
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    ], (1, 4, 7, 9, 11)


def squeeze():
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return [
        nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool,
        Fire(64, 16, 64), Fire(128, 16, 64), pool,
        Fire(128, 32, 128), Fire(256, 32, 128), pool,
        Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256),
    ], (1, 4, 7, 9, 10, 11, 12)


BACKBONES = {"vgg": ("vgg16", vgg), "alex": ("alexnet", alex), "squeeze": ("squeezenet1_1", squeeze)}


class Lpips(nn.Module):
    """Pairs of pictures [batch, 3, height, width] in -1..1 -> [batch]."""

    def __init__(self, name):
        super().__init__()
        layers, self.taps = BACKBONES[name][1]()
        self.features = nn.Sequential(*layers)
        self.heads = []
        self.shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
        self.scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)

    def seen(self, x):
        x = (x - self.shift) / self.scale
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                yield x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)

    def forward(self, a, b):
        total = 0
        for head, a, b in zip(self.heads, list(self.seen(a)), list(self.seen(b))):
            total = total + functional.conv2d((a - b).square(), head).mean((2, 3))
        return total.flatten()
