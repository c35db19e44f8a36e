// The clip before and after the edit, frame by frame in step, and the answers that are others.

class Result {
  constructor() {
    this.transport = new Transport(
      { frame: 'result-frame', play: 'result-play', says: 'result-says' },
      (frame) => this.draw(frame),
    );
    element('result-view').addEventListener('change', () => this.load());
  }

  /** Shows what came of an edit of `clip`, whose arrays are there. */
  async show(made, clip) {
    const [prediction, reconstruction] = await Promise.all(
      ['prediction', 'reconstruction'].map((array) => askArray(`/api/result/${array}`)),
    );
    this.clip = clip;
    this.after = { prediction, reconstruction };
    element('result').hidden = false;
    const notes = made.remark === null ? made.exchanges : [...made.exchanges, made.remark];
    this.list(`${made.clip}, changed ${made.frames}: ${made.changes.join('; ')}`, notes);
    element('folder').textContent = made.folder;
    this.answers(made);
    this.load();
  }

  list(first, others) {
    element('result-changes').replaceChildren(...[first, ...others].map((text) => {
      const item = document.createElement('li');
      item.textContent = text;
      return item;
    }));
  }

  load() {
    const view = element('result-view').value;
    this.pair = [this.clip[view], this.after[view]];
    const frames = Math.min(...this.pair.map((array) => array.shape[0]));
    const observed = view === 'prediction' ? this.clip.observed : frames;
    this.transport.load(frames, { observed, fps: this.clip.fps, words: 'reconstructed' });
  }

  draw(frame) {
    ['before', 'after'].forEach((id, at) => {
      const canvas = element(id);
      const [, height, width] = this.pair[at].shape;
      fitCanvas(canvas, width, height, 384);
      drawImage(canvas, frameImage(this.pair[at], frame));
      canvas.setAttribute('aria-label', `${id === 'before' ? 'Before' : 'After'}, frame ${frame}`);
    });
  }

  answers({ answers, changed }) {
    const place = element('answers');
    place.replaceChildren();
    if (answers === 0) return;
    const title = document.createElement('h3');
    title.textContent = `Answers: ${changed.length} of ${answers} changed`;
    place.append(title);
    if (changed.length === 0) return;
    const table = document.createElement('table');
    const row = (cells, kind) => {
      const line = document.createElement('tr');
      for (const text of cells) {
        const cell = document.createElement(kind);
        cell.textContent = text;
        if (kind === 'th') cell.scope = 'col';
        line.append(cell);
      }
      return line;
    };
    table.append(row(['question', 'option', 'before', 'after'], 'th'));
    for (const { question, option, before, after } of changed) table.append(row([question, option ?? '–', before, after], 'td'));
    const wide = document.createElement('div');
    wide.className = 'wide';
    wide.append(table);
    place.append(wide);
  }
}
