//! Regular files, the only things that are opened for reading: a pipe or a device may never end, and an address is no file.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

/// Something at a path that is no regular file, in words; the inner error of an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Irregular {
    /// Another kind of entry: a folder, a named pipe, a device, a socket.
    #[error("{0}, not a file")]
    Kind(&'static str),
    /// A link whose target is not there.
    #[error("a link to `{0}`, which is not there")]
    Dangling(String),
    /// A link that leads to itself, over others or at once.
    #[error("a link that leads back to itself")]
    Loop,
    /// An address in the network, or one of FFmpeg's protocols.
    #[error("an address (`{0}:`), not a file: nothing is read from the network")]
    Address(String),
    /// Longer than any text of its kind.
    #[error("{0} bytes, and no text of this kind has more than {MOST_SETTINGS}")]
    Long(u64),
}

/// The most bytes of a plan, an edit or another text of settings: parsed it takes many times as much.
const MOST_SETTINGS: u64 = 4 << 20;

impl Irregular {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Kind(_) => {
                "name a regular file; copy what a pipe or a device gives into one first"
            }
            Self::Dangling(_) | Self::Loop => "name the file itself, or mend the link",
            Self::Long(_) => "see whether it is the right file",
            Self::Address(_) => "download the file first and name it by its path",
        }
    }
}

/// Opens a regular file for reading; links are followed. What stands there is looked at before and after: what was put in the
/// file's place in between is not waited for.
///
/// # Errors
/// When the system refuses, or something else stands there: then an [`Irregular`] is the inner error.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    check(path)?;
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    file_of(file.metadata()?)?;
    Ok(file)
}

/// The bytes of a regular file.
///
/// # Errors
/// As [`open`].
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a regular file.
///
/// # Errors
/// As [`open`], and when it is no UTF-8.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// The text of a plan, of an edit, of settings: a short one.
///
/// # Errors
/// As [`read_to_string`], and when it has more than 4 MiB.
pub fn read_settings(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref();
    let length = check(path)?.len();
    if length > MOST_SETTINGS {
        return Err(irregular(Irregular::Long(length)));
    }
    read_to_string(path)
}

/// The metadata of a regular file, which is not opened: opening a pipe waits for who writes to it.
///
/// # Errors
/// As [`open`].
pub fn check(path: &Path) -> io::Result<fs::Metadata> {
    file_of(look(path)?)
}

/// The metadata of a regular file.
fn file_of(meta: fs::Metadata) -> io::Result<fs::Metadata> {
    match kind(meta.file_type()) {
        None => Ok(meta),
        Some(kind) => Err(irregular(Irregular::Kind(kind))),
    }
}

/// The metadata of a file or a folder, links followed; links to nothing, circles of links and addresses are named.
///
/// # Errors
/// As [`open`], but for other kinds of entries.
pub fn look(path: &Path) -> io::Result<fs::Metadata> {
    fs::metadata(path).map_err(|error| explain(error, path))
}

/// What the person can do about an error of this room; `None` of all other errors.
pub fn hint(error: &io::Error) -> Option<&'static str> {
    let inner = error.get_ref()?.downcast_ref::<Irregular>()?;
    Some(inner.hint())
}

