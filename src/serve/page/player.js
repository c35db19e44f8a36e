// A slider over frames with a play button, and the picture that is clicked.

class Transport {
  /** `prefix` is that of the ids of its slider, button and output; `show` draws a frame. */
  constructor(ids, show) {
    this.slider = element(ids.frame);
    this.button = element(ids.play);
    this.output = element(ids.says);
    this.show = show;
    this.timer = 0;
    this.fps = 12;
    this.observed = 0;
    this.words = '';
    this.slider.addEventListener('input', () => this.update());
    this.button.addEventListener('click', () => this.toggle());
  }

  /** Another video of so many frames, of which the first `observed` are what `words` says and the others predicted. */
  load(frames, { observed, fps, words }) {
    this.slider.max = String(Math.max(0, frames - 1));
    if (this.frame > frames - 1) this.slider.value = String(frames - 1);
    this.observed = observed;
    this.words = words;
    this.fps = Math.min(30, Math.max(2, fps));
    this.update();
  }

  get frame() {
    return Number(this.slider.value);
  }

  update() {
    const text = `${this.frame} of 0–${this.slider.max}, ${this.frame < this.observed ? this.words : 'predicted'}`;
    this.output.textContent = text;
    this.slider.setAttribute('aria-valuetext', text);
    this.show(this.frame);
  }

  toggle() {
    const playing = this.timer === 0;
    this.button.textContent = playing ? 'Pause' : 'Play';
    this.button.setAttribute('aria-pressed', String(playing));
    if (!playing) {
      clearInterval(this.timer);
      this.timer = 0;
      return;
    }
    this.timer = setInterval(() => {
      const next = this.frame + 1;
      this.slider.value = String(next > Number(this.slider.max) ? 0 : next);
      this.update();
    }, 1000 / this.fps);
  }
}

/** Pixels that a pointer moves before it drags. */
const DRAG = 2;

/** Lets a slot be clicked and dragged on a canvas. */
class Pointer {
  constructor(canvas, { press, drag, drop }) {
    this.canvas = canvas;
    /** Width and height of the video, pixels. */
    this.size = [1, 1];
    this.start = null;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      const at = this.place(event);
      if (!press(at)) return;
      this.start = at;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (this.start !== null) drag(this.start, this.by(event));
    });
    canvas.addEventListener('pointerup', (event) => {
      if (this.start === null) return;
      const by = this.by(event);
      this.start = null;
      drop(Math.hypot(...by) < DRAG ? null : by);
    });
    const leave = () => {
      if (this.start === null) return;
      this.start = null;
      drop(null);
    };
    canvas.addEventListener('pointercancel', leave);
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') leave();
    });
  }

  /** The pixel of the video below a pointer. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [width, height] = this.size;
    const inside = (value, count) => Math.min(count - 1, Math.max(0, Math.floor(value)));
    return [
      inside(((event.clientX - box.left) / box.width) * width, width),
      inside(((event.clientY - box.top) / box.height) * height, height),
    ];
  }

  by(event) {
    const [x, y] = this.place(event);
    return [x - this.start[0], y - this.start[1]];
  }
}

function drawArrow(canvas, [x, y], [right, down], scale) {
  const context = canvas.getContext('2d');
  const from = [(x + 0.5) * scale, (y + 0.5) * scale];
  const to = [from[0] + right * scale, from[1] + down * scale];
  for (const [style, width] of [['#000', 7], ['#fff', 3]]) {
    context.strokeStyle = style;
    context.fillStyle = style;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.beginPath();
    context.arc(...to, 2 * width, 0, 2 * Math.PI);
    context.fill();
  }
}
