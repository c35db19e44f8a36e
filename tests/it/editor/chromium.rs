//! A headless Chromium that is told what to do over its debugging pipe.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Names of the browser, in the order in which they are tried.
const NAMES: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];

/// The longest that anything may take: ten times what it takes on two cores.
pub const LIMIT: Duration = Duration::from_mins(1);

/// One page of a headless browser.
pub struct Chromium {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    last: u64,
    session: Option<String>,
    /// Addresses that the page asked for.
    pub requested: BTreeSet<String>,
    /// Errors that the page's scripts raised.
    pub faults: Vec<String>,
    profile: tempfile::TempDir,
}

fn browser() -> &'static str {
    let is_there = |name: &&&str| {
        let found = Command::new(name).arg("--version").output();
        found.is_ok_and(|output| output.status.success())
    };
    NAMES.iter().find(is_there).unwrap_or_else(|| {
        panic!("no Chromium here ({NAMES:?}); `./start setup` installs Debian's package")
    })
}

impl Chromium {
    /// A page at an address, so many pixels wide and high; what does not start is started once more.
    pub fn open(address: &str, size: [u32; 2]) -> Self {
        let first = Self::start(size).and_then(|page| page.at(address));
        let again = |_| Self::start(size).and_then(|page| page.at(address));
        first.or_else(again).expect("Chromium starts")
    }

    fn start([width, height]: [u32; 2]) -> Result<Self, String> {
        let profile = tempfile::tempdir().map_err(|error| error.to_string())?;
        // The pipe is file descriptors 3 and 4 of the browser.
        let shell = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null"#;
        let mut child = Command::new("sh")
            .args(["-c", shell, browser(), "--headless=new", "--no-sandbox"])
            .args(["--remote-debugging-pipe", "--disable-gpu", "--no-first-run"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={width},{height}"))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let commands = child.stdin.take().ok_or("no pipe")?;
        let answers = child.stdout.take().ok_or("no pipe")?;
        let (send, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap_or(Value::Null);
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            commands,
            messages,
            last: 0,
            session: None,
            requested: BTreeSet::new(),
            faults: Vec::new(),
            profile,
        })
    }

    fn at(mut self, address: &str) -> Result<Self, String> {
        let target = self.ask("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.ask("Target.attachToTarget", attach)?;
        self.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Runtime"] {
            self.ask(&format!("{domain}.enable"), json!({}))?;
        }
        self.ask("Page.navigate", json!({ "url": address }))?;
        Ok(self)
    }

    /// What a command of the debugging protocol gives.
    pub fn ask(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let sent = self.commands.write_all(format!("{command}\0").as_bytes());
        sent.and_then(|()| self.commands.flush())
            .map_err(|error| format!("{method}: {error}"))?;
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => return Err(format!("{method}: no answer")),
                Err(RecvTimeoutError::Disconnected) => return Err(format!("{method}: it ended")),
            };
            self.note(&message);
            if message["id"] == self.last {
                return match message.get("error") {
                    None => Ok(message["result"].clone()),
                    Some(error) => Err(format!("{method}: {error}")),
                };
            }
        }
    }

    fn note(&mut self, message: &Value) {
        match message["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                let address = message["params"]["request"]["url"].as_str();
                self.requested.extend(address.map(str::to_owned));
            }
            Some("Runtime.exceptionThrown") => {
                let details = &message["params"]["exceptionDetails"];
                self.faults.push(details.to_string());
            }
            _ => {}
        }
    }

    /// What a script gives in the page.
    pub fn value(&mut self, script: &str) -> Value {
        let asked = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let given = self.ask("Runtime.evaluate", asked).unwrap();
        let fault = &given["exceptionDetails"];
        assert!(fault.is_null(), "{script}: {fault}");
        given["result"]["value"].clone()
    }

    /// Waits until a script gives something true, and returns it.
    pub fn wait(&mut self, script: &str) -> Value {
        let end = Instant::now() + LIMIT;
        loop {
            let value = self.value(script);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            if Instant::now() > end {
                let said = self.value("document.body.innerText");
                panic!("never true: {script}\n{said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Clicks with the mouse at a place of the window.
    pub fn click_at(&mut self, [x, y]: [f64; 2]) {
        for kind in ["mousePressed", "mouseReleased"] {
            self.mouse(kind, [x, y]);
        }
    }

    /// Drags with the mouse from one place of the window to another.
    pub fn drag(&mut self, from: [f64; 2], to: [f64; 2]) {
        self.mouse("mousePressed", from);
        self.mouse("mouseMoved", to);
        self.mouse("mouseReleased", to);
    }

    fn mouse(&mut self, kind: &str, [x, y]: [f64; 2]) {
        let event = json!({
            "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1,
        });
        self.ask("Input.dispatchMouseEvent", event).unwrap();
    }

    /// Clicks an element in its middle, after scrolling to it.
    pub fn click(&mut self, id: &str) {
        let script = format!(
            "(() => {{ const of = document.getElementById('{id}'); of.scrollIntoView({{ block: 'center' }}); \
             const box = of.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        let place: [f64; 2] = serde_json::from_value(self.value(&script)).unwrap();
        self.click_at(place);
    }

    /// Presses a key; `modifiers` are those of the protocol: 2 is Ctrl.
    pub fn press(&mut self, key: &str, code: u32, modifiers: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers,
            });
            self.ask("Input.dispatchKeyEvent", event).unwrap();
            if kind == "rawKeyDown" && key == "Enter" {
                let event = json!({ "type": "char", "text": "\r", "key": key });
                self.ask("Input.dispatchKeyEvent", event).unwrap();
            }
        }
    }

    /// Files that the page hands out lie in this folder from now on.
    pub fn save_into(&mut self, folder: &Path) {
        let session = self.session.take();
        let into = json!({ "behavior": "allow", "downloadPath": folder });
        self.ask("Browser.setDownloadBehavior", into).unwrap();
        self.session = session;
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.session = None;
        let closed = self.ask("Browser.close", json!({}));
        if closed.is_err() {
            self.child.kill().ok();
        }
        self.child.wait().ok();
        assert!(self.profile.path().exists(), "kept until the browser ended");
    }
}
