//! `pipeline edit`: a finished run's clip with other slots.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use slotflow_datasets::ClipId;

use super::common::Machine;
use super::messages::failure::Failure;
use super::messages::output::print;
use crate::artifacts::progress::say;
use crate::artifacts::{Options, healed, interrupt};
use crate::flows::edit::OpenRun;
use crate::plan::edit::{
    ClipEdit, EditError, EditPlan, EditedFrames, NamedFrames, Operation, OtherSlot,
};
use crate::serve::{Editor, EditorSettings, ServeError, Token};

/// `pipeline edit RUN`
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("change").multiple(true),
    after_help = "\
Without a change, --file or --list a page is served on this machine: its address is printed, and Ctrl-C ends it. Each edit made \
there gets a folder of its own: DIR, DIR-2, …

Slots have the numbers that masks have, from 0; OTHER is another clip of the run. All changes are made to the slots as they \
were, so their order does not matter. A slot has no numbers for its place or colour: --move and --recolour exchange it for \
the slot of the run's clips that comes nearest to what is wanted, and the page says how near that is.

Examples:
  pipeline edit runs/video-predict
  pipeline edit runs/video-predict --list
  pipeline edit runs/video-predict --clip synth-metal-2000000 --remove 3 --out runs/without-3
  pipeline edit runs/video-predict --clip synth-metal-2000000 --swap 2=synth-metal-2000001:4 --from 8 --out runs/other-ball
  pipeline edit runs/video-predict --clip synth-metal-2000000 --move 5=12,-4 --recolour 3=synth-metal-2000001:2 --out runs/moved
  pipeline edit runs/video-predict --file runs/without-3/edit.toml --out runs/again"
)]
pub struct EditArgs {
    /// Folder of a finished `pipeline run video-predict`; it is not changed
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The clip
    #[arg(long, value_name = "CLIP")]
    clip: Option<String>,
    /// Take a slot away
    #[arg(long, value_name = "SLOT", group = "change")]
    remove: Vec<usize>,
    /// Put a slot of another clip beside the clip's own
    #[arg(long, value_name = "OTHER:SLOT", group = "change")]
    add: Vec<String>,
    /// Put a copy of a slot beside it
    #[arg(long, value_name = "SLOT", group = "change")]
    duplicate: Vec<usize>,
    /// Put another clip's slot in the place of a slot, or exchange two of the clip's own with SLOT=SLOT
    #[arg(long, value_name = "SLOT=OTHER:SLOT", group = "change")]
    swap: Vec<String>,
    /// Move a slot by pixels to the right and down
    #[arg(long = "move", value_name = "SLOT=X,Y", group = "change")]
    moves: Vec<String>,
    /// Make a slot look like another clip's
    #[arg(long, value_name = "SLOT=OTHER:SLOT", group = "change")]
    recolour: Vec<String>,
    /// Change the frames from this one on, counted from 0 [default: all]
    #[arg(long, value_name = "FRAME", conflicts_with = "imagined")]
    from: Option<usize>,
    /// Change the imagined frames alone
    #[arg(long)]
    imagined: bool,
    /// An `edit.toml` in place of --clip and changes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["change", "clip", "from", "imagined"])]
    file: Option<PathBuf>,
    /// Print the run's clips and the slots of a clip, and change nothing
    #[arg(long, conflicts_with_all = ["change", "file"])]
    list: bool,
    /// Port of the editor's page [default: a free one]
    #[arg(long, value_name = "PORT", conflicts_with_all = ["change", "file", "list", "from", "imagined"])]
    port: Option<u16>,
    /// Folder of the page, videos and slots: a new one, or that of an earlier edit [default: RUN-edit]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
}

/// Makes an edit and prints the path of its page, or lists slots, or serves the editor.
pub fn edit(args: &EditArgs) -> Result<ExitCode, Failure> {
    if args.asks_for_editor() {
        return args.serve();
    }
    let operations = args.operations()?;
    let file = args.file.as_deref().map(EditPlan::read).transpose()?;
    let options = args.machine.options(0)?;
    healed(&options.cache, || {
        let options = options.clone();
        let run = OpenRun::open(&args.run, |seed| Options { seed, ..options })?;
        if args.list {
            return args.print_slots(&run);
        }
        let edit = match file.clone() {
            Some(edit) => edit,
            None => run.plan_of(args.change(&run, operations.clone())?),
        };
        let made = run.edit(&edit, &args.out(), &|_| {})?;
        print(&made.page.display().to_string())?;
        Ok(ExitCode::SUCCESS)
    })
}

impl EditArgs {
    /// Whether there is neither a change nor a part of one, nor a file or a list.
    fn asks_for_editor(&self) -> bool {
        let changes = [
            self.remove.is_empty(),
            self.add.is_empty(),
            self.duplicate.is_empty(),
            self.swap.is_empty(),
            self.moves.is_empty(),
            self.recolour.is_empty(),
        ];
        let has_frames = self.from.is_some() || self.imagined;
        changes.iter().all(|none| *none) && !(has_frames || self.file.is_some() || self.list)
    }

