// hello-world-recording and hello-world-repository: the camera comes back and is recorded; then that is played.
import {
  $, Application, Call, closeCamera, complain, onClick, openCamera, picture, reply, show,
} from './gallery.js';

const { path } = document.body.dataset;
// The repository's application says nothing of the recording, which begins with its answer and ends with our word.
const isTold = path === '/recording';
let application = null;
let call = null;
let media = null;

async function connect() {
  if (application) return;
  application = await Application.connect(path);
  application.onclose = (reason) => {
    complain(reason);
    application = null;
    end('idle');
  };
  application
    .on('iceCandidate', ({ candidate }) => call?.add(candidate))
    .on('recording', () => show('recording'))
    .on('paused', () => show('paused'))
    .on('stopped', () => end('recorded'))
    .on('playEnd', () => end('played'));
}

function end(state) {
  call?.close();
  call = null;
  closeCamera(media);
  media = null;
  picture($('local'));
  picture($('remote'));
  show(state);
}

onClick('record', async () => {
  end('connecting');
  await connect();
  const mode = $('mode').value;
  media = await openCamera({
    video: mode === 'audio-only' ? false : { width: { ideal: 640 }, height: { ideal: 480 } },
    audio: mode !== 'video-only',
  });
  picture($('local'), media);
  call = new Call(application, { media, video: $('remote') });
  const answered = reply(application, 'startResponse');
  application.send('start', { sdpOffer: await call.offer(), mode });
  await call.answer((await answered).sdpAnswer);
  if (!isTold) show('recording');
});

onClick('stop', async () => {
  if (window.apus.state === 'playing') {
    application?.send('stopPlay');
    end('idle');
  } else {
    application?.send('stop');
    if (!isTold && window.apus.state === 'recording') end('recorded');
  }
});

onClick('play', async () => {
  end('connecting');
  await connect();
  call = new Call(application, { video: $('remote') });
  const answered = reply(application, 'playResponse');
  application.send('play', { sdpOffer: await call.offer() });
  await call.answer((await answered).sdpAnswer);
  show('playing');
});
