// The page: one run, one clip at a time, one chosen slot.

const editor = {
  run: null,
  clips: new Map(),
  edits: new Map(),
  clip: null,
  /** Name of the clip that was asked for last. */
  opening: '',
  slot: null,
  working: false,
};

const counted = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
const clipPath = (name) => `/api/clips/${encodeURIComponent(name)}`;

/** A clip's arrays, asked for once. */
async function clipOf(name) {
  if (editor.clips.has(name)) return editor.clips.get(name);
  const [about, seen, prediction, reconstruction, masks] = await Promise.all([
    askJson(clipPath(name)),
    ...['seen', 'prediction', 'reconstruction', 'masks'].map((array) => askArray(`${clipPath(name)}/${array}`)),
  ]);
  const clip = { ...about, name, seen, prediction, reconstruction, masks, attention: null };
  clip.statistics = slotStatistics(masks, clip.slots);
  editor.clips.set(name, clip);
  return clip;
}

const edit = () => editor.edits.get(editor.clip.name);
const view = () => element('view').value;

/** The array and frame that are shown. */
function shown(frame) {
  const { seen, prediction, observed } = editor.clip;
  if (view() === 'seen') return seen;
  return view() === 'mixed' && frame < observed ? seen : prediction;
}

/** Whether the masks are those of what is shown in a frame: predicted frames have none. */
const hasMasks = (frame) => frame < (view() === 'seen' ? editor.clip.masks.shape[0] : editor.clip.observed);

/** The seen frame whose slots the strip shows. */
const stripFrame = (frame) => (hasMasks(frame) ? frame : Math.max(0, editor.clip.observed - 1));

function drawPicture(frame) {
  const { clip, run, slot } = editor;
  if (clip === null) return;
  const canvas = element('picture');
  const image = frameImage(shown(frame), frame);
  fitCanvas(canvas, image.width, image.height, 512);
  const masked = hasMasks(frame) && element('masks').checked;
  const statistics = clip.statistics[Math.min(frame, clip.statistics.length - 1)];
  if (masked) tintSlots(image, clip.masks, { time: frame, statistics, colours: run.colours });
  drawImage(canvas, image);
  if (hasMasks(frame)) outlineSlot(canvas, clip.masks, frame, slot);
  const still = clip.seen.shape[0] === 1;
  const what = still ? `Picture ${clip.name}` : `Video of ${clip.name}, frame ${frame}`;
  canvas.setAttribute('aria-label', `${what}; slot ${slot} is chosen`);
}

const strip = new SlotStrip((slot) => chooseSlot(slot));
const transport = new Transport({ frame: 'frame', play: 'play', says: 'frame-says' }, (frame) => {
  if (editor.clip === null) return;
  drawPicture(frame);
  const time = stripFrame(frame);
  strip.show(time);
  const when = editor.clip.seen.shape[0] === 1 ? '' : ` in frame ${time}`;
  element('slots-about').textContent = `As seen${when}: own pixels, attention, share of the pixels.${
    hasMasks(frame) ? '' : ' Predicted frames have no masks.'}`;
});
const result = new Result();

function chooseSlot(slot) {
  editor.slot = slot;
  element('chosen').textContent = String(slot);
  strip.mark(slot);
  drawPicture(transport.frame);
  showOther();
  say(`Slot ${slot} is chosen.`);
}

/** The length and the parts of what is shown. */
function loadView() {
  const { clip } = editor;
  const frames = (view() === 'seen' ? clip.seen : clip.prediction).shape[0];
  const observed = view() === 'seen' ? frames : clip.observed;
  element('bar-seen').style.flex = String(observed);
  element('bar-predicted').style.flex = String(frames - observed);
  element('from').max = String(clip.prediction.shape[0] - 1);
  transport.load(frames, { observed, fps: clip.fps, words: view() === 'rendered' ? 'reconstructed' : 'seen' });
}

