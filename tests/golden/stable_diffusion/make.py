"""Tiny models of diffusers with random weights, what they compute, and the arrays of the published sizes.

    pip install torch diffusers safetensors
    python make.py

`sd1/`, `sd2/`  folders in diffusers' layout: `sd1` with the settings and the attention names of Stable Diffusion 1's files,
                half precision and one file; `sd2` with every setting that a published configuration has, bfloat16 and shards
`*.io.safetensors`  inputs `in/...` and results `out/...`, computed in float32 from the stored weights; `rounding/...` is how far
                a movement of parameters is from the same in float64, relative to the largest
`../statedict/diffusers-*`  configurations of Stable Diffusion 1.5 and 2.1, and name and shape of every array of theirs
"""

import copy
import json
import pathlib
import shutil

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file

here = pathlib.Path(__file__).parent
torch.set_num_threads(1)

# The published configurations: `unet/config.json` and `vae/config.json` of Stable Diffusion 1.5 and 2.1.
DOWN = ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]
UP = ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3
SD15 = {
    "_class_name": "UNet2DConditionModel",
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False,
    "cross_attention_dim": 768,
    "down_block_types": DOWN,
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "norm_num_groups": 32,
    "out_channels": 4,
    "sample_size": 64,
    "up_block_types": UP,
}
SD21 = SD15 | {
    "attention_head_dim": [5, 10, 20, 20],
    "cross_attention_dim": 1024,
    "dual_cross_attention": False,
    "num_class_embeds": None,
    "only_cross_attention": False,
    "sample_size": 96,
    "upcast_attention": True,
    "use_linear_projection": True,
}
VAE = {
    "_class_name": "AutoencoderKL",
    "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 512,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "trained_betas": None,
}
# What attention in an auto-encoder was called before diffusers 0.15, and is in the files of Stable Diffusion 1.
EARLIER = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def stirred(model, dtype):
    """Values for what would start at zero or one, rounded to what is stored."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.data = centre + 0.2 * torch.randn_like(parameter)
    return model.to(dtype).float().eval()


def loss_of(model, io):
    prediction = model(io["in/latents"], io["in/times"], io["in/context"]).sample
    return torch.nn.functional.mse_loss(prediction, io["in/target"]), prediction


# Parameters whose gradients and movements are stored whole: by the ends of their names.
WHOLE = [
    "conv_in.weight",
    "time_embedding.linear_1.weight",
    "down_blocks.0.resnets.0.time_emb_proj.bias",
    "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
    "mid_block.attentions.0.proj_in.weight",
    "up_blocks.1.upsamplers.0.conv.bias",
    "conv_norm_out.weight",
]


def unet_io(model, size, tokens):
    width = model.config.cross_attention_dim
    io = {
        "in/latents": torch.randn(2, 4, *size).requires_grad_(),
        "in/times": torch.tensor([3.0, 801.25]),
        "in/context": torch.randn(2, tokens, width).requires_grad_(),
        "in/target": torch.randn(2, 4, *size),
    }
    loss, prediction = loss_of(model, io)
    loss.backward()
    io |= {
        "out/prediction": prediction,
        "out/loss": loss,
        "out/grad_latents": io["in/latents"].grad.clone(),
        "out/grad_context": io["in/context"].grad.clone(),
    }
    for name, parameter in model.named_parameters():
        io[f"out/grad_norm/{name}"] = parameter.grad.norm()
        if name in WHOLE:
            io[f"out/grad/{name}"] = parameter.grad.clone()
    losses, deltas = trained(model, io)
    _, exact = trained(copy.deepcopy(model).double(), {name: value.double() for name, value in io.items()})
    io["out/train/loss"] = losses
    for name, delta in deltas.items():
        io[f"out/train/delta/{name}"] = delta
        # Adam divides small gradients by themselves: how far single precision is from double.
        largest = exact[name].abs().max()
        io[f"rounding/{name}"] = ((delta.double() - exact[name]).abs().max() / largest).float()
    return io


def trained(model, io):
    """Losses of three steps of Adam, and how far some parameters moved."""
    model = copy.deepcopy(model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(3):
        adam.zero_grad()
        loss, _ = loss_of(model, io)
        losses.append(loss.detach())
        loss.backward()
        adam.step()
    moved = {name: parameter.detach() - before[name] for name, parameter in model.named_parameters()}
    return torch.stack(losses), {name: moved[name] for name in WHOLE}


def samples(model, io, scheduler):
    """States behind every step of two samplers from equal latents, and what a scheduler does to images."""
    ddim, dpm = DDIMScheduler.from_config, DPMSolverMultistepScheduler.from_config
    runs = {
        "ddim": ddim(scheduler),
        "ddim-from-zero": ddim(scheduler, steps_offset=0, set_alpha_to_one=True),
        "ddim-trailing": ddim(scheduler, timestep_spacing="trailing"),
        # The last step ends at the first level of the schedule, as ours do where nothing is said, or at the image.
        "dpm": dpm(scheduler, final_sigmas_type="sigma_min"),
        "dpm-image": dpm(scheduler, final_sigmas_type="zero"),
    }
    for name, run in runs.items():
        run.set_timesteps(5)
        io[f"out/{name}/times"] = run.timesteps.clone()
        x = io["in/latents"].detach()
        states = []
        for time in run.timesteps:
            with torch.no_grad():
                output = model(x, time, io["in/context"].detach()).sample
            x = run.step(output, time, x).prev_sample
            states.append(x)
        io[f"out/{name}/states"] = torch.stack(states)
    run = runs["ddim"]
    io["out/alphas_cumprod"] = run.alphas_cumprod
    times = torch.tensor([0, 999])
    noisy = run.add_noise(io["in/target"], io["in/latents"].detach(), times)
    io["out/noisy"] = noisy
    io["out/velocity"] = run.get_velocity(io["in/target"], io["in/latents"].detach(), times)


def vae_io(model, size):
    frames = torch.randn(2, 3, *size).clamp(-1, 1).requires_grad_()
    posterior = model.encode(frames).latent_dist
    noise = torch.randn_like(posterior.mean)
    drawn = posterior.mean + posterior.std * noise
    decoded = model.decode(drawn).sample
    decoded.pow(2).mean().backward()
    return {
        "in/frames": frames,
        "in/draw": noise,
        "out/mean": posterior.mean,
        "out/log_variance": posterior.logvar,
        "out/drawn": drawn,
        "out/decoded": decoded,
        "out/grad_frames": frames.grad,
    }


def save(io, path):
    save_file({name: value.detach().contiguous() for name, value in io.items()}, path)


def folder(name, unet, vae, scheduler, dtype, shards, keep):
    """A folder in diffusers' layout and what its models compute; `keep` are the settings that its files name."""
    place = here / name
    shutil.rmtree(place, ignore_errors=True)
    models = {"unet": UNet2DConditionModel.from_config(unet), "vae": AutoencoderKL.from_config(vae)}
    for part, model in models.items():
        stirred(model, dtype)
        model.to(dtype).save_pretrained(place / part, max_shard_size=shards if part == "unet" else "1GB")
        model.float()
        config = json.loads((place / part / "config.json").read_text())
        write(place / part / "config.json", {k: v for k, v in config.items() if keep is None or k in keep[part]})
    if keep:
        file = place / "vae" / "diffusion_pytorch_model.safetensors"
        arrays = {}
        for key, value in load_file(file).items():
            for now, earlier in EARLIER.items():
                key = key.replace(f"attentions.0.{now}.", f"attentions.0.{earlier}.")
            arrays[key] = value
        save_file(arrays, file, {"format": "pt"})
    write(place / "scheduler" / "scheduler_config.json", scheduler)
    write(
        place / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "scheduler": ["diffusers", scheduler["_class_name"]],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    size = (9, 7)
    io = unet_io(models["unet"], size, 5)
    samples(models["unet"], io, scheduler)
    save(io, here / f"{name}-unet.io.safetensors")
    save(vae_io(models["vae"], (12, 9)), here / f"{name}-vae.io.safetensors")


def listing(name, model, config):
    folder = here.parent / "statedict"
    write(folder / f"diffusers-{name}.config.json", config)
    state = model.state_dict()
    count = sum(value.numel() for value in state.values())
    lines = [f"# diffusers {config['_class_name']} {name}: {len(state)} arrays, {count} parameters"]
    lines += [f"{key} {json.dumps(list(value.shape), separators=(',', ':'))}" for key, value in state.items()]
    (folder / f"diffusers-{name}.txt").write_text("\n".join(lines) + "\n")


torch.manual_seed(0)
tiny_vae = {"block_out_channels": [8, 16], "down_block_types": ["DownEncoderBlock2D"] * 2,
            "up_block_types": ["UpDecoderBlock2D"] * 2, "layers_per_block": 1, "norm_num_groups": 4, "sample_size": 16}
folder(
    "sd1",
    SD15 | {"attention_head_dim": 2, "block_out_channels": [8, 16, 16, 16], "cross_attention_dim": 12,
            "layers_per_block": 1, "norm_num_groups": 4, "sample_size": 8},
    VAE | tiny_vae,
    SCHEDULER,
    torch.float16,
    "1GB",
    {"unet": SD15, "vae": VAE},
)
folder(
    "sd2",
    SD21 | {"attention_head_dim": [1, 2, 4], "block_out_channels": [8, 16, 16], "cross_attention_dim": 10,
            "down_block_types": DOWN[1:], "up_block_types": UP[:3], "norm_num_groups": 4, "sample_size": 8},
    VAE | tiny_vae | {"layers_per_block": 2, "scaling_factor": 0.5},
    SCHEDULER | {"prediction_type": "v_prediction"},
    torch.bfloat16,
    "200KB",
    None,
)
with torch.device("meta"):
    listing("unet-sd15", UNet2DConditionModel.from_config(SD15), SD15)
    listing("unet-sd21", UNet2DConditionModel.from_config(SD21), SD21)
    listing("vae", AutoencoderKL.from_config(VAE), VAE)
