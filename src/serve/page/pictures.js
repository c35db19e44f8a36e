// Arrays of bytes → pictures.

const colour = (of) => `rgb(${of.join(' ')})`;

/** Frame `time` of an array [time, height, width, rgb]. */
function frameImage({ shape: [, height, width], bytes }, time) {
  const image = new ImageData(width, height);
  const start = time * height * width * 3;
  for (let pixel = 0; pixel < height * width; pixel += 1) {
    for (let part = 0; part < 3; part += 1) image.data[4 * pixel + part] = bytes[start + 3 * pixel + part];
    image.data[4 * pixel + 3] = 255;
  }
  return image;
}

const scratch = document.createElement('canvas');

/** Draws a part of a picture over a whole canvas, pixel by pixel. */
function drawImage(canvas, image, [left, top, width, height] = [0, 0, image.width, image.height]) {
  scratch.width = image.width;
  scratch.height = image.height;
  scratch.getContext('2d').putImageData(image, 0, 0);
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(scratch, left, top, width, height, 0, 0, canvas.width, canvas.height);
}

/** A canvas as large as a picture so many times, about `target` wide. */
function fitCanvas(canvas, width, height, target) {
  const scale = Math.max(1, Math.round(target / width));
  if (canvas.width === width * scale && canvas.height === height * scale) return;
  canvas.width = width * scale;
  canvas.height = height * scale;
}

/** Pixels of every slot in every frame: how many, their middle and their box. */
function slotStatistics({ shape: [time, height, width], bytes }, slots) {
  const all = [];
  for (let t = 0; t < time; t += 1) {
    const frame = Array.from({ length: slots }, () => (
      { count: 0, x: 0, y: 0, left: width, top: height, right: -1, bottom: -1 }
    ));
    for (let pixel = 0; pixel < height * width; pixel += 1) {
      const slot = frame[bytes[t * height * width + pixel]];
      if (slot === undefined) continue;
      const x = pixel % width;
      const y = (pixel - x) / width;
      slot.count += 1;
      slot.x += x;
      slot.y += y;
      slot.left = Math.min(slot.left, x);
      slot.right = Math.max(slot.right, x);
      slot.top = Math.min(slot.top, y);
      slot.bottom = Math.max(slot.bottom, y);
    }
    for (const slot of frame) {
      if (slot.count > 0) {
        slot.x /= slot.count;
        slot.y /= slot.count;
      }
      slot.share = slot.count / (height * width);
    }
    all.push(frame);
  }
  return all;
}

/** The largest object of a frame: the slot that comes behind the largest, which is the background's. */
function largestObject(statistics) {
  const order = statistics.map(({ count }, slot) => [count, slot]).sort(([one], [other]) => other - one);
  return order[Math.min(1, order.length - 1)][1];
}

/** Slots over a picture: each but the largest has its colour, and the chosen one an outline. */
function tintSlots(image, masks, { time, statistics, colours }) {
  const largest = statistics.reduce((best, slot, at) => (slot.count > statistics[best].count ? at : best), 0);
  const start = time * image.width * image.height;
  for (let pixel = 0; pixel < image.width * image.height; pixel += 1) {
    const slot = masks.bytes[start + pixel];
    if (slot === largest) continue;
    for (let part = 0; part < 3; part += 1) {
      const at = 4 * pixel + part;
      image.data[at] = 0.6 * image.data[at] + 0.4 * colours[slot % colours.length][part];
    }
  }
}

/** A line around a slot: light within, dark without, so that it shows on every ground. */
function outlineSlot(canvas, masks, time, slot) {
  const [, height, width] = masks.shape;
  const scale = canvas.width / width;
  const start = time * height * width;
  const owns = (x, y) => x >= 0 && y >= 0 && x < width && y < height && masks.bytes[start + y * width + x] === slot;
  const context = canvas.getContext('2d');
  const lines = new Path2D();
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (!owns(x, y)) continue;
      const edges = [
        [owns(x - 1, y), x, y, x, y + 1], [owns(x + 1, y), x + 1, y, x + 1, y + 1],
        [owns(x, y - 1), x, y, x + 1, y], [owns(x, y + 1), x, y + 1, x + 1, y + 1],
      ];
      for (const [inside, x0, y0, x1, y1] of edges) {
        if (inside) continue;
        lines.moveTo(x0 * scale, y0 * scale);
        lines.lineTo(x1 * scale, y1 * scale);
      }
    }
  }
  context.lineCap = 'square';
  for (const [style, width] of [['#000', 5], ['#fff', 2]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke(lines);
  }
}

/** A slot's own pixels, cut out; nothing where it owns none. */
function drawSlot(canvas, { frames, masks, statistics }, time, slot) {
  const [, height, width] = masks.shape;
  const of = statistics[time][slot];
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  if (of === undefined || of.count === 0) return;
  const image = frameImage(frames, time);
  const start = time * height * width;
  for (let pixel = 0; pixel < height * width; pixel += 1) {
    if (masks.bytes[start + pixel] !== slot) image.data[4 * pixel + 3] = 0;
  }
  // Around its box, or around its middle where pixels far from the others make the box much larger than the slot.
  const box = Math.max(10, of.right - of.left + 3, of.bottom - of.top + 3);
  const side = Math.min(box, Math.max(10, 3 * Math.sqrt(of.count)));
  const [x, y] = side < box ? [of.x, of.y] : [(of.left + of.right) / 2, (of.top + of.bottom) / 2];
  drawImage(canvas, image, [x + 0.5 - side / 2, y + 0.5 - side / 2, side, side]);
}

/** Share of every place that a slot gets: black is none, white is all. */
function drawAttention(canvas, { shape: [time, slots, height, width], bytes }, at, slot) {
  const image = new ImageData(width, height);
  const start = (Math.min(at, time - 1) * slots + slot) * height * width;
  for (let place = 0; place < height * width; place += 1) {
    image.data.fill(bytes[start + place], 4 * place, 4 * place + 3);
    image.data[4 * place + 3] = 255;
  }
  drawImage(canvas, image);
}