/** The page of a run that predicted nothing speaks of no prediction; that of pictures has no time. */
function fitPage() {
  const { clip, run } = editor;
  const still = clip.seen.shape[0] === 1;
  element('video-title').textContent = still ? 'Picture' : 'Video';
  for (const hidden of document.querySelectorAll('.of-time')) hidden.hidden = still;
  for (const hidden of document.querySelectorAll('.of-prediction')) hidden.hidden = !run.rolled_out || still;
  if (run.rolled_out) return;
  element('draw').textContent = 'Draw';
  for (const id of ['view', 'result-view']) {
    for (const option of [...element(id).options]) if (option.dataset.predicts !== undefined) option.remove();
  }
  for (const option of document.querySelectorAll('option[data-alone]')) option.textContent = option.dataset.alone;
}

async function openClip(name) {
  editor.opening = name;
  const clip = await clipOf(name);
  if (editor.opening !== name) return;
  editor.clip = clip;
  if (!editor.edits.has(name)) editor.edits.set(name, new Edit(name));
  element('clip').value = name;
  fitPage();
  strip.load(clip, editor.run.colours);
  editor.slot = largestObject(clip.statistics[0]);
  loadView();
  chooseSlot(editor.slot);
  edit().show(editor.working);
  pointer.size = clip.masks.shape.slice(1).reverse();
  say(`${name}: ${clip.slots} slots, ${counted(clip.prediction.shape[0], 'frame')}.`);
  if (clip.attention === null) {
    clip.attention = (await askArray(`${clipPath(name)}/attention`)) ?? false;
    if (editor.clip === clip) strip.show(stripFrame(transport.frame));
  }
}

// The other slot.

async function showOther() {
  const name = element('other-clip').value;
  const own = name === editor.clip?.name;
  element('replace').textContent = own ? 'Exchange the two' : 'Replace by it';
  const clip = await clipOf(name);
  const choice = element('other-slot');
  if (choice.dataset.clip !== name) {
    choice.replaceChildren(...Array.from({ length: clip.slots }, (_, slot) => new Option(String(slot), String(slot))));
    choice.value = String(largestObject(clip.statistics[0]));
    choice.dataset.clip = name;
  }
  const slot = Number(choice.value);
  const time = Math.min(stripFrame(transport.frame), clip.masks.shape[0] - 1);
  drawSlot(element('other-picture'), { frames: clip.seen, masks: clip.masks, statistics: clip.statistics }, time, slot);
  element('other-picture').setAttribute('aria-label', `Slot ${slot} of ${name}`);
}

const other = () => `${element('other-clip').value}:${element('other-slot').value}`;

/** Alters the edit of the clip that is open, after what was asked for before. */
let turn = Promise.resolve();
function alter(work) {
  const of = edit();
  turn = turn.then(() => attempt(() => work(of))).then(() => edit().show(editor.working));
  return turn;
}

/** Adds a change to the edit. */
const change = (operation) => alter(async (of) => {
  await of.add(operation);
  say(`${of.checked.changes.at(-1)}. Changes: ${of.operations.length}.`);
});

const step = (back) => alter(async (of) => {
  if (back ? of.operations.length === 0 : of.undone.length === 0) return;
  await (back ? of.undo() : of.redo());
  say(`${back ? 'Undone' : 'Done again'}. Changes: ${of.operations.length}.`);
});

function takeFrames() {
  const kind = document.querySelector('input[name="frames"]:checked').value;
  const frames = kind === 'from' ? Math.max(0, Math.round(Number(element('from').value))) : kind;
  return alter((of) => of.take(of.operations, frames));
}

// Making the edit.

const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

function setWorking(working) {
  editor.working = working;
  element('work').hidden = !working;
  edit()?.show(working);
}

/** Follows an edit that is being made to its end. */
async function follow() {
  setWorking(true);
  try {
    for (;;) {
      const job = await askJson('/api/job');
      if (job.state === 'working') {
        element('progress').max = job.steps;
        element('progress').value = job.step + Math.min(job.share ?? 0, 0.99);
        const words = `Step ${job.step + 1} of ${job.steps}: ${job.words}`;
        // A screen reader hears of steps; their parts would talk without end.
        if (!element('work-says').textContent.startsWith(words)) say(`${words}.`);
        element('work-says').textContent = job.part === '' ? `${words}.` : `${words}, ${job.part}.`;
      } else if (job.state === 'failed') {
        throw new Problem(job.message, job.hint);
      } else if (job.state === 'done') {
        await result.show(job, await clipOf(job.clip));
        say(`Done: the clip before and after is below, and in ${job.folder}.`);
        return true;
      } else {
        return false;
      }
      await pause(250);
    }
  } finally {
    setWorking(false);
  }
}

