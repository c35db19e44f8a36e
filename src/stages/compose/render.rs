//! Slots of scenes → frames.

use ndarray::{Array4, Ix4};
use slotflow_datasets::ClipId;

use crate::artifacts::{
    Artifact, ArtifactKind, ClipFile, Context, Input, Partial, PerClip, RunError, Slots, Stage,
};
use crate::inference::render::ClipRenderer;
use crate::masks::enlarged;
use crate::plan::video_predict::RenderConfig;
use crate::stages::Loaded;

/// Array of a scene's file.
const FRAMES: &str = "frames";

/// Renders every frame of every scene.
pub struct RenderScenes<'a> {
    /// How.
    pub config: &'a RenderConfig,
    /// The decoder's file.
    pub weights: &'a Loaded,
    /// Slots of every frame of the scenes.
    pub scenes: &'a Slots,
    /// Height and width of the clips that they were composed of, pixels.
    pub size: [usize; 2],
}

impl Stage for RenderScenes<'_> {
    const NAME: &'static str = "render-scenes";
    const VERSION: u32 = 1;
    type Config = RenderConfig;
    type Output = FramesOfScenes;

    fn config(&self) -> &RenderConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let [height, width] = self.size;
        vec![
            self.scenes.as_input("scenes"),
            Input::new("weights", &*self.weights.id),
            Input::new("size", format!("{height}×{width}")),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<FramesOfScenes>, context: &Context) -> Result<(), RunError> {
        let loaded = self.weights.decoder(&context.device);
        let (_, decoder) = loaded.map_err(RunError::weights)?;
        let renderer = ClipRenderer {
            decoder: &decoder,
            sampler: &self.config.sampler,
            shared_noise: self.config.shared_noise,
            start_frame: None,
            seed: context.seed,
            device: &context.device,
        };
        out.inherit(self.scenes);
        out.expect(self.scenes.clips().to_vec());
        out.each(context, |scene, progress| -> Result<ClipFile, RunError> {
            let slots = self.scenes.slots(scene)?;
            let frames = renderer
                .render(scene.as_str(), slots.view(), progress)?
                .frames;
            let frames = enlarged(frames.view(), self.size);
            Ok(ClipFile::default().with_bytes(FRAMES, &frames))
        })
    }
}

/// Frames of scenes.
#[derive(Debug)]
pub enum FramesOfScenes {}

impl ArtifactKind for FramesOfScenes {}
impl PerClip for FramesOfScenes {}

/// Frames of scenes on disk.
pub type SceneFrames = Artifact<FramesOfScenes>;

impl SceneFrames {
    /// A scene's frames, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn frames(&self, scene: &ClipId) -> Result<Array4<u8>, RunError> {
        self.read(scene)?.bytes::<Ix4>(FRAMES)
    }
}
