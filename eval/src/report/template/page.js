
'use strict';
(() => {
  const button = document.getElementById('in-step');
  const clips = [...document.querySelectorAll('.clip')].map((clip) => ({
    clip,
    videos: [...clip.querySelectorAll('video')],
    head: clip.querySelector('.head'),
    slider: clip.querySelector('.scrubber input'),
    number: clip.querySelector('.scrubber output'),
    cells: [...clip.querySelectorAll('.strip [data-frame]')],
  })).filter((clip) => clip.videos.length > 0);
  if (clips.length === 0) return;
  let playing = false;

  const count = ({ slider }) => (slider ? Number(slider.max) + 1 : 0);
  // The frame of the slider, in its number, its spoken text and its column of the strip.
  const show = ({ slider, number, cells }, frame) => {
    if (!slider) return;
    slider.value = frame;
    number.textContent = frame;
    const seen = Number(slider.dataset.seen);
    const kind = seen === 0 ? '' : frame < seen ? ', seen' : ', imagined';
    slider.setAttribute('aria-valuetext', `frame ${frame} of ${slider.max}${kind}`);
    const shown = cells.map((cell) => Number(cell.dataset.frame)).filter((one) => one <= frame);
    const column = Math.max(...shown, -1);
    for (const cell of cells) cell.classList.toggle('now', cell.parentElement.parentElement.tagName === 'THEAD' && Number(cell.dataset.frame) === column);
  };
  const mark = (clip) => {
    const [lead] = clip.videos;
    if (!(lead.duration > 0)) return;
    const share = Math.min(lead.currentTime / lead.duration, 1);
    if (clip.head) clip.head.setAttribute('x', `${100 * share}%`);
    show(clip, Math.min(Math.floor(share * count(clip) + 1e-6), count(clip) - 1));
  };
  // The middle of a frame: its ends belong to its neighbours in some browsers.
  const seek = (clip, frame) => {
    for (const video of clip.videos) {
      video.pause();
      if (video.duration > 0) video.currentTime = (frame + 0.5) / count(clip) * video.duration;
    }
    show(clip, frame);
  };
  const align = ({ videos: [lead, ...rest] }) => {
    for (const video of rest) {
      if (!video.seeking && Math.abs(video.currentTime - lead.currentTime) > 0.1) video.currentTime = lead.currentTime;
    }
  };
  const tick = () => {
    if (!playing) return;
    for (const clip of clips) {
      if (!clip.videos[0].paused) { align(clip); mark(clip); }
    }
    requestAnimationFrame(tick);
  };
  // Controls hide the lower half of a small picture: they come when one is pointed at or reached by keyboard.
  const reveal = (video, there) => { video.controls = there; };
  for (const clip of clips) {
    clip.videos[0].addEventListener('timeupdate', () => mark(clip));
    for (const video of clip.videos) {
      video.tabIndex = 0;
      reveal(video, false);
      for (const event of ['pointerenter', 'focus']) video.addEventListener(event, () => reveal(video, true));
      for (const event of ['pointerleave', 'blur']) video.addEventListener(event, () => reveal(video, false));
    }
    if (!clip.slider) continue;
    clip.slider.parentElement.hidden = false;
    clip.clip.classList.add('steered');
    clip.slider.addEventListener('input', () => seek(clip, Number(clip.slider.value)));
    for (const cell of clip.cells) cell.addEventListener('click', () => seek(clip, Number(cell.dataset.frame)));
    show(clip, 0);
  }

  button.hidden = false;
  button.addEventListener('click', () => {
    playing = !playing;
    button.textContent = playing ? '❚❚ pause all' : '▶ play all in step';
    for (const { videos } of clips) {
      for (const video of videos) {
        if (playing) { video.currentTime = 0; video.play().catch(() => reveal(video, true)); } else video.pause();
      }
    }
    tick();
  });
})();
