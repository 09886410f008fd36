// hello-world, codes and show-data-channel: the camera goes to the media server and comes back, in two of them through
// an element that does something with it. The page's body says which.
import { $, Call, closeCamera, openCamera, picture, reply, show, startAndStop } from './gallery.js';

const { path } = document.body.dataset;
const listsCodes = path === '/codes';
const writes = path === '/showdatachannel';

startAndStop(path, async (application, undo) => {
  const media = await openCamera();
  undo(() => {
    closeCamera(media);
    picture($('local'));
    picture($('remote'));
  });
  picture($('local'), media);
  const call = new Call(application, { media, video: $('remote') });
  undo(() => call.close());
  const channel = writes ? call.peer.createDataChannel('text') : null;
  application.on('iceCandidate', ({ candidate }) => call.add(candidate));
  if (listsCodes) {
    window.apus.codes = [];
    $('codes').replaceChildren();
    application.on('codeFound', ({ codeType, value }) => addCode(codeType, value));
  }
  if (channel) {
    channel.onopen = () => sendText(channel);
    $('text').oninput = () => sendText(channel);
  }
  const answered = reply(application, 'startResponse');
  application.send('start', { sdpOffer: await call.offer() });
  await call.answer((await answered).sdpAnswer);
  show('running');
});

function addCode(type, value) {
  window.apus.codes.push({ type, value });
  const line = document.createElement('li');
  line.textContent = `${type}: ${value}`;
  $('codes').prepend(line);
  if ($('codes').children.length > 20) $('codes').lastChild.remove();
}

function sendText(channel) {
  if (channel.readyState === 'open') channel.send($('text').value);
}
