//! What the page asks for and sends: clips as arrays, edits as JSON, how far an edit is.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ndarray::{Array, Dimension};
use serde_json::json;
use slotflow_datasets::ClipId;

use super::gate::API;
use super::job::Job;
use super::page::{POLICY, file};
use super::problem::{Problem, json_response};
use super::shared::Shared;
use crate::flows::video_predict::FlowError;
use crate::masks::colours;
use crate::plan::edit::ClipEdit;

/// The header that says an array's shape.
const SHAPE: &str = "x-shape";

/// Headers of every answer: nothing is kept, framed, guessed or sent elsewhere.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
];

type Reply = Result<Response, Problem>;

/// All that is answered.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/api/run", get(run))
        .route("/api/clips/{clip}", get(clip))
        .route("/api/clips/{clip}/{array}", get(clip_array))
        .route("/api/check", post(check))
        .route("/api/draw", post(draw))
        .route("/api/job", get(job_state))
        .route("/api/result/{array}", get(result_array))
        .fallback(page_file)
        .layer(from_fn_with_state(Arc::clone(shared), guard))
        .with_state(Arc::clone(shared))
}

/// Answers only this editor's page, and says to the browser what it may do.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = match shared.gate.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            let (status, hint) = (StatusCode::FORBIDDEN, refusal.hint());
            if request.uri().path().starts_with(API) {
                Problem::new(status, &refusal.to_string(), hint).into_response()
            } else {
                // A browser shows it as it is.
                (status, format!("error: {refusal}\n\nhint: {hint}\n")).into_response()
            }
        }
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn page_file(State(shared): State<Arc<Shared>>, request: Request) -> Reply {
    let found = file(request.uri().path(), &shared.gate.token);
    let (kind, text) = found.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "there is no such page",
            "open the whole address that `pipeline edit RUN` printed",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn run(State(shared): State<Arc<Shared>>) -> Reply {
    shared.run.check_folder()?;
    Ok(json_response(&json!({
        "name": shared.run.name(),
        "folder": shared.run.folder().display().to_string(),
        "clips": shared.run.clips(),
        "rolled_out": shared.run.is_rolled_out(),
        "colours": colours().into_iter().take(64).collect::<Vec<_>>(),
    })))
}

async fn clip(State(shared): State<Arc<Shared>>, Path(clip): Path<String>) -> Reply {
    let clip = blocking(move || shared.clip(&ClipId::new(&clip))).await?;
    Ok(json_response(&json!({
        "slots": clip.slots,
        "observed": clip.observed,
        "fps": clip.fps,
    })))
}

async fn clip_array(
    State(shared): State<Arc<Shared>>,
    Path((clip, array)): Path<(String, String)>,
) -> Reply {
    let id = ClipId::new(&clip);
    blocking(move || {
        let clip = shared.clip(&id)?;
        match array.as_str() {
            "seen" => Ok(bytes(&clip.seen)),
            "prediction" => Ok(bytes(&clip.prediction)),
            "reconstruction" => Ok(bytes(&clip.reconstruction)),
            "masks" => Ok(bytes(&clip.masks)),
            "attention" => match shared.run.attention(&id)? {
                Some(shares) => {
                    Ok(bytes(&shares.mapv(|share| {
                        (share.clamp(0.0, 1.0) * 255.0).round() as u8
                    })))
                }
                None => Ok(StatusCode::NO_CONTENT.into_response()),
            },
            other => Err(no_array(other)),
        }
    })
    .await
}

/// An edit that the page sends, of this run.
fn read_edit(body: &Bytes) -> Result<ClipEdit, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            &format!("not an edit ({error})"),
            "reload the page: it is another version's",
        )
    })
}

async fn check(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let change = read_edit(&body)?;
    shared.run.check_folder()?;
    let edit = shared.run.plan_of(change);
    shared.run.check(&edit)?;
    let changes: Vec<String> = edit.operations.iter().map(ToString::to_string).collect();
    Ok(json_response(
        &json!({ "changes": changes, "file": edit.to_toml()? }),
    ))
}

async fn draw(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
    let change = read_edit(&body)?;
    shared.run.check_folder()?;
    shared.begin(shared.run.plan_of(change))?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn job_state(State(shared): State<Arc<Shared>>) -> Response {
    json_response(&shared.told())
}

async fn result_array(State(shared): State<Arc<Shared>>, Path(array): Path<String>) -> Reply {
    let Job::Done(done) = shared.job().clone() else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no edit was made yet",
            "roll out and draw first",
        ));
    };
    blocking(move || {
        let (frames, clip) = (&done.outcome.frames, &done.edit.clip);
        let read = match array.as_str() {
            "prediction" => frames.prediction(clip),
            "reconstruction" => frames.reconstruction(clip),
            other => return Err(no_array(other)),
        };
        Ok(bytes(&read.map_err(FlowError::from)?))
    })
    .await
}

fn no_array(name: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        &format!("no array `{name}`"),
        "reload the page: it is another version's",
    )
}

/// Work that reads files or computes, on another thread than the one that answers.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Problem::fault(&error)))
}

/// An array of bytes, row by row, with its shape in a header.
fn bytes<D: Dimension>(array: &Array<u8, D>) -> Response {
    let shape: Vec<String> = array.shape().iter().map(ToString::to_string).collect();
    let body: Vec<u8> = array.iter().copied().collect();
    let kind = (
        header::CONTENT_TYPE.as_str(),
        "application/octet-stream".to_owned(),
    );
    ([kind, (SHAPE, shape.join(","))], Body::from(body)).into_response()
}
