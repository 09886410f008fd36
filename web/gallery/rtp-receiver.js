// rtp-receiver: what a program sends by plain RTP or SRTP. Its signalling has words of its own.
import { $, Call, picture, reply, show, startAndStop } from './gallery.js';

startAndStop('/rtpreceiver', async (application, undo, finish) => {
  const call = new Call(application, { video: $('remote') });
  undo(() => {
    call.close();
    $('directions').textContent = '';
    $('answer').textContent = '';
    picture($('remote'));
  });
  application
    .on('ADD_ICE_CANDIDATE', ({ candidate }) => call.add(candidate))
    .on('SHOW_CONN_INFO', ({ text }) => { $('directions').textContent = text; })
    .on('SHOW_SDP_ANSWER', ({ text }) => {
      window.apus.rtpAnswer = text;
      $('answer').textContent = text;
    })
    .on('END_PLAYBACK', () => finish());
  const answered = reply(application, 'PROCESS_SDP_ANSWER', 'ERROR');
  application.send('PROCESS_SDP_OFFER', {
    sdpOffer: await call.offer(), useComedia: $('comedia').checked, useSrtp: $('srtp').checked,
  });
  await call.answer((await answered).sdpAnswer);
  show('waiting for RTP');
});