    /// Serves the editor until Ctrl-C.
    fn serve(&self) -> Result<ExitCode, Failure> {
        let options = self.machine.options(0)?;
        let settings = EditorSettings {
            run: self.run.clone(),
            out: self.out(),
            port: self.port,
            clip: self.clip.as_ref().map(|name| ClipId::new(name)),
        };
        let editor = Editor::open(settings, Token::random()?, |seed| Options {
            seed,
            ..options
        })?;
        print(&editor.address())?;
        if !self.machine.quiet {
            say("open this address in a browser of this machine; Ctrl-C ends the editor");
        }
        editor.serve()?;
        Ok(ExitCode::from(interrupt::exit_code()))
    }

    /// The folder of the result.
    fn out(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| {
            let name = self.run.file_name().unwrap_or_default().to_string_lossy();
            self.run.with_file_name(format!("{name}-edit"))
        })
    }

    /// The change that the flags ask for.
    fn change(&self, run: &OpenRun, operations: Vec<Operation>) -> Result<ClipEdit, Failure> {
        let clip = self.clip_of(run)?;
        if operations.is_empty() {
            let slots = run.slot_table(&clip)?;
            return Err(EditError::NoChange { slots }.into());
        }
        Ok(ClipEdit {
            clip,
            operations,
            frames: match (self.from, self.imagined) {
                (Some(frame), _) => EditedFrames::From(frame),
                (None, true) => EditedFrames::Named(NamedFrames::Imagined),
                (None, false) => EditedFrames::default(),
            },
        })
    }

    /// The clip that is named; of a run with one clip, that one.
    fn clip_of(&self, run: &OpenRun) -> Result<ClipId, Failure> {
        match (&self.clip, run.clips()) {
            (Some(name), _) => Ok(ClipId::new(name)),
            (None, [only]) => Ok(only.clone()),
            (None, clips) => Err(Failure::refused(
                format!("the run has {} clips and none is named", clips.len()),
                format!("`--clip {}`, for example; `--list` lists them", clips[0]),
            )),
        }
    }

    fn print_slots(&self, run: &OpenRun) -> Result<ExitCode, Failure> {
        let clips = run.clips();
        if let (None, true) = (&self.clip, clips.len() > 1) {
            print("clips of the run")?;
            for clip in clips {
                print(clip.as_str())?;
            }
            print("")?;
        }
        let clip = self.clip.as_ref().map(|name| ClipId::new(name));
        if let Some(clip) = clip.as_ref().or(clips.first()) {
            print(&run.slot_table(clip)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The changes that flags ask for.
    fn operations(&self) -> Result<Vec<Operation>, EditError> {
        let mut all = Vec::new();
        all.extend(self.remove.iter().map(|&slot| Operation::Remove { slot }));
        for text in &self.swap {
            all.push(swap(text)?);
        }
        for text in &self.moves {
            all.push(shift(text)?);
        }
        for text in &self.recolour {
            let (slot, like) = assigned(text, "SLOT=OTHER:SLOT")?;
            let like = like.parse()?;
            all.push(Operation::Recolour { slot, like });
        }
        for text in &self.add {
            let from = text.parse()?;
            all.push(Operation::Add { from });
        }
        let copies = self.duplicate.iter();
        all.extend(copies.map(|&slot| Operation::Duplicate { slot }));
        Ok(all)
    }
}

/// `SLOT=…`: the slot, and what follows.
fn assigned<'a>(text: &'a str, expected: &'static str) -> Result<(usize, &'a str), EditError> {
    let parts = text.split_once('=');
    let read = parts.and_then(|(slot, rest)| Some((slot.trim().parse().ok()?, rest.trim())));
    read.ok_or_else(|| EditError::Text {
        found: text.to_owned(),
        expected,
    })
}

fn swap(text: &str) -> Result<Operation, EditError> {
    let (slot, rest) = assigned(text, "SLOT=OTHER:SLOT or SLOT=SLOT")?;
    if let Ok(other) = rest.parse::<usize>() {
        let slots = [slot, other];
        return Ok(Operation::Exchange { slots });
    }
    let with: OtherSlot = rest.parse()?;
    Ok(Operation::Replace { slot, with })
}

fn shift(text: &str) -> Result<Operation, EditError> {
    let expected = "SLOT=X,Y";
    let (slot, rest) = assigned(text, expected)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite());
    let parts = rest.split_once(',');
    let by = parts.and_then(|(x, y)| Some([number(x)?, number(y)?]));
    let by = by.ok_or_else(|| EditError::Text {
        found: text.to_owned(),
        expected,
    })?;
    Ok(Operation::Move { slot, by })
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Flow(error) => error.into(),
            ServeError::Run(error) => error.into(),
            ServeError::PortTaken { .. }
            | ServeError::SecondEditor { .. }
            | ServeError::Listen { .. } => Self::refused(error.to_string(), error.hint()),
        }
    }
}
