//! Settings of Stable Diffusion, as diffusers writes them into `config.json` and `scheduler_config.json`.
//!
//! Source: the arguments and defaults of diffusers' `UNet2DConditionModel`, `AutoencoderKL` and `DDIMScheduler`.

use serde_json::{Value, json};

use crate::models::decoder::autoencoder_kl::AutoencoderKlConfig;
use crate::models::decoder::diffusion::{
    Betas, DiffusionConfig, PredictionType, StepWeight, TimeSampling,
};
use crate::models::decoder::sampler::{
    ContinuousSpacing, LastStep, Method, SamplerConfig, TimestepSpacing,
};
use crate::models::decoder::stable_diffusion::StableDiffusionConfig;
use crate::models::decoder::unet::UNetConfig;
use crate::weights::WeightsError;

pub use super::component::Component;

/// The three configurations that say what a model is.
#[derive(Debug, Clone, Copy)]
pub struct Components<'a> {
    /// `unet/config.json`
    pub unet: Component<'a>,
    /// `vae/config.json`
    pub vae: Component<'a>,
    /// `scheduler/scheduler_config.json`
    pub scheduler: Component<'a>,
}

/// Settings of a U-Net that have one value in Stable Diffusion 1 and 2, as JSON; it is the default where a file is silent.
const UNET: [(&str, &str); 20] = [
    ("act_fn", r#""silu""#),
    ("attention_type", r#""default""#),
    ("center_input_sample", "false"),
    ("class_embed_type", "null"),
    ("addition_embed_type", "null"),
    ("conv_in_kernel", "3"),
    ("conv_out_kernel", "3"),
    ("downsample_padding", "1"),
    ("dropout", "0"),
    ("dual_cross_attention", "false"),
    ("flip_sin_to_cos", "true"),
    ("freq_shift", "0"),
    ("mid_block_scale_factor", "1"),
    ("mid_block_type", r#""UNetMidBlock2DCrossAttn""#),
    ("norm_eps", "1e-5"),
    ("num_class_embeds", "null"),
    ("resnet_out_scale_factor", "1"),
    ("resnet_time_scale_shift", r#""default""#),
    ("time_embedding_type", r#""positional""#),
    ("transformer_layers_per_block", "1"),
];

/// Settings of a U-Net that are read, or that change no number here.
const UNET_READ: [&str; 14] = [
    "sample_size",
    "in_channels",
    "out_channels",
    "down_block_types",
    "up_block_types",
    "block_out_channels",
    "layers_per_block",
    "norm_num_groups",
    "cross_attention_dim",
    "attention_head_dim",
    "num_attention_heads",
    "use_linear_projection",
    // All attention is computed in single precision, and no class is embedded.
    "upcast_attention",
    "addition_embed_type_num_heads",
];

const VAE: [(&str, &str); 4] = [
    ("act_fn", r#""silu""#),
    ("mid_block_add_attention", "true"),
    ("use_quant_conv", "true"),
    ("use_post_quant_conv", "true"),
];

const VAE_READ: [&str; 11] = [
    "sample_size",
    "in_channels",
    "out_channels",
    "down_block_types",
    "up_block_types",
    "block_out_channels",
    "layers_per_block",
    "norm_num_groups",
    "latent_channels",
    "scaling_factor",
    "force_upcast",
];

/// Settings of a scheduler that would change the process, or clip what is predicted.
const SCHEDULER: [(&str, &str); 4] = [
    ("trained_betas", "null"),
    ("rescale_betas_zero_snr", "false"),
    ("thresholding", "false"),
    ("clip_sample", "false"),
];

/// Sizes and process of a model.
///
/// # Errors
/// Names the first setting that no model here has, or that contradicts another.
pub fn stable_diffusion(all: &Components) -> Result<StableDiffusionConfig, WeightsError> {
    let unet = unet(&all.unet)?;
    let vae = vae(&all.vae)?;
    if vae.latent_channels != unet.latent_channels {
        return Err(all.vae.refuse(
            "latent_channels",
            format!(
                "is {}, the U-Net's `in_channels` is {}",
                vae.latent_channels, unet.latent_channels
            ),
        ));
    }
    let size = all.unet.size("sample_size", Some(64))? * vae.autoencoder().down_factor();
    Ok(StableDiffusionConfig {
        resolution: [size, size],
        diffusion: process(&all.scheduler)?,
        unet,
        vae,
    })
}

fn unet(component: &Component) -> Result<UNetConfig, WeightsError> {
    component.class("UNet2DConditionModel")?;
    component.fixed(&UNET, &UNET_READ)?;
    let latent_channels = component.size("in_channels", Some(4))?;
    if component.size("out_channels", Some(4))? != latent_channels {
        let why = format!("is {latent_channels}, not `out_channels`: such as for inpainting");
        return Err(component.refuse("in_channels", why));
    }
    let (channels, multipliers) = component.widths()?;
    let levels = multipliers.len();
    let attention_factors = attended(component, levels)?;
    // What the name means by a width is the number of heads, as diffusers itself says.
    let heads = match component.config.get("num_attention_heads") {
        None | Some(Value::Null) => component.per_level("attention_head_dim", Some(8), levels)?,
        Some(_) => component.per_level("num_attention_heads", None, levels)?,
    };
    for (level, heads) in heads.iter().enumerate() {
        let width = channels * multipliers[level];
        if !width.is_multiple_of(*heads) {
            let why = format!("gives {heads} heads to {width} channels");
            return Err(component.refuse("attention_head_dim", why));
        }
    }
    Ok(UNetConfig {
        latent_channels,
        channels,
        norm_groups: component.groups(channels)?,
        multipliers,
        residual_blocks: component.size("layers_per_block", Some(2))?,
        attention_factors,
        heads: Some(heads),
        linear_projection: component.flag("use_linear_projection")?,
        context: component.size("cross_attention_dim", Some(1280))?,
        dropout: 0.0,
        position: false,
        ..UNetConfig::default()
    })
}

/// By how much the image is smaller where the way down has attention; the way up must have it there too.
fn attended(component: &Component, levels: usize) -> Result<Vec<usize>, WeightsError> {
    let with = ["DownBlock2D", "CrossAttnDownBlock2D"];
    let default = [with[1], with[1], with[1], with[0]];
    let down = component.blocks("down_block_types", with, &default, levels)?;
    let with = ["UpBlock2D", "CrossAttnUpBlock2D"];
    let default = [with[0], with[1], with[1], with[1]];
    let mut up = component.blocks("up_block_types", with, &default, levels)?;
    up.reverse();
    if up != down {
        let why = "has attention at other resolutions than `down_block_types`";
        return Err(component.refuse("up_block_types", why));
    }
    let attended = down
        .iter()
        .enumerate()
        .filter(|(_, is_attended)| **is_attended);
    Ok(attended.map(|(level, _)| 1 << level).collect())
}

fn vae(component: &Component) -> Result<AutoencoderKlConfig, WeightsError> {
    component.class("AutoencoderKL")?;
    component.fixed(&VAE, &VAE_READ)?;
    let (channels, multipliers) = component.widths()?;
    let levels = multipliers.len();
    for (key, kind) in [
        ("down_block_types", "DownEncoderBlock2D"),
        ("up_block_types", "UpDecoderBlock2D"),
    ] {
        component.blocks(key, [kind, kind], &[kind], levels)?;
    }
    let rgb = component.size("in_channels", Some(3))?;
    if component.size("out_channels", Some(3))? != rgb {
        return Err(component.refuse("out_channels", "is not `in_channels`"));
    }
    Ok(AutoencoderKlConfig {
        rgb,
        channels,
        norm_groups: component.groups(channels)?,
        multipliers,
        residual_blocks: component.size("layers_per_block", Some(1))?,
        latent_channels: component.size("latent_channels", Some(4))?,
        linear_projection: true,
        scaling_factor: component.number("scaling_factor", 0.18215)?,
    })
}

/// How the scheduler of a model samples: by DDIM, or by DPM-Solver++ where its times are evenly spread from the first to the
/// last (`linspace`).
///
/// # Errors
/// When it looks at times that no sampler here visits.
pub fn sampler(component: &Component) -> Result<SamplerConfig, WeightsError> {
    let is_solver = component
        .word("_class_name", "DDIMScheduler")?
        .starts_with("DPMSolver");
    let usual = if is_solver { "linspace" } else { "leading" };
    let spacing = component.word("timestep_spacing", usual)?;
    let offset = component.config.get("steps_offset");
    let ends_at_image = if is_solver {
        component.word("final_sigmas_type", "zero")? == "zero"
    } else {
        component.config.get("set_alpha_to_one").is_none() || component.flag("set_alpha_to_one")?
    };
    let ddim = |spacing| SamplerConfig {
        method: Method::Ddim,
        spacing,
        ..SamplerConfig::default()
    };
    let sampler = match (spacing, offset.map(Value::as_u64)) {
        ("leading", None | Some(Some(0))) => ddim(TimestepSpacing::LeadingFromZero),
        ("leading", Some(Some(1))) => ddim(TimestepSpacing::Leading),
        ("leading", _) => {
            let why = format!("is {}; there are 0 and 1", json!(offset));
            return Err(component.refuse("steps_offset", why));
        }
        ("trailing", _) => ddim(TimestepSpacing::Trailing),
        ("linspace", _) => SamplerConfig {
            method: Method::Multistep,
            grid: ContinuousSpacing::WholeSteps,
            ..SamplerConfig::default()
        },
        (other, _) => {
            let why = format!("is `{other}`; there are leading, trailing and linspace");
            return Err(component.refuse("timestep_spacing", why));
        }
    };
    Ok(SamplerConfig {
        last: if ends_at_image {
            LastStep::Image
        } else {
            LastStep::LeastNoise
        },
        ..sampler
    })
}

fn process(component: &Component) -> Result<DiffusionConfig, WeightsError> {
    for (key, only) in SCHEDULER {
        component.only(key, only)?;
    }
    let betas = match component.word("beta_schedule", "linear")? {
        "scaled_linear" => Betas::RootLinear,
        "linear" => Betas::Linear,
        other => {
            let why = format!("is `{other}`; there are scaled_linear and linear");
            return Err(component.refuse("beta_schedule", why));
        }
    };
    let prediction_type = match component.word("prediction_type", "epsilon")? {
        "epsilon" => PredictionType::Noise,
        "sample" => PredictionType::Image,
        "v_prediction" => PredictionType::Velocity,
        other => {
            let why = format!("is `{other}`; there are epsilon, sample and v_prediction");
            return Err(component.refuse("prediction_type", why));
        }
    };
    let timesteps = component.size("num_train_timesteps", Some(1000))?;
    let [linear_start, linear_end] = [
        component.number("beta_start", 1e-4)?,
        component.number("beta_end", 2e-2)?,
    ];
    if timesteps < 2 || !(0.0 < linear_start && linear_start <= linear_end && linear_end < 1.0) {
        let why = format!("is {linear_end} after {linear_start} over {timesteps} steps");
        return Err(component.refuse("beta_end", why));
    }
    Ok(DiffusionConfig {
        timesteps,
        betas,
        linear_start,
        linear_end,
        prediction_type,
        weight: StepWeight::Uniform,
        times: TimeSampling::Uniform,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    const UNET_FILE: &str =
        include_str!("../../../tests/golden/statedict/diffusers-unet-sd15.config.json");
    const VAE_FILE: &str =
        include_str!("../../../tests/golden/statedict/diffusers-vae.config.json");

    fn read(unet: &Value, scheduler: &Value) -> Result<StableDiffusionConfig, WeightsError> {
        let vae = serde_json::from_str(VAE_FILE).unwrap();
        let component = |config| Component {
            config,
            path: Path::new("config.json"),
        };
        stable_diffusion(&Components {
            unet: component(unet),
            vae: component(&vae),
            scheduler: component(scheduler),
        })
    }

    fn scheduler() -> Value {
        json!({"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"})
    }

    #[test]
    fn the_published_configuration_is_the_default_one() {
        let unet = serde_json::from_str(UNET_FILE).unwrap();
        let config = read(&unet, &scheduler()).unwrap();
        assert_eq!(config, StableDiffusionConfig::default());
    }

    #[test]
    fn what_no_model_here_has_is_named_with_its_value() {
        let refused = |key: &str, value: Value| {
            let mut unet: Value = serde_json::from_str(UNET_FILE).unwrap();
            unet[key] = value;
            read(&unet, &scheduler()).unwrap_err().to_string()
        };
        for (key, value, why) in [
            ("act_fn", json!("gelu"), "only \"silu\" is supported"),
            ("addition_embed_type", json!("text_time"), "only null"),
            ("in_channels", json!(9), "inpainting"),
            ("num_class_embeds", json!(1000), "only null"),
            ("transformer_layers_per_block", json!([1, 2, 10]), "only 1"),
            ("encoder_hid_dim", json!(4096), "is 4096"),
            ("only_cross_attention", json!(true), "is true"),
            ("attention_head_dim", json!([5, 10]), "2 values for 4"),
            ("attention_head_dim", json!(7), "7 heads to 320"),
            ("block_out_channels", json!([64, 100]), "divides not all"),
            ("norm_num_groups", json!(0), "no size"),
            (
                "down_block_types",
                json!(["AttnDownBlock2D"]),
                "AttnDownBlock2D",
            ),
            ("up_block_types", json!(["UpBlock2D"]), "1 blocks for 4"),
            ("_class_name", json!("UNet2DModel"), "is UNet2DModel"),
        ] {
            let said = refused(key, value);
            assert!(said.contains(key) && said.contains(why), "{said}");
        }
    }

    #[test]
    fn a_scheduler_tells_which_times_are_visited_and_where_they_end() {
        let read = |settings: Value| {
            let component = Component {
                config: &settings,
                path: Path::new("scheduler_config.json"),
            };
            let sampler = sampler(&component).map_err(|error| error.to_string())?;
            Ok::<_, String>((sampler.method, sampler.spacing, sampler.grid, sampler.last))
        };
        let (time, whole) = (ContinuousSpacing::Time, ContinuousSpacing::WholeSteps);
        let (image, noise) = (LastStep::Image, LastStep::LeastNoise);
        for (settings, told) in [
            (
                json!({"_class_name": "PNDMScheduler", "steps_offset": 1, "set_alpha_to_one": false}),
                (Method::Ddim, TimestepSpacing::Leading, time, noise),
            ),
            (
                json!({}),
                (Method::Ddim, TimestepSpacing::LeadingFromZero, time, image),
            ),
            (
                json!({"timestep_spacing": "linspace"}),
                (Method::Multistep, TimestepSpacing::Leading, whole, image),
            ),
            (
                json!({"timestep_spacing": "trailing"}),
                (Method::Ddim, TimestepSpacing::Trailing, time, image),
            ),
            (
                json!({"_class_name": "DPMSolverMultistepScheduler"}),
                (Method::Multistep, TimestepSpacing::Leading, whole, image),
            ),
            (
                json!({"_class_name": "DPMSolverMultistepScheduler", "final_sigmas_type": "sigma_min"}),
                (Method::Multistep, TimestepSpacing::Leading, whole, noise),
            ),
        ] {
            assert_eq!(read(settings.clone()), Ok(told), "{settings}");
        }
        for (key, settings) in [
            ("steps_offset", json!({"steps_offset": 2})),
            ("timestep_spacing", json!({"timestep_spacing": "karras"})),
        ] {
            let refused = read(settings).unwrap_err();
            assert!(refused.contains(key), "{refused}");
        }
    }

    #[test]
    fn a_process_that_is_not_here_is_named() {
        let unet: Value = serde_json::from_str(UNET_FILE).unwrap();
        let refused = |key: &str, value: Value| {
            let mut scheduler = scheduler();
            scheduler[key] = value;
            read(&unet, &scheduler).unwrap_err().to_string()
        };
        for (key, value) in [
            ("beta_schedule", json!("squaredcos_cap_v2")),
            ("prediction_type", json!("flow_prediction")),
            ("trained_betas", json!([0.1])),
            ("beta_end", json!(0.0001)),
            ("rescale_betas_zero_snr", json!(true)),
        ] {
            assert!(refused(key, value).contains(key), "{key}");
        }
    }
}
