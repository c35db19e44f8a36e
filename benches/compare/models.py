"""Slot encoder, VQ-VAE, U-Net and roll-out of SlotDiffusion, restated in PyTorch from their descriptions.

SAVi: Kipf et al. 2022. Slot attention: Locatello et al. 2020. VQ-VAE and U-Net: Rombach et al. 2022.
SlotFormer and SlotDiffusion: Wu et al. 2023. Names of parameters are those of published checkpoints.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class ResBlock18(nn.Module):
    def __init__(self, inputs, outputs, stride, groups):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.GroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.GroupNorm(groups, outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.GroupNorm(groups, outputs)
            )

    def forward(self, x):
        short = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return functional.relu(self.bn2(self.conv2(x)) + short, inplace=True)


class ResNet(nn.Module):
    def __init__(self, widths, groups):
        super().__init__()
        first, second, third = widths
        self.conv1 = nn.Conv2d(3, first, 3, 1, 1, bias=False)
        self.bn1 = nn.GroupNorm(groups, first)
        stages = zip((first, first, second), widths, (1, 2, 2))
        self.layer1, self.layer2, self.layer3 = (
            nn.Sequential(ResBlock18(a, b, stride, groups), ResBlock18(b, b, 1, groups)) for a, b, stride in stages
        )

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return self.layer3(self.layer2(self.layer1(x)))


class Position(nn.Module):
    def __init__(self, channels, side):
        super().__init__()
        self.dense = nn.Linear(4, channels)
        line = torch.linspace(0, 1, side)
        y, x = torch.meshgrid(line, line, indexing="ij")
        self.register_buffer("grid", torch.stack([y, x, 1 - y, 1 - x], -1)[None])

    def forward(self, x):
        return x + self.dense(self.grid).permute(0, 3, 1, 2)


class SlotAttention(nn.Module):
    def __init__(self, features, dim, hidden, rounds):
        super().__init__()
        self.rounds, self.scale = rounds, dim**-0.5
        self.norm_inputs = nn.LayerNorm(features)
        self.project_q = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim, bias=False))
        self.project_k = nn.Linear(features, dim, bias=False)
        self.project_v = nn.Linear(features, dim, bias=False)
        self.gru = nn.GRUCell(dim, dim)
        self.mlp = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))

    def forward(self, x, slots):
        batch, count, dim = slots.shape
        x = self.norm_inputs(x)
        k, v = self.project_k(x), self.project_v(x)
        for _ in range(self.rounds):
            shares = (self.scale * k @ self.project_q(slots).transpose(1, 2)).softmax(-1) + 1e-6
            shares = shares / shares.sum(1, keepdim=True)
            update = shares.transpose(1, 2) @ v
            slots = self.gru(update.reshape(-1, dim), slots.reshape(-1, dim)).view(batch, count, dim)
            slots = slots + self.mlp(slots)
        return slots


def transformer(dim, heads, hidden, layers):
    layer = nn.TransformerEncoderLayer(dim, heads, hidden, norm_first=True, batch_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


class Predictor(nn.Module):
    def __init__(self, dim, heads, hidden, layers):
        super().__init__()
        self.transformer_encoder = transformer(dim, heads, hidden, layers)

    def forward(self, slots):
        return self.transformer_encoder(slots)


class Encoder(nn.Module):
    """Clips [batch, time, 3, side, side] to slots."""

    def __init__(self, side=128, slots=8, dim=192, widths=(64, 128, 256), groups=32, rounds=2):
        super().__init__()
        self.init_latents = nn.Parameter(torch.randn(1, slots, dim))
        self.encoder = ResNet(widths, groups)
        self.encoder_pos_embedding = Position(widths[2], side // 4)
        self.encoder_out_layer = nn.Sequential(
            nn.LayerNorm(widths[2]), nn.Linear(widths[2], dim), nn.ReLU(), nn.Linear(dim, dim)
        )
        self.slot_attention = SlotAttention(dim, dim, 2 * dim, rounds)
        self.predictor = Predictor(dim, 4, 4 * dim, 2)

    def forward(self, clips):
        batch, time = clips.shape[:2]
        x = self.encoder_pos_embedding(self.encoder(clips.flatten(0, 1)))
        x = self.encoder_out_layer(x.flatten(2).transpose(1, 2)).unflatten(0, (batch, time))
        slots = [self.slot_attention(x[:, 0], self.init_latents.expand(batch, -1, -1))]
        for frame in range(1, time):
            slots.append(self.slot_attention(x[:, frame], self.predictor(slots[-1])))
        return torch.stack(slots, 1)


class Residual(nn.Module):
    """Of the VQ-VAE."""

    def __init__(self, inputs, outputs, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps=1e-6)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.norm2 = nn.GroupNorm(groups, outputs, eps=1e-6)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        inner = self.conv1(functional.silu(self.norm1(x)))
        inner = self.conv2(functional.silu(self.norm2(inner)))
        return inner + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class PixelAttention(nn.Module):
    def __init__(self, width, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x):
        y = self.norm(x)
        q, k, v = (part(y).flatten(2).transpose(1, 2)[:, None] for part in (self.q, self.k, self.v))
        y = functional.scaled_dot_product_attention(q, k, v)[:, 0]
        return x + self.proj_out(y.transpose(1, 2).reshape(x.shape))


class Resample(nn.Module):
    def __init__(self, width, down):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 2 if down else 1, 0 if down else 1)
        self.down = down

    def forward(self, x):
        if self.down:
            return self.conv(functional.pad(x, (0, 1, 0, 1)))
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


def middle(width, groups):
    parts = {"block_1": Residual(width, width, groups), "attn_1": PixelAttention(width, groups)}
    return nn.ModuleDict(parts | {"block_2": Residual(width, width, groups)})


class VaeHalf(nn.Module):
    """Pictures to latents, or back."""

    def __init__(self, down, base, multipliers, blocks, groups):
        super().__init__()
        widths = [base * multiplier for multiplier in multipliers]
        inputs = widths[0] if down else widths[-1]
        top = widths[-1] if down else widths[0]
        self.conv_in = nn.Conv2d(3, inputs, 3, 1, 1)
        self.mid = middle(widths[-1], groups)
        levels, before = [None] * len(widths), inputs
        order = range(len(widths)) if down else range(len(widths) - 1, -1, -1)
        for level in order:
            stack = nn.ModuleList()
            for _ in range(blocks if down else blocks + 1):
                stack.append(Residual(before, widths[level], groups))
                before = widths[level]
            parts = {"block": stack}
            if down and level < len(widths) - 1:
                parts["downsample"] = Resample(before, True)
            if not down and level > 0:
                parts["upsample"] = Resample(before, False)
            levels[level] = nn.ModuleDict(parts)
        setattr(self, "down" if down else "up", nn.ModuleList(levels))
        self.norm_out = nn.GroupNorm(groups, top, eps=1e-6)
        self.conv_out = nn.Conv2d(top, 3, 3, 1, 1)
        self.is_down = down

    def middle(self, x):
        return self.mid["block_2"](self.mid["attn_1"](self.mid["block_1"](x)))

    def forward(self, x):
        x = self.conv_in(x)
        if not self.is_down:
            x = self.middle(x)
        for level in self.down if self.is_down else reversed(self.up):
            for block in level["block"]:
                x = block(x)
            for name in ("downsample", "upsample"):
                x = level[name](x) if name in level else x
        if self.is_down:
            x = self.middle(x)
        return self.conv_out(functional.silu(self.norm_out(x)))


class VqVae(nn.Module):
    def __init__(self, base=64, multipliers=(1, 2, 4), blocks=2, codes=4096, groups=32):
        super().__init__()
        self.encoder = VaeHalf(True, base, multipliers, blocks, groups)
        self.decoder = VaeHalf(False, base, multipliers, blocks, groups)
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(codes, 3)})
        self.quant_conv, self.post_quant_conv = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def encode(self, x):
        return self.quant_conv(self.encoder(x))

    def project(self, x):
        table, flat = self.quantize["embedding"].weight, x.permute(0, 2, 3, 1).reshape(-1, 3)
        nearest = torch.addmm(table.square().sum(1), flat, table.t(), alpha=-2).argmin(1)
        return table[nearest].view(x.shape[0], *x.shape[2:], 3).permute(0, 3, 1, 2)

    def forward(self, latents):
        return self.decoder(self.post_quant_conv(self.project(latents)))


class SlotFormer(nn.Module):
    """Slots seen [batch, time, slots, dim] to the slots of `steps` frames behind them."""

    def __init__(self, window=15, dim=192, width=256, layers=12, heads=8, hidden=1024):
        super().__init__()
        self.in_proj, self.out_proj = nn.Linear(dim, width), nn.Linear(width, dim)
        self.transformer_encoder = transformer(width, heads, hidden, layers)
        rates = torch.exp(-math.log(10000.0) * torch.arange(0, width, 2) / width)
        angles = torch.arange(window - 1, -1, -1)[:, None] * rates
        self.register_buffer("enc_t_pe", torch.cat([angles.sin(), angles.cos()], 1)[None])

    def forward(self, seen, steps):
        batch, window, count, dim = seen.shape
        code, found = self.enc_t_pe[:, :, None], []
        for _ in range(steps):
            x = (self.in_proj(seen) + code).flatten(1, 2)
            found.append(self.out_proj(self.transformer_encoder(x)[:, -count:]))
            seen = torch.cat([seen[:, 1:], found[-1][:, None]], 1)
        return torch.stack(found, 1)
