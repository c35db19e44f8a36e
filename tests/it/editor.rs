//! `pipeline edit RUN`: the editor's page in a real browser, and what it refuses.

pub mod chromium;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::edit::{FIRST, SECOND, edit, same_bytes, with_run};
use crate::support::{Product, contents};
use chromium::{Chromium, LIMIT};

/// An editor that serves.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(product: &Product, more: &[&str]) -> Self {
        let mut command = product.command(&edit(more));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let address = line.trim().to_owned();
        assert!(address.starts_with("http://127.0.0.1:"), "{address:?}");
        Self { child, address }
    }

    fn port(&self) -> u16 {
        let rest = self.address.strip_prefix("http://127.0.0.1:").unwrap();
        rest.split('/').next().unwrap().parse().unwrap()
    }

    fn token(&self) -> &str {
        let query = self.address.split_once("token=").unwrap().1;
        query.split('&').next().unwrap()
    }

    /// Ctrl-C, and the exit code.
    fn interrupt(&mut self) -> Option<i32> {
        let number = self.child.id().to_string();
        Command::new("kill")
            .args(["-INT", &number])
            .status()
            .unwrap();
        self.child.wait().unwrap().code()
    }

    /// Status and text of an answer to a request with these lines behind the first.
    fn answer(&self, first: &str, headers: &[&str], body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        let head: String = headers.iter().flat_map(|line| [*line, "\r\n"]).collect();
        let length = body.len();
        let request = format!(
            "{first} HTTP/1.1\r\n{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        (status, text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The largest object of the first frame: its slot, and the place in the window of the pixel in its middle.
const AN_OBJECT: &str = "(() => {
    const canvas = document.getElementById('picture');
    canvas.scrollIntoView({ block: 'center' });
    const statistics = editor.clip.statistics[0];
    const [, height, width] = editor.clip.masks.shape;
    const slot = largestObject(statistics);
    const { x, y } = statistics[slot];
    let best = [Infinity, 0, 0];
    for (let pixel = 0; pixel < height * width; pixel += 1) {
        if (editor.clip.masks.bytes[pixel] !== slot) continue;
        const at = [pixel % width, Math.floor(pixel / width)];
        const far = Math.hypot(at[0] - x, at[1] - y);
        if (far < best[0]) best = [far, ...at];
    }
    const box = canvas.getBoundingClientRect();
    return [slot, box.x + (best[1] + 0.5) * box.width / width, box.y + (best[2] + 0.5) * box.height / height];
})()";

/// Mean difference of the two pictures below the page, of 255 a channel: where the slot was, and elsewhere.
const DIFFERENCE: &str = "(slot) => {
    const pixels = (id) => {
        const canvas = document.getElementById(id);
        return [canvas, canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
    };
    const [[canvas, before], [, after]] = ['before', 'after'].map(pixels);
    const [, height, width] = editor.clip.masks.shape;
    const sums = [[0, 0], [0, 0]];
    for (let y = 0; y < canvas.height; y += 1) {
        for (let x = 0; x < canvas.width; x += 1) {
            const own = [Math.floor(x * width / canvas.width), Math.floor(y * height / canvas.height)];
            const sum = sums[editor.clip.masks.bytes[own[1] * width + own[0]] === slot ? 0 : 1];
            for (let part = 0; part < 3; part += 1) {
                const at = 4 * (y * canvas.width + x) + part;
                sum[0] += Math.abs(before[at] - after[at]);
                sum[1] += 1;
            }
        }
    }
    return sums.map(([sum, count]) => sum / count);
}";

