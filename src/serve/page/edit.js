// The edit of a clip: changes, what was undone, and in which frames. The server says whether it can be made.

class Edit {
  constructor(clip) {
    this.clip = clip;
    this.operations = [];
    this.undone = [];
    this.frames = 'all';
    /** The changes in words, and the edit file. */
    this.checked = { changes: [], file: '' };
  }

  /** Takes other changes or frames, if the server has nothing against them. */
  async take(operations, frames = this.frames) {
    const checked = operations.length === 0
      ? { changes: [], file: '' }
      : await askJson('/api/check', { clip: this.clip, frames, operations });
    this.operations = operations;
    this.frames = frames;
    this.checked = checked;
  }

  async add(operation) {
    await this.take([...this.operations, operation]);
    this.undone = [];
  }

  async undo() {
    const last = this.operations.at(-1);
    await this.take(this.operations.slice(0, -1));
    this.undone.push(last);
  }

  async redo() {
    await this.take([...this.operations, this.undone.at(-1)]);
    this.undone.pop();
  }

  get body() {
    return { clip: this.clip, frames: this.frames, operations: this.operations };
  }

  /** Shows the list and what can be done with it. */
  show(working) {
    element('operations').replaceChildren(...this.checked.changes.map((words) => {
      const item = document.createElement('li');
      item.textContent = words;
      return item;
    }));
    const none = this.operations.length === 0;
    element('nothing').hidden = !none;
    element('undo').disabled = none;
    element('redo').disabled = this.undone.length === 0;
    element('save').disabled = none;
    element('draw').disabled = none || working;
    const kind = typeof this.frames === 'number' ? 'from' : this.frames;
    element(`frames-${kind}`).checked = true;
    if (kind === 'from') element('from').value = String(this.frames);
  }

  /** Hands the edit file to the browser. */
  save() {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([this.checked.file], { type: 'application/toml' }));
    link.download = 'edit.toml';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}