/// What an entry is in words; `None` of a regular file.
fn kind(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;

        if kind.is_fifo() {
            return Some("a named pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else {
        Some("an entry of an unknown kind")
    }
}

fn irregular(what: Irregular) -> io::Error {
    let kind = match what {
        Irregular::Dangling(_) | Irregular::Address(_) => io::ErrorKind::NotFound,
        Irregular::Kind(_) | Irregular::Loop | Irregular::Long(_) => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, what)
}

/// The reason that there is nothing at a path, where links or an address are the reason.
fn explain(error: io::Error, path: &Path) -> io::Error {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    if is_missing && let Some(protocol) = protocol(path) {
        return irregular(Irregular::Address(protocol));
    }
    match fs::read_link(path) {
        Ok(target) if is_missing => {
            irregular(Irregular::Dangling(target.to_string_lossy().into_owned()))
        }
        Ok(_) if error.kind() != io::ErrorKind::PermissionDenied => irregular(Irregular::Loop),
        _ => error,
    }
}

/// The protocol of an address: `http` of `http://…`, and FFmpeg's own that need no slashes, such as `concat:a|b`.
fn protocol(path: &Path) -> Option<String> {
    const WITHOUT_SLASHES: &str = "async cache concat concatf crypto data fd file pipe subfile";
    let text = path.to_str()?;
    let (protocol, rest) = text.split_once(':')?;
    let is_name = |name: &str| {
        let letters = name
            .bytes()
            .all(|letter| letter.is_ascii_alphanumeric() || b"+-.,".contains(&letter));
        // One letter is a drive.
        letters && name.len() > 1
    };
    let first = protocol.split([',', '+']).next()?.to_ascii_lowercase();
    let known = rest.starts_with("//") || WITHOUT_SLASHES.split(' ').any(|known| known == first);
    (is_name(protocol) && known).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &Path) -> String {
        let error = open(path).unwrap_err();
        assert!(
            hint(&error).is_some(),
            "no hint for `{}`: {error}",
            path.display()
        );
        error.to_string()
    }

    #[test]
    fn a_regular_file_is_read_and_a_missing_one_is_the_systems_error() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a b: c.txt");
        fs::write(&path, "text").unwrap();
        assert_eq!(read(&path).unwrap(), b"text");
        assert_eq!(read_to_string(&path).unwrap(), "text");
        assert_eq!(read_settings(&path).unwrap(), "text");
        let long = room.path().join("long.toml");
        File::create(&long)
            .unwrap()
            .set_len(MOST_SETTINGS + 1)
            .unwrap();
        let error = read_settings(&long).unwrap_err();
        assert!(error.to_string().starts_with("4194305 bytes"), "{error}");
        for missing in ["none.txt", "a:b", "C:file.mp4"] {
            let error = open(room.path().join(missing)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert_eq!(hint(&error), None, "{missing}: {error}");
        }
    }

    #[test]
    fn addresses_are_told_from_missing_files() {
        for (path, protocol) in [
            ("http://127.0.0.1:9/a.mp4", "http"),
            ("RTSP://host/stream", "rtsp"),
            ("file:/etc/hostname", "file"),
            ("concat:a.mp4|b.mp4", "concat"),
            ("data:video/mp4;base64,AAAA", "data"),
            ("crypto+file:a.mp4", "crypto"),
        ] {
            let said = said(Path::new(path));
            assert!(
                said.contains(&format!("an address (`{protocol}:`)")),
                "{said}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn pipes_devices_sockets_and_links_are_named_at_once() {
        use std::os::unix::{fs::symlink, net::UnixListener};

        let room = tempfile::tempdir().unwrap();
        let place = |name: &str| room.path().join(name);
        let made = std::process::Command::new("mkfifo")
            .arg(place("pipe"))
            .status();
        assert!(made.unwrap().success());
        let _listening = UnixListener::bind(place("socket")).unwrap();
        for (to, at) in [
            ("pipe", "to pipe"),
            ("/dev/zero", "to device"),
            ("socket", "to socket"),
            ("gone", "dangling"),
            ("circle", "circle"),
            ("second", "first"),
            ("first", "second"),
        ] {
            symlink(to, place(at)).unwrap();
        }
        for (name, reason) in [
            (".", "a folder"),
            ("pipe", "a named pipe"),
            ("to pipe", "a named pipe"),
            ("to device", "a device"),
            ("socket", "a socket"),
            ("to socket", "a socket"),
            ("dangling", "a link to `gone`, which is not there"),
            ("circle", "leads back to itself"),
            ("first", "leads back to itself"),
        ] {
            let said = said(&place(name));
            assert!(said.contains(reason), "{name}: {said}");
        }
    }
}
