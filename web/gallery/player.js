// player and send-data-channel: a file or a stream, with a seek bar; the second one lists the codes that it shows.
import { $, Call, complain, picture, reply, show, startAndStop } from './gallery.js';

const { path } = document.body.dataset;
let playing = null;

startAndStop(path, async (application, undo, finish) => {
  const call = new Call(application, { video: $('remote') });
  playing = application;
  undo(() => {
    playing = null;
    call.close();
    $('seek').disabled = true;
    $('pause').textContent = 'Pause';
    picture($('remote'));
  });
  application
    .on('iceCandidate', ({ candidate }) => call.add(candidate))
    .on('videoInfo', ({ isSeekable, endSeekable, videoDuration }) => {
      Object.assign(window.apus, { isSeekable, videoDuration });
      $('seek').max = isSeekable ? endSeekable : 0;
      $('seek').disabled = !isSeekable;
    })
    .on('position', ({ position }) => {
      window.apus.position = position;
      if (!$('seek').matches(':active')) $('seek').value = position;
      $('time').textContent = `${(position / 1000).toFixed(1)} s`;
    })
    .on('seek', ({ message }) => complain(message))
    .on('playEnd', () => {
      window.apus.ended = (window.apus.ended ?? 0) + 1;
      finish();
    });
  if (path === '/senddatachannel') {
    window.apus.codes = [];
    $('codes').value = '';
    const channel = call.peer.createDataChannel('codes');
    const hear = ({ data }) => {
      window.apus.codes.push(data);
      $('codes').value = `${data}\n${$('codes').value}`.slice(0, 4096);
    };
    channel.onmessage = hear;
    call.peer.ondatachannel = ({ channel }) => { channel.onmessage = hear; };
  }
  const videourl = $('address').value.trim();
  const answered = reply(application, 'startResponse');
  application.send('start', { sdpOffer: await call.offer(), ...(videourl ? { videourl } : {}) });
  await call.answer((await answered).sdpAnswer);
  show('playing');
  const timer = setInterval(() => window.apus.state === 'playing' && application.send('getPosition'), 500);
  undo(() => clearInterval(timer));
});

$('pause').addEventListener('click', () => {
  const pauses = window.apus.state === 'playing';
  if (!playing || !(pauses || window.apus.state === 'paused')) return;
  playing.send(pauses ? 'pause' : 'resume');
  $('pause').textContent = pauses ? 'Go on' : 'Pause';
  show(pauses ? 'paused' : 'playing');
});
$('seek').addEventListener('change', () => playing?.send('doSeek', { position: Number($('seek').value) }));
