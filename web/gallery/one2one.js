// one2one-call and one2one-call-recording: register with a name, call somebody by theirs; the second one plays what was
// recorded of a call.
import { $, Application, Call, closeCamera, complain, onClick, openCamera, picture, reply, show } from './gallery.js';

const { path } = document.body.dataset;
let application = null;
let call = null;
let media = null;
let caller = null;

const me = () => $('name').value.trim();
const other = () => $('peer').value.trim();

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
    .on('incomingCall', ({ from }) => {
      caller = from;
      $('caller').textContent = from;
      $('incoming').hidden = false;
      show('ringing');
    })
    .on('startCommunication', async ({ sdpAnswer }) => {
      await call?.answer(sdpAnswer);
      show('talking');
    })
    .on('callResponse', async ({ response, message, sdpAnswer }) => {
      if (response !== 'accepted') {
        complain(message ?? 'The call was refused.');
        return end('registered');
      }
      await call?.answer(sdpAnswer);
      show('talking');
    })
    .on('stopCommunication', () => end('registered'))
    .on('playEnd', () => end('registered'));
}

function end(state) {
  caller = null;
  $('incoming').hidden = true;
  call?.close();
  call = null;
  closeCamera(media);
  media = null;
  picture($('local'));
  picture($('remote'));
  show(state);
}

async function makeCall() {
  media = await openCamera();
  picture($('local'), media);
  call = new Call(application, { media, video: $('remote') });
  return call.offer();
}

onClick('register', async () => {
  await connect();
  const answered = reply(application, 'registerResponse');
  application.send('register', { name: me() });
  const { response, message } = await answered;
  if (response !== 'accepted') throw new Error(message ?? 'The name was refused.');
  show('registered');
});

onClick('call', async () => {
  if (window.apus.state !== 'registered') throw new Error('Register first; one call at a time.');
  show('calling');
  application.send('call', { from: me(), to: other(), sdpOffer: await makeCall() });
});

onClick('accept', async () => {
  const from = caller;
  $('incoming').hidden = true;
  application.send('incomingCallResponse', { from, callResponse: 'accept', sdpOffer: await makeCall() });
});

onClick('decline', async () => {
  application.send('incomingCallResponse', { from: caller, callResponse: 'reject', message: `${me()} declined` });
  end('registered');
});

onClick('hangup', async () => {
  if (!application) return;
  application.send(window.apus.state === 'playing' ? 'stopPlay' : 'stop');
  end('registered');
});

if ($('play')) {
  onClick('play', async () => {
    if (window.apus.state !== 'registered') throw new Error('Register first, and hang up.');
    call = new Call(application, { video: $('remote') });
    const answered = reply(application, 'playResponse');
    application.send('play', { user: other(), sdpOffer: await call.offer() });
    const { response, error, sdpAnswer } = await answered;
    if (response !== 'accepted') {
      end('registered');
      throw new Error(error ?? 'There is no recording.');
    }
    await call.answer(sdpAnswer);
    show('playing');
  });
}
