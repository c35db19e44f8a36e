// The strip of slots: each a radio button with its picture, where its attention is, and its share of the pixels.

const percent = (share) => `${(100 * share).toFixed(1)} %`;

class SlotStrip {
  constructor(choose) {
    this.place = element('slots');
    this.choose = choose;
    this.cards = [];
  }

  /** Cards for another clip. */
  load(clip, colours) {
    this.clip = clip;
    this.place.replaceChildren();
    this.cards = Array.from({ length: clip.slots }, (_, slot) => this.card(slot, colours[slot % colours.length]));
    this.place.append(...this.cards.map((card) => card.label));
  }

  card(slot, rgb) {
    const label = document.createElement('label');
    label.className = 'slot';
    const input = Object.assign(document.createElement('input'), { type: 'radio', name: 'slot', value: String(slot) });
    input.addEventListener('change', () => this.choose(slot));
    const pictures = document.createElement('span');
    pictures.className = 'pictures';
    pictures.setAttribute('aria-hidden', 'true');
    const [picture, attention] = [0, 1].map(() => Object.assign(document.createElement('canvas'), { width: 64, height: 64 }));
    picture.title = 'its pixels';
    attention.title = 'its attention';
    pictures.append(picture, attention);
    const name = document.createElement('span');
    name.className = 'name';
    const swatch = document.createElement('span');
    swatch.className = 'swatch';
    swatch.style.background = colour(rgb);
    const number = document.createElement('b');
    number.textContent = `Slot ${slot}`;
    const share = document.createElement('span');
    share.className = 'share';
    name.append(swatch, number, share);
    label.append(input, pictures, name);
    return { label, input, picture, attention, share };
  }

  /** Marks a slot as chosen. */
  mark(slot) {
    const card = this.cards[slot];
    if (card !== undefined) card.input.checked = true;
  }

  /** Pictures and shares of a seen frame. */
  show(time) {
    const { seen, masks, statistics, attention } = this.clip;
    this.cards.forEach((card, slot) => {
      const of = statistics[time][slot];
      card.share.textContent = of.count === 0 ? 'no pixel' : percent(of.share);
      const place = of.count === 0 ? 'no pixel' : `${percent(of.share)} of the pixels, middle at ${of.x.toFixed(0)}, ${of.y.toFixed(0)}`;
      card.input.setAttribute('aria-label', `Slot ${slot}, ${place}`);
      drawSlot(card.picture, { frames: seen, masks, statistics }, time, slot);
      card.attention.hidden = !attention;
      if (attention) drawAttention(card.attention, attention, time, slot);
    });
  }
}
