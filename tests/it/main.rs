//! The product from outside. One binary: every other one would link burn anew.
//!
//! - `all_plans`: the script that runs every published plan, and its short list
//! - `ask`: questions answered and judged, strays named
//! - `cli`: plans refused before work, folders left alone, times of cases
//! - `cli_help`, `cli_errors`, `cli_errors_files`: help and messages, word for word
//! - `compose`: new scenes from slots of different clips, and their parents
//! - `docs`: commands, paths, plans and keys that documents and hints name
//! - `earlier`: files of an earlier version still open
//! - `edit`: a run with other slots, replayed and refused
//! - `editor`: the page of `pipeline edit RUN` in a real browser
//! - `eval`: folders in, tables out
//! - `eval_masks`: every way that masks are stored
//! - `flow`: clips to a report, resumed, on other numbers of threads
//! - `import`: official checkpoints in and out
//! - `import_foreign`: slots in other layouts, old checkpoints, authors' own names
//! - `listings`: official models at full size, by their shapes
//! - `layers`: the law of `lib.rs`, circles, sizes, tables of contents
//! - `long_videos`: windows of a video, scored as one
//! - `mistakes`: typical mistakes, each told once and with a next step
//! - `mutants`: damaged weights, slots and plans; `mutator`, of the data sets' crate: how they are damaged
//! - `names`: names that were given up
//! - `networks`: I3D, Inception and LPIPS against their references
//! - `presets`: built-in plans, of the sizes that were published
//! - `reliability`: kills, signals, flipped bits, two processes on one folder, no room on the disk or in memory
//! - `report_page`: the report in a real browser: scrubbed by keyboard, on a telephone
//! - `shard`: a run, an evaluation, generated clips in shares on many machines, put together
//! - `stable_diffusion`: Stable Diffusion against diffusers, its files read and refused
//! - `sweep`: one plan under several values, in one folder
//! - `train`: killed, interrupted, refused, out of disk; resumed to the same bytes
//! - `upkeep`: whose folder a run gets, finished runs, the cache, completions and manual pages
//! - `parity`: every model against the numbers of its reference (`GOLDEN_MODELS` names another folder of
//!   fixtures, `PARITY_ONLY` one fixture)

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by stopping; clippy knows only functions marked as tests"
)]

mod ablation;
mod all_plans;
mod ask;
mod cli;
mod cli_errors;
mod cli_errors_files;
mod cli_help;
mod compose;
mod docs;
mod earlier;
mod edit;
mod editor;
mod eval;
mod eval_masks;
mod flow;
mod import;
mod import_foreign;
mod layers;
mod listings;
mod long_videos;
mod mistakes;
mod mutants;
#[path = "../../datasets/tests/it/mutator.rs"]
mod mutator;
mod names;
mod networks;
mod parity;
mod pictures;
mod presets;
mod reliability;
mod report_page;
mod reproduce;
mod segment;
mod shard;
mod stable_diffusion;
mod support;
mod sweep;
mod train;
mod transcript;
mod unbuildable;
mod upkeep;
