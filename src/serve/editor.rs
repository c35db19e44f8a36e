//! A run opened for editing: its lock, its port, its server.

use std::future::{Future, IntoFuture, poll_fn};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use slotflow_datasets::ClipId;

use super::api::router;
use super::error::ServeError;
use super::gate::Gate;
use super::shared::{Shared, StepReached};
use super::token::Token;
use crate::artifacts::lock::FolderLock;
use crate::artifacts::{Options, RunError, interrupt};
use crate::flows::edit::OpenRun;
use crate::flows::video_predict::FlowError;
use crate::plan::edit::EditError;
use crate::stages::report::edit_report::check_out;

/// Stack of a thread that makes an edit: that of a main thread.
const STACK: usize = 8 << 20;
/// How often the server looks whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(50);

/// What an editor is opened with.
#[derive(Debug, Clone)]
pub struct EditorSettings {
    /// The run's folder.
    pub run: PathBuf,
    /// Folder of the first edit; later ones are numbered.
    pub out: PathBuf,
    /// The port; a free one if unset.
    pub port: Option<u16>,
    /// The clip that is shown first; the run's first if unset.
    pub clip: Option<ClipId>,
}

/// An editor of a run: it has its port, and answers once it serves.
#[derive(Debug)]
pub struct Editor {
    shared: Arc<Shared>,
    listener: TcpListener,
    clip: Option<ClipId>,
    /// Held as long as the editor lives.
    lock: FolderLock,
}

impl Editor {
    /// Takes the port, then the run, and opens it.
    ///
    /// # Errors
    /// When the port is taken, another editor has the run open, the folder is no run's, or what stopped a stage.
    pub fn open(
        settings: EditorSettings,
        token: Token,
        options: impl FnOnce(u64) -> Options,
    ) -> Result<Self, ServeError> {
        let refused = |error: EditError| ServeError::Flow(FlowError::Edit(error));
        check_out(&settings.out, &settings.run).map_err(refused)?;
        let listener = bind(settings.port)?;
        let port = listener.local_addr().map_err(cannot_listen)?.port();
        let options = options(0);
        let lock = lock(&options.cache, &settings.run)?;
        let reached = Arc::new(StepReached::default());
        let watch = reached.watch();
        let run = OpenRun::open(&settings.run, |seed| Options {
            seed,
            watch,
            ..options
        })?;
        // What the page shows first is there before it is asked for, and a clip that is not there is refused here.
        let first = settings.clip.as_ref().or(run.clips().first());
        if let Some(clip) = first {
            run.clip(clip)?;
        }
        let gate = Gate { token, port };
        Ok(Self {
            shared: Arc::new(Shared::new(run, settings.out, gate, reached)),
            listener,
            clip: settings.clip,
            lock,
        })
    }

    /// The address of its page, token included.
    pub fn address(&self) -> String {
        let Gate { token, port } = &self.shared.gate;
        let clip = self.clip.as_ref().map_or_else(String::new, |clip| {
            format!("&clip={}", percent_encoded(clip.as_str()))
        });
        format!("http://127.0.0.1:{port}/?token={}{clip}", token.as_str())
    }

    /// Serves the page until Ctrl-C; an edit that is being made then stops at its next step.
    ///
    /// # Errors
    /// When the system does not let it listen any longer.
    pub fn serve(self) -> Result<(), ServeError> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_io().enable_time().thread_stack_size(STACK);
        let runtime = runtime.build().map_err(cannot_listen)?;
        let listener = self.listener;
        let served = runtime.block_on(async {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let mut served = pin!(axum::serve(listener, router(&self.shared)).into_future());
            let mut stopped = pin!(interrupted());
            poll_fn(|context| match stopped.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Ok(())),
                Poll::Pending => served.as_mut().poll(context),
            })
            .await
        });
        // Waits for the edit that is being made.
        drop(runtime);
        drop(self.lock);
        served.map_err(cannot_listen)
    }
}

fn bind(port: Option<u16>) -> Result<TcpListener, ServeError> {
    let asked = port.unwrap_or(0);
    TcpListener::bind((Ipv4Addr::LOCALHOST, asked)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => ServeError::PortTaken { port: asked },
        _ => cannot_listen(error),
    })
}

fn cannot_listen(error: std::io::Error) -> ServeError {
    ServeError::Listen {
        reason: error.to_string(),
    }
}

/// Takes a run for this editor. The lock lies in the cache: the run's folder is never changed.
fn lock(cache: &Path, run: &Path) -> Result<FolderLock, ServeError> {
    let whole = run.canonicalize().map_err(|_| {
        let path = run.to_owned();
        ServeError::Flow(FlowError::Edit(EditError::NotARun { path }))
    })?;
    let name = blake3::hash(whole.as_os_str().as_encoded_bytes());
    let place = cache.join("editors").join(&name.to_hex()[..32]);
    FolderLock::take(&place).map_err(|error| match error {
        RunError::Busy { process, .. } => ServeError::SecondEditor {
            process,
            path: run.to_owned(),
        },
        other => other.into(),
    })
}

/// Ends once Ctrl-C was pressed.
async fn interrupted() {
    while !interrupt::pressed() {
        tokio::time::sleep(LOOK).await;
    }
}

/// A text as a value in an address.
fn percent_encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_by_its_number() {
        let first = bind(None).unwrap();
        let port = first.local_addr().unwrap().port();
        let refused = bind(Some(port)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("port {port} of 127.0.0.1 is taken")
        );
    }

    #[test]
    fn a_second_editor_on_a_run_is_told_of_the_first_and_the_run_is_untouched() {
        let home = tempfile::tempdir().unwrap();
        let (cache, run) = (home.path().join("cache"), home.path().join("run"));
        std::fs::create_dir(&run).unwrap();
        let first = lock(&cache, &run).unwrap();
        let again = home.path().join("run/../run");
        let refused = lock(&cache, &again).unwrap_err().to_string();
        let number = format!("another editor (process {})", std::process::id());
        assert!(refused.starts_with(&number), "{refused}");
        assert_eq!(std::fs::read_dir(&run).unwrap().count(), 0);
        drop(first);
        lock(&cache, &run).unwrap();
    }

    #[test]
    fn a_clip_with_any_name_stands_in_the_address() {
        assert_eq!(percent_encoded("synth-1_a.b"), "synth-1_a.b");
        assert_eq!(percent_encoded("a b&ü"), "a%20b%26%C3%BC");
    }
}