#[test]
fn an_object_is_clicked_and_removed_and_the_saved_edit_replays_to_the_same_bytes() {
    let product = with_run();
    let before = contents(&product.path("run"));
    let mut server = Server::start(&product, &[]);
    let mut page = Chromium::open(&server.address, [1400, 1000]);
    page.wait("document.querySelectorAll('.slot').length === 7 && Boolean(editor.clip.attention)");
    let (slot, x, y): (usize, f64, f64) = serde_json::from_value(page.value(AN_OBJECT)).unwrap();
    page.click_at([x, y]);
    page.wait(&format!(
        "document.getElementById('chosen').textContent === '{slot}'"
    ));
    page.click("remove");
    page.wait(&format!(
        "document.querySelector('#operations li')?.textContent === 'slot {slot} removed'"
    ));
    page.click("draw");
    page.wait("document.getElementById('status').textContent.startsWith('Done')");
    let [at_it, elsewhere]: [f64; 2] =
        serde_json::from_value(page.value(&format!("({DIFFERENCE})({slot})"))).unwrap();
    assert!(
        at_it > 8.0 && at_it > 2.0 * elsewhere,
        "{at_it} there, {elsewhere} elsewhere"
    );

    page.save_into(&product.path("."));
    page.click("save");
    let saved = product.path("edit.toml");
    let end = Instant::now() + LIMIT;
    while !saved.is_file() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = std::fs::read(&saved).expect("the page saves the edit file");
    assert!(text == std::fs::read(product.path("run-edit/edit.toml")).unwrap());
    product.succeed(&edit(&["--file", "edit.toml", "--out", "again"]));
    same_bytes(&product, "run-edit", "again");
    assert!(
        before == contents(&product.path("run")),
        "the run was changed"
    );

    keyboard_does_the_same(&mut page);
    everything_has_a_name_and_fits_a_telephone(&mut page);
    let own = format!("http://127.0.0.1:{}/", server.port());
    let outside = |address: &&String| {
        !(address.starts_with(&own) || address.starts_with("data:") || address.starts_with("blob:"))
    };
    let outside: Vec<_> = page.requested.iter().filter(outside).collect();
    assert!(outside.is_empty(), "asked for {outside:?}");
    assert!(page.requested.len() > 10, "{:?}", page.requested);
    assert!(page.faults.is_empty(), "{:?}", page.faults);
    what_goes_while_the_page_is_open_is_told(&product, &mut server, &mut page);
}

/// Chooses, changes and undoes by keys alone, and is told of a second change of one slot.
fn keyboard_does_the_same(page: &mut Chromium) {
    let changes = "document.querySelectorAll('#operations li').length";
    page.click("undo");
    page.wait(&format!("{changes} === 0"));
    page.value("document.querySelector('.slot input:checked').focus()");
    let chosen = page.value("editor.slot");
    page.press("ArrowRight", 39, 0);
    page.wait(&format!("editor.slot !== {chosen}"));
    page.press("Tab", 9, 0);
    page.press("Enter", 13, 0);
    page.wait(&format!("{changes} === 1"));
    page.press("Enter", 13, 0);
    let problem = "document.getElementById('problem').innerText";
    page.wait(&format!("{problem}.includes('two changes name slot')"));
    page.press("z", 90, 2);
    page.wait(&format!("{changes} === 0"));
    // A drag is a move, and so are two numbers.
    let place: (usize, f64, f64) = serde_json::from_value(page.value(AN_OBJECT)).unwrap();
    page.drag([place.1, place.2], [place.1 + 24.0, place.2 + 16.0]);
    let moved = page.wait("document.querySelector('#operations li')?.textContent");
    assert_eq!(moved, format!("slot {} moved by (3, 2) pixels", place.0));
    page.press("z", 90, 2);
    page.wait(&format!("{changes} === 0"));
    page.click("move");
    page.wait(&format!("{changes} === 1"));
    assert_eq!(
        page.value("document.querySelector('#operations li').textContent"),
        moved
    );
}

fn everything_has_a_name_and_fits_a_telephone(page: &mut Chromium) {
    let tree = page
        .ask("Accessibility.getFullAXTree", serde_json::json!({}))
        .unwrap();
    let (mut named, mut nameless) = (0, Vec::new());
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let roles = [
            "button",
            "slider",
            "combobox",
            "radio",
            "checkbox",
            "spinbutton",
            "image",
            "progressbar",
        ];
        if !roles.contains(&role) || node["ignored"] == true {
            continue;
        }
        match node["name"]["value"].as_str() {
            Some(name) if !name.trim().is_empty() => named += 1,
            _ => nameless.push(role.to_owned()),
        }
    }
    assert!(
        nameless.is_empty() && named > 25,
        "{named} named, without a name: {nameless:?}"
    );
    let narrow =
        serde_json::json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
    page.ask("Emulation.setDeviceMetricsOverride", narrow)
        .unwrap();
    page.wait("window.innerWidth === 390");
    let wider =
        page.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(wider, 0, "the page is wider than a telephone");
}

