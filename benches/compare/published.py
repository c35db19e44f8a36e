"""Models in their published sizes, as `pipeline bench models` times them; small ones must give the golden numbers."""

import copy
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
# How far PyTorch may be from the golden numbers, as a share of the largest: in single precision another order of sums, in
# the others the rounding of factors. Behind a code book, where that may choose another code, ten times as far.
ALLOWED = {"float32": 1e-4, "tf32": 1e-3, "float16": 1e-2, "bfloat16": 1e-1}


def frames(name, shape):
    """Frames that one time of a case is for."""
    if name == "models/rollout":
        return shape[0] * STEPS
    return shape[0] * (shape[1] if len(shape) == 5 else 1)


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
        self.register_buffer("kept", (1 - beta).cumprod(0).float())

    def loss(self, clips, times, noise):
        slots = self.encoder(clips).flatten(0, 1)
        with torch.no_grad():
            latents = self.vae.encode(clips.flatten(0, 1))
        kept = self.kept[times][:, None, None, None]
        noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        return (self.net(noisy, times, self.net.prepare(slots)) - noise).square().mean()

    def groups(self):
        return [{"params": self.encoder.parameters()}, {"params": self.net.parameters(), "lr": 2e-4}]


def checked(golden, close, side):
    """That small models of the same classes give the golden numbers, gradients too; `close` ends the run if not."""
    share = ALLOWED[side.precision]

    def near(name, found, wanted, times=1):
        close(name, found.detach().float().cpu(), wanted, times * share * float(wanted.abs().max()))

    def given(*names):
        return [side.tensor(io[f"in/{name}"]) for name in names]

    state, io = opened(golden, "vqvae")
    vae = side.ready(filled(models.VqVae(8, (1, 2, 4), 2, 32, 4), state))
    pictures, latents = given("img", "h_random")
    near("vqvae latents", vae.encode(pictures), io["out/h"])
    near("vqvae decode", vae(latents), io["out/recon_from_random_h"], 1 if side.precision == "float32" else 10)

    state, io = opened(golden, "slotformer")
    roller = side.ready(filled(models.SlotFormer(4, 32, 32, 2, 4, 128), state, "rollouter."))
    (slots,) = given("slots")
    near("rollout", roller(slots[:, :4], int(io["in/rollout_steps"])), io["out/pred_slots"])

    state, io = opened(golden, "savi_ldm")
    learner = small(state)
    clips, noisy, said = given("img", "z_t", "ctx")
    ready = side.ready(copy.deepcopy(learner))
    near("slot encoder", ready.encoder(clips), io["out/slots"])
    for index, time in enumerate(io["in/eps_t"].to(side.device)):
        found = ready.net(noisy, time.expand(2), ready.net.prepare(said))
        near(f"unet at {float(time):g}", found, io[f"out/eps/{index}"])
    learnt(learner.to(side.device), io, near, side)


def small(state):
    """A small learner with the parameters of a published file."""
    encoder = filled(models.Encoder(32, 4, 32, (16, 24, 32), 8), state)
    net = unet.UNet(8, head=4, groups=4, context=32)
    net = filled(net, state, "dm_decoder.model.diffusion_model.")
    vae = filled(models.VqVae(8, (1, 2), 1, 24, 4), state, "dm_decoder.vae.vqvae.")
    return Learner(encoder, vae, net).eval()


def learnt(learner, io, near, side):
    """That loss and gradients are the golden ones."""
    clips, times, noise = (io[f"in/{name}"].to(side.device) for name in ("img", "clip_t", "clip_noise"))
    with torch.enable_grad(), side.learning():
        loss = learner.loss(clips[:, :2], times, noise)
    loss.backward()
    near("training loss", loss, io["out/loss/denoise_loss"])
    norm = torch.nn.utils.clip_grad_norm_(learner.parameters(), float("inf"))
    near("training gradients", norm, io["out/grad_total_norm"], 10)


def look(name, shape, side):
    """One time of what a case does."""
    torch.manual_seed(0)
    x = torch.rand(shape) * 2 - 1
    times = (torch.arange(shape[0]) * 100 + 50).to(side.device)
    if name.startswith("models/unet"):
        slots = torch.rand(shape[0], *SLOTS) * 2 - 1
        if name == "models/unet-train":
            net = unet.UNet().to(side.device)
            net = side.compiling(net, net)
            x, slots = x.to(side.device), slots.to(side.device)
            return lambda: trained(net, x, times, slots, side)
        net, x = side.ready(unet.UNet()), side.tensor(x)
        said = net.prepare(side.tensor(slots))
        return lambda: net(x, times, said)
    if name == "models/training-step":
        return learning(x.to(side.device), side)
    x = side.tensor(x)
    if name == "models/vqvae-decode":
        vae = side.ready(models.VqVae())
        return lambda: vae(x)
    # Recurrent: what a frame needs is compiled, not the loop over frames.
    if name == "models/slot-encoder":
        encoder = models.Encoder()
        side.ready(encoder, *recurrent(encoder))
        return lambda: encoder(x)
    roller = models.SlotFormer()
    side.ready(roller, roller.transformer_encoder)
    return lambda: roller(x, STEPS)


def recurrent(encoder):
    return encoder.encoder, encoder.slot_attention, encoder.predictor


def learning(clips, side):
    learner = Learner(models.Encoder(), models.VqVae(), unet.UNet()).to(side.device)
    side.compiling(learner, *recurrent(learner.encoder), learner.vae.encoder, learner.net)
    adam, scaler = torch.optim.Adam(learner.groups(), lr=1e-4), side.scaler()
    return lambda: stepped(learner, adam, scaler, clips, side)


def trained(net, x, times, slots, side):
    with torch.inference_mode(False), torch.enable_grad():
        x, times = x.clone(), times.clone()
        slots = slots.clone().requires_grad_()
        net.zero_grad()
        with side.learning():
            loss = (net(x, times, net.prepare(slots)) - x).square().mean()
        loss.backward()


def stepped(learner, adam, scaler, clips, side):
    with torch.inference_mode(False), torch.enable_grad():
        clips = clips.clone()
        count = clips.shape[0] * clips.shape[1]
        adam.zero_grad()
        times = torch.randint(1000, (count,), device=side.device)
        noise = torch.randn(count, 3, 32, 32, device=side.device)
        with side.learning():
            loss = learner.loss(clips, times, noise)
        scaler.scale(loss).backward()
        scaler.unscale_(adam)
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 0.05)
        scaler.step(adam)
        scaler.update()
