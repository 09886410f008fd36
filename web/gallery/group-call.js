// group-call: a room in which everybody gets everybody's picture, each over a connection of its own.
import { $, Application, Call, closeCamera, complain, onClick, openCamera, picture, reply, show } from './gallery.js';

let application = null;
let media = null;
let me = '';
/** Calls by the name of whose picture they carry. */
const calls = new Map();
/** Who comes and goes is handled one after the other. */
let turn = Promise.resolve();

function addPerson(name) {
  const figure = document.createElement('figure');
  const video = document.createElement('video');
  const caption = document.createElement('figcaption');
  Object.assign(video, { autoplay: true, playsInline: true, muted: name === me, poster: 'posters/group-call.svg' });
  figure.dataset.name = name;
  caption.textContent = name;
  figure.append(video, caption);
  $('people').append(figure);
  return video;
}

async function receive(name) {
  if (!application) return;
  const video = addPerson(name);
  const own = name === me;
  if (own) picture(video, media);
  const call = new Call(
    application,
    own ? { media, receives: false, label: { name } } : { label: { name }, video });
  calls.set(name, call);
  application.send('receiveVideoFrom', { sender: name, sdpOffer: await call.offer() });
}

function remove(name) {
  calls.get(name)?.close();
  calls.delete(name);
  [...$('people').children].find((figure) => figure.dataset.name === name)?.remove();
}

function leave() {
  application?.close();
  application = null;
  for (const call of calls.values()) call.close();
  calls.clear();
  closeCamera(media);
  media = null;
  $('people').replaceChildren();
  $('nobody').hidden = false;
  show('idle');
}

onClick('join', async () => {
  if (application) leave();
  me = $('name').value.trim();
  media = await openCamera({ video: { width: { ideal: 320 }, height: { ideal: 240 } }, audio: true });
  application = await Application.connect('/groupcall');
  application.onclose = (reason) => {
    leave();
    complain(reason);
  };
  application
    .on('receiveVideoAnswer', ({ name, sdpAnswer }) => calls.get(name)?.answer(sdpAnswer))
    .on('iceCandidate', ({ name, candidate }) => calls.get(name)?.add(candidate))
    .on('newParticipantArrived', ({ name }) => { turn = turn.then(() => receive(name)); })
    .on('participantLeft', ({ name }) => { turn = turn.then(() => remove(name)); });
  const joined = reply(application, 'existingParticipants');
  application.send('joinRoom', { name: me, room: $('room').value.trim() });
  try {
    const { data } = await joined;
    $('nobody').hidden = true;
    for (const name of [me, ...data]) turn = turn.then(() => receive(name));
    await turn;
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
