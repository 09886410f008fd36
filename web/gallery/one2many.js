// one2many-call: one page presents its camera, all others view it.
import { $, Application, Call, closeCamera, complain, onClick, openCamera, picture, reply, show } from './gallery.js';

let application = null;
let call = null;
let media = null;

async function connect() {
  if (application) return;
  application = await Application.connect('/call');
  application.onclose = (reason) => {
    complain(reason);
    application = null;
    end();
  };
  application
    .on('iceCandidate', ({ candidate }) => call?.add(candidate))
    .on('stopCommunication', () => {
      complain('The presentation has ended.');
      end();
    });
}

function end() {
  call?.close();
  call = null;
  closeCamera(media);
  media = null;
  picture($('video'));
  show('idle');
}

async function take(part) {
  const answered = reply(application, `${part}Response`);
  application.send(part, { sdpOffer: await call.offer() });
  const { response, message, sdpAnswer } = await answered;
  if (response !== 'accepted') {
    end();
    throw new Error(message ?? 'The application refused.');
  }
  await call.answer(sdpAnswer);
  show(part === 'presenter' ? 'presenting' : 'viewing');
}

onClick('present', async () => {
  end();
  await connect();
  media = await openCamera();
  // Nobody wants to hear themselves.
  $('video').muted = true;
  picture($('video'), media);
  call = new Call(application, { media, receives: false });
  await take('presenter');
});

onClick('view', async () => {
  end();
  await connect();
  $('video').muted = false;
  call = new Call(application, { video: $('video') });
  await take('viewer');
});

onClick('stop', async () => {
  application?.send('stop');
  end();
});