function draw() {
  return attempt(async () => {
    await ask('/api/draw', edit().body);
    if (await follow()) element('result').scrollIntoView({ block: 'nearest' });
  });
}

// What is pressed and clicked.

const pointer = new Pointer(element('picture'), {
  press([x, y]) {
    if (!hasMasks(transport.frame)) {
      say('Predicted frames have no masks: choose a slot in the list, or show the seen frames.');
      return false;
    }
    const [, height, width] = editor.clip.masks.shape;
    chooseSlot(editor.clip.masks.bytes[(transport.frame * height + y) * width + x]);
    return true;
  },
  drag(from, by) {
    drawPicture(transport.frame);
    if (Math.hypot(...by) >= DRAG) drawArrow(element('picture'), from, by, element('picture').width / editor.clip.masks.shape[2]);
  },
  drop(by) {
    drawPicture(transport.frame);
    if (by === null) return;
    [element('move-x').value, element('move-y').value] = by.map(String);
    change({ move: { slot: editor.slot, by } });
  },
});

const pressed = {
  remove: () => change({ remove: { slot: editor.slot } }),
  duplicate: () => change({ duplicate: { slot: editor.slot } }),
  move: () => change({ move: { slot: editor.slot, by: ['move-x', 'move-y'].map((id) => Number(element(id).value)) } }),
  replace: () => (element('other-clip').value === editor.clip.name
    ? change({ exchange: { slots: [editor.slot, Number(element('other-slot').value)] } })
    : change({ replace: { slot: editor.slot, with: other() } })),
  recolour: () => change({ recolour: { slot: editor.slot, like: other() } }),
  add: () => change({ add: { from: other() } }),
  undo: () => step(true),
  redo: () => step(false),
  save: () => edit().save(),
  draw,
  'problem-close': () => hideProblem(),
};
for (const [id, work] of Object.entries(pressed)) element(id).addEventListener('click', work);

const altered = {
  clip: () => attempt(() => openClip(element('clip').value)),
  view: loadView,
  masks: () => drawPicture(transport.frame),
  'other-clip': () => attempt(showOther),
  'other-slot': () => attempt(showOther),
  'frames-all': takeFrames,
  'frames-imagined': takeFrames,
  'frames-from'() {
    element('from').value = String(transport.frame);
    return takeFrames();
  },
  from() {
    element('frames-from').checked = true;
    return takeFrames();
  },
};
for (const [id, work] of Object.entries(altered)) element(id).addEventListener('change', work);

document.addEventListener('keydown', (event) => {
  const writes = event.target instanceof HTMLInputElement && event.target.type === 'number';
  if (!(event.ctrlKey || event.metaKey) || writes || event.key.toLowerCase() !== 'z') return;
  event.preventDefault();
  if (!element(event.shiftKey ? 'redo' : 'undo').disabled) step(!event.shiftKey);
});

// The run may be removed and the server ended while the page is open.
setInterval(async () => {
  try {
    await ask('/api/run');
    hideProblem('alive');
  } catch (problem) {
    showProblem(problem, 'alive');
  }
}, 3000);

attempt(async () => {
  editor.run = await askJson('/api/run');
  element('run-name').textContent = editor.run.name;
  document.title = `${editor.run.name}: slot editor`;
  for (const id of ['clip', 'other-clip']) {
    element(id).replaceChildren(...editor.run.clips.map((name) => new Option(name, name)));
  }
  const first = new URLSearchParams(location.search).get('clip') ?? editor.run.clips[0];
  element('other-clip').value = editor.run.clips.find((name) => name !== first) ?? first;
  await openClip(first);
  if ((await askJson('/api/job')).state !== 'idle') await follow();
});
