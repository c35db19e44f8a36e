"""Models in their published sizes, as `pipeline bench models` times them; small ones must give the golden numbers."""

import json

import numpy
import torch

import models
import unet

TYPES = {"F32": numpy.float32, "I64": numpy.int64}
STEPS = 35
SLOTS = (8, 192)
# Name in `pipeline bench` -> what goes in, and the share of PyTorch's time that ours may take.
SHAPES = {
    "models/unet": (8, 3, 32, 32),
    "models/unet-train": (8, 3, 32, 32),
    "models/vqvae-decode": (4, 3, 32, 32),
    "models/slot-encoder": (1, 12, 3, 128, 128),
    "models/rollout": (8, 15, 8, 192),
    "models/training-step": (2, 3, 3, 128, 128),
}
BARS = dict(zip(SHAPES, (1.0, 1.1, 1.0, 1.0, 0.9, 1.1)))


def arrays(path):
    """A safetensors file, read by hand: a length, a list, numbers."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            numbers = numpy.frombuffer(data[8 + length + first : 8 + length + last], TYPES[entry["dtype"]])
            found[name] = torch.from_numpy(numbers.copy().reshape(entry["shape"]))
    return found


def filled(module, state, prefix=""):
    """The module with the parameters of a published file, every one of them."""
    part = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
    wanted = module.state_dict()
    module.load_state_dict({key: part[key].reshape(value.shape) for key, value in wanted.items()})
    return module.eval()


def opened(golden, name):
    found = torch.load(golden / f"{name}.pth", map_location="cpu", weights_only=False)
    state = found.get("state_dict", found)
    return state, arrays(golden / f"{name}.io.safetensors")


class Learner(torch.nn.Module):
    """Encoder and decoder that learn together, and one step of that learning."""

    def __init__(self, encoder, vae, net):
        super().__init__()
        self.encoder, self.vae, self.net = encoder, vae.requires_grad_(False), net
        beta = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64) ** 2
        self.kept = (1 - beta).cumprod(0).float()

    def loss(self, clips, times, noise):
        slots = self.encoder(clips).flatten(0, 1)
        with torch.no_grad():
            latents = self.vae.encode(clips.flatten(0, 1))
        kept = self.kept[times][:, None, None, None]
        noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        return (self.net(noisy, times, self.net.prepare(slots)) - noise).square().mean()

    def groups(self):
        return [{"params": self.encoder.parameters()}, {"params": self.net.parameters(), "lr": 2e-4}]


def checked(golden, close):
    """That small models of the same classes give the golden numbers, gradients too; `close` ends the run if not."""

    def near(name, found, wanted, allowed=1e-4):
        close(name, found.detach(), wanted, allowed * float(wanted.abs().max()))

    state, io = opened(golden, "vqvae")
    vae = filled(models.VqVae(8, (1, 2, 4), 2, 32, 4), state)
    near("vqvae latents", vae.encode(io["in/img"]), io["out/h"])
    near("vqvae decode", vae(io["in/h_random"]), io["out/recon_from_random_h"])

    state, io = opened(golden, "slotformer")
    roller = filled(models.SlotFormer(4, 32, 32, 2, 4, 128), state, "rollouter.")
    steps = int(io["in/rollout_steps"])
    near("rollout", roller(io["in/slots"][:, :4], steps), io["out/pred_slots"])

    state, io = opened(golden, "savi_ldm")
    encoder = filled(models.Encoder(32, 4, 32, (16, 24, 32), 8), state)
    near("slot encoder", encoder(io["in/img"]), io["out/slots"])
    small = unet.UNet(8, head=4, groups=4, context=32)
    net = filled(small, state, "dm_decoder.model.diffusion_model.")
    for index, time in enumerate(io["in/eps_t"]):
        said = net(io["in/z_t"], time.expand(2), net.prepare(io["in/ctx"]))
        near(f"unet at {float(time):g}", said, io[f"out/eps/{index}"])
    vae = filled(models.VqVae(8, (1, 2), 1, 24, 4), state, "dm_decoder.vae.vqvae.")
    learner = Learner(encoder, vae, net)
    with torch.enable_grad():
        loss = learner.loss(io["in/img"][:, :2], io["in/clip_t"], io["in/clip_noise"])
        loss.backward()
    near("training loss", loss, io["out/loss/denoise_loss"])
    norm = torch.nn.utils.clip_grad_norm_(learner.parameters(), float("inf"))
    near("training gradients", norm, io["out/grad_total_norm"], 1e-3)


def look(name):
    """One time of what a case does."""
    torch.manual_seed(0)
    shape = SHAPES[name]
    x = torch.rand(shape) * 2 - 1
    times = torch.arange(shape[0]) * 100 + 50
    if name.startswith("models/unet"):
        slots = torch.rand(shape[0], *SLOTS) * 2 - 1
        net = unet.UNet()
        if name == "models/unet":
            said = net.eval().prepare(slots)
            return lambda: net(x, times, said)
        return lambda: trained(net, x, times, slots)
    if name == "models/vqvae-decode":
        vae = models.VqVae().eval()
        return lambda: vae(x)
    if name == "models/slot-encoder":
        encoder = models.Encoder().eval()
        return lambda: encoder(x)
    if name == "models/rollout":
        roller = models.SlotFormer().eval()
        return lambda: roller(x, STEPS)
    learner = Learner(models.Encoder(), models.VqVae(), unet.UNet())
    adam = torch.optim.Adam(learner.groups(), lr=1e-4)
    return lambda: stepped(learner, adam, x)


def trained(net, x, times, slots):
    with torch.inference_mode(False), torch.enable_grad():
        x, times = x.clone(), times.clone()
        slots = slots.clone().requires_grad_()
        net.zero_grad()
        (net(x, times, net.prepare(slots)) - x).square().mean().backward()


def stepped(learner, adam, clips):
    with torch.inference_mode(False), torch.enable_grad():
        clips = clips.clone()
        count = clips.shape[0] * clips.shape[1]
        adam.zero_grad()
        times, noise = torch.randint(1000, (count,)), torch.randn(count, 3, 32, 32)
        learner.loss(clips, times, noise).backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 0.05)
        adam.step()
