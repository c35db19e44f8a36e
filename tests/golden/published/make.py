"""The same arrays in three files that PyTorch writes: before zip, since zip, and as a compiled model."""

import pathlib

import torch
from torch import nn

here = pathlib.Path(__file__).parent


class Unit(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.bn(self.conv(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Unit()
        self.blocks = nn.Sequential(nn.Identity(), Unit())
        self.sizes = [1, 2]

    def forward(self, x):
        return self.stem(x)


torch.manual_seed(0)
net = Net()
state = net.state_dict()
# A view that is not contiguous.
state["stem.conv.weight"] = state["stem.conv.weight"].transpose(2, 3)
torch.save(state, here / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(state, here / "zip.pth")
net.stem.conv.weight.data = state["stem.conv.weight"].clone()
torch.jit.script(net).save(here / "script.pt")
