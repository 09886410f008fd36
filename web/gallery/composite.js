// composite: a room with one picture for all, which the server composes, and the sound of all others.
import { $, Application, Call, closeCamera, complain, onClick, openCamera, picture, reply, show } from './gallery.js';

let application = null;
let call = null;
let media = null;

function leave() {
  application?.close();
  application = null;
  call?.close();
  call = null;
  closeCamera(media);
  media = null;
  picture($('remote'));
  $('people').textContent = '';
  show('idle');
}

onClick('join', async () => {
  if (application) leave();
  media = await openCamera();
  application = await Application.connect('/composite');
  application.onclose = (reason) => {
    leave();
    complain(reason);
  };
  call = new Call(application, { media, video: $('remote') });
  application
    .on('iceCandidate', ({ candidate }) => call?.add(candidate))
    .on('participants', ({ data }) => {
      window.apus.people = data;
      $('people').textContent = data.join(', ');
    });
  const answered = reply(application, 'startResponse');
  application.send('joinRoom', {
    name: $('name').value.trim(), room: $('room').value.trim(), sdpOffer: await call.offer(),
  });
  try {
    await call.answer((await answered).sdpAnswer);
  } catch (error) {
    leave();
    throw error;
  }
  show('in the room');
});

onClick('leave', async () => {
  application?.send('leaveRoom');
  leave();
});
