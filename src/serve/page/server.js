'use strict';

// The server: every request carries the token; every refusal is a message and a hint.

const TOKEN = document.currentScript.dataset.token;

const element = (id) => document.getElementById(id);

/** Why something was not done, in words, and what can be done about it. */
class Problem extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/** The server's answer; a body is sent as JSON. */
async function ask(path, body) {
  const headers = { 'x-token': TOKEN };
  const method = body === undefined ? 'GET' : 'POST';
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(
      'the editor does not answer',
      'it was ended: start it again with `pipeline edit RUN` and open the address that it prints; what is listed under Edit is kept in this page until it is closed',
    );
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Problem(said.message ?? `the editor answered ${answer.status}`, said.hint ?? 'reload the page');
}

const askJson = async (path, body) => (await ask(path, body)).json();

/** An array of bytes with its shape; null where the server has none. */
async function askArray(path) {
  const answer = await ask(path);
  if (answer.status === 204) return null;
  const shape = answer.headers.get('x-shape').split(',').map(Number);
  return { shape, bytes: new Uint8Array(await answer.arrayBuffer()) };
}

// What the person is told.

let problemKind = '';

/** Shows what went wrong; `kind` lets a later success take it away again. */
function showProblem(problem, kind = 'action') {
  if (kind === problemKind && element('problem-message').textContent === problem.message) return;
  problemKind = kind;
  element('problem-message').textContent = problem.message;
  element('problem-hint').textContent = problem.hint ?? 'reload the page';
  element('problem').hidden = false;
}

function hideProblem(kind) {
  if (kind !== undefined && kind !== problemKind) return;
  problemKind = '';
  element('problem').hidden = true;
  element('problem-message').textContent = '';
}

function say(text) {
  element('status').textContent = text;
}

/** Does something that may fail, and shows why it did; whether it went well. */
async function attempt(work) {
  try {
    await work();
    hideProblem('action');
    return true;
  } catch (problem) {
    showProblem(problem);
    return false;
  }
}