fn what_goes_while_the_page_is_open_is_told(
    product: &Product,
    server: &mut Server,
    page: &mut Chromium,
) {
    let problem = "document.getElementById('problem').innerText";
    std::fs::rename(product.path("run"), product.path("gone")).unwrap();
    page.wait(&format!(
        "{problem}.includes('the run is not there any more')"
    ));
    std::fs::rename(product.path("gone"), product.path("run")).unwrap();
    page.wait("document.getElementById('problem').hidden");
    assert_eq!(server.interrupt(), Some(130));
    page.wait(&format!("{problem}.includes('the editor does not answer')"));
}

#[test]
fn the_editor_answers_its_own_page_alone_and_refuses_what_the_command_refuses() {
    let product = with_run();
    let server = Server::start(&product, &["--clip", SECOND]);
    assert!(
        server.address.ends_with(&format!("&clip={SECOND}")),
        "{}",
        server.address
    );
    let host = format!("host: 127.0.0.1:{}", server.port());
    let token = format!("x-token: {}", server.token());
    let page = format!("GET /?token={}", server.token());

    let (status, text) = server.answer(&page, &[&host], "");
    assert!(
        status == 200 && text.contains("default-src 'none'"),
        "{text}"
    );
    for (first, headers) in [
        ("GET /", vec![host.as_str()]),
        ("GET /editor.js?token=0", vec![&host]),
        ("GET /api/run", vec![&host]),
        (&page, vec!["host: evil.example"]),
        (&page, vec![&host, "origin: http://evil.example"]),
        ("GET /api/run", vec![&host, &token, "origin: null"]),
    ] {
        let (status, text) = server.answer(first, &headers, "");
        assert!(
            status == 403 && text.contains("hint"),
            "{first} {headers:?}: {text}"
        );
        assert!(!text.contains("synth-"), "{text}");
    }

    let draw = |operation: &str| {
        let body = format!(r#"{{"clip":"{FIRST}","frames":"all","operations":[{operation}]}}"#);
        server.answer("POST /api/draw", &[&host, &token], &body)
    };
    let (status, text) = draw(r#"{"remove":{"slot":99}}"#);
    let said = product.fail(2, &edit(&["--clip", FIRST, "--remove", "99"]));
    let message = said.trim().strip_prefix("error: ").unwrap();
    let (message, hint) = message.split_once("\n\nhint: ").unwrap();
    assert!(
        status == 422 && text.contains(message) && text.contains(hint),
        "{text}"
    );
    assert_eq!(draw(r#"{"paint":{"slot":1}}"#).0, 400);
    assert_eq!(
        server
            .answer("GET /api/clips/none/seen", &[&host, &token], "")
            .0,
        404
    );
    assert!(
        !product.path("run-edit").exists(),
        "nothing is half-written"
    );

    what_cannot_be_opened_is_refused(&product, server);
}

fn what_cannot_be_opened_is_refused(product: &Product, server: Server) {
    let port = server.port().to_string();
    let said = product.fail(2, &edit(&["--port", &port]));
    assert!(
        said.contains(&format!("port {port} of 127.0.0.1 is taken")),
        "{said}"
    );
    let said = product.fail(2, &edit(&[]));
    assert!(said.contains("another editor (process "), "{said}");
    drop(server);
    let said = product.fail(2, &edit(&["--clip", "none"]));
    assert!(said.contains("no clip `none` in the run"), "{said}");
    let said = product.fail(2, &edit(&["--out", "run/edits"]));
    assert!(said.contains("a run's folder is never changed"), "{said}");
    let said = product.fail(2, &["edit", "nowhere"]);
    assert!(said.contains("not a run folder"), "{said}");
}
