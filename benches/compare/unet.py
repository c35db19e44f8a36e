"""The U-Net that cross-attends to slots, restated in PyTorch from its description (Rombach et al. 2022)."""

import math

import torch
from torch import nn
from torch.nn import functional


class TimedResidual(nn.Module):
    def __init__(self, inputs, outputs, time, groups, dropout):
        super().__init__()
        first, last = nn.Conv2d(inputs, outputs, 3, 1, 1), nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.in_layers = nn.Sequential(nn.GroupNorm(groups, inputs), nn.SiLU(), first)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(time, outputs))
        self.out_layers = nn.Sequential(nn.GroupNorm(groups, outputs), nn.SiLU(), nn.Dropout(dropout), last)
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, time):
        inner = self.in_layers(x) + self.emb_layers(time)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(inner)


class Attention(nn.Module):
    def __init__(self, width, context, head):
        super().__init__()
        self.heads = width // head
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k, self.to_v = nn.Linear(context, width, bias=False), nn.Linear(context, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width))

    def said(self, source):
        return [part(source).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.to_k, self.to_v)]

    def forward(self, x, k, v):
        q = self.to_q(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        return self.to_out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Gated(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, -1)
        return value * functional.gelu(gate)


class Block(nn.Module):
    def __init__(self, width, context, head):
        super().__init__()
        self.attn1, self.attn2 = Attention(width, width, head), Attention(width, context, head)
        self.ff = nn.ModuleDict({"net": nn.Sequential(Gated(width), nn.Identity(), nn.Linear(4 * width, width))})
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, x, said):
        y = self.norm1(x)
        x = x + self.attn1(y, *self.attn1.said(y))
        x = x + self.attn2(self.norm2(x), *said)
        return x + self.ff["net"](self.norm3(x))


class Spatial(nn.Module):
    def __init__(self, width, context, head, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.proj_in, self.proj_out = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([Block(width, context, head)])

    def forward(self, x, said):
        tokens = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        tokens = self.transformer_blocks[0](tokens, said)
        return x + self.proj_out(tokens.transpose(1, 2).reshape(x.shape))


class Halve(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.op = nn.Conv2d(width, width, 3, 2, 1)

    def forward(self, x):
        return self.op(x)


class Double(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x):
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class UNet(nn.Module):
    def __init__(self, base=128, multipliers=(1, 2, 3, 4), blocks=2, factors=(2, 4, 8), head=32, groups=32, context=192):
        super().__init__()
        self.base, time = base, 4 * base
        self.time_embed = nn.Sequential(nn.Linear(base, time), nn.SiLU(), nn.Linear(time, time))

        def stage(inputs, outputs, level):
            steps = [TimedResidual(inputs, outputs, time, groups, 0.1)]
            return steps + ([Spatial(outputs, context, head, groups)] if 2**level in factors else [])

        down, widths, before = [[nn.Conv2d(3, base, 3, 1, 1)]], [base], base
        for level, multiplier in enumerate(multipliers):
            for _ in range(blocks):
                down.append(stage(before, base * multiplier, level))
                before = base * multiplier
                widths.append(before)
            if level + 1 < len(multipliers):
                down.append([Halve(before)])
                widths.append(before)
        ends = [TimedResidual(before, before, time, groups, 0.1) for _ in range(2)]
        self.middle_block = nn.ModuleList([ends[0], Spatial(before, context, head, groups), ends[1]])
        up = []
        for level, multiplier in reversed(list(enumerate(multipliers))):
            for index in range(blocks + 1):
                steps = stage(before + widths.pop(), base * multiplier, level)
                before = base * multiplier
                up.append(steps + ([Double(before)] if index == blocks and level > 0 else []))
        self.input_blocks = nn.ModuleList(nn.ModuleList(steps) for steps in down)
        self.output_blocks = nn.ModuleList(nn.ModuleList(steps) for steps in up)
        self.out = nn.Sequential(nn.GroupNorm(groups, base), nn.SiLU(), nn.Conv2d(base, 3, 3, 1, 1))

    def prepare(self, slots):
        """What the slots say to every layer: the same for all steps of a sampler, so not timed with one."""
        layers = [layer for layer in self.modules() if isinstance(layer, Spatial)]
        return {layer: layer.transformer_blocks[0].attn2.said(slots) for layer in layers}

    def forward(self, x, times, said):
        rates = torch.exp(-math.log(10000.0) * torch.arange(self.base // 2, device=x.device) / (self.base // 2))
        angles = times[:, None].float() * rates
        time = self.time_embed(torch.cat([angles.cos(), angles.sin()], 1).to(x.dtype))

        def through(steps, x):
            for step in steps:
                if isinstance(step, TimedResidual):
                    x = step(x, time)
                else:
                    x = step(x, said[step]) if isinstance(step, Spatial) else step(x)
            return x

        skips = []
        for steps in self.input_blocks:
            x = through(steps, x)
            skips.append(x)
        x = through(self.middle_block, x)
        for steps in self.output_blocks:
            x = through(steps, torch.cat([x, skips.pop()], 1))
        return self.out(x)
