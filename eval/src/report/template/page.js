
'use strict';
(() => {
  const button = document.getElementById('in-step');
  const clips = [...document.querySelectorAll('.clip')].map((clip) => ({
    videos: [...clip.querySelectorAll('video')],
    head: clip.querySelector('.head'),
  })).filter((clip) => clip.videos.length > 0);
  if (clips.length === 0) return;
  let playing = false;

  const mark = ({ videos: [lead], head }) => {
    if (head && lead.duration > 0) head.setAttribute('x', `${100 * lead.currentTime / lead.duration}%`);
  };
  const align = ({ videos: [lead, ...rest] }) => {
    for (const video of rest) {
      if (!video.seeking && Math.abs(video.currentTime - lead.currentTime) > 0.1) video.currentTime = lead.currentTime;
    }
  };
  const tick = () => {
    if (!playing) return;
    for (const clip of clips) { align(clip); mark(clip); }
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
