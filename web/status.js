const $ = (id) => document.getElementById(id);

const rate = (bits) => (bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`);
const memory = (bytes) => `${Math.round(bytes / 1048576)} MiB`;
const count = (number) => Math.round(number).toLocaleString('en');
const total = (list, value) => list.reduce((sum, entry) => sum + value(entry), 0);

function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function cell(content, className) {
  const cell = document.createElement('td');
  cell.append(content);
  if (className) cell.className = className;
  return cell;
}

function row(...cells) {
  const row = document.createElement('tr');
  row.append(...cells);
  return row;
}

// Operating

/** Names of workers that something is being asked of, so that nobody asks twice. */
const busy = new Set();

async function operate(worker, what, method, path) {
  busy.add(worker);
  $('operated').className = '';
  $('operated').textContent = `${worker}: ${what} …`;
  try {
    const response = await fetch(`api/workers/${encodeURIComponent(worker)}/${path}`, {
      method, headers: { Authorization: `Bearer ${$('token').value.trim()}` } });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error ?? `the server answered ${response.status}`);
    const pause = answer.standstillMilliseconds;
    $('operated').textContent =
      `${worker}: ${what}, done.` + (pause === undefined ? '' : ` It stood still for ${pause.toFixed(1)} ms.`);
  } catch (error) {
    $('operated').className = 'lost';
    $('operated').textContent = `${worker}: ${what} failed: ${error.message}`;
  } finally {
    busy.delete(worker);
  }
}

function button(worker, what, method, path) {
  const button = document.createElement('button');
  button.className = 'small';
  button.dataset.key = `${what} ${worker}`;
  button.textContent = what;
  button.title = $('token').value ? '' : 'Needs an operator’s token, see “Operate” below';
  button.disabled = !$('token').value.trim() || busy.has(worker);
  button.addEventListener('click', () => operate(worker, what.toLowerCase(), method, path));
  return button;
}

function buttons(worker) {
  const group = document.createElement('span');
  const isDraining = worker.drainSecondsLeft !== undefined;
  group.append(
    isDraining ? button(worker.id, 'Undrain', 'DELETE', 'drain') : button(worker.id, 'Drain', 'POST', 'drain'),
    button(worker.id, 'Upgrade', 'POST', 'upgrade'));
  return group;
}

// The tables

function load(worker) {
  const group = document.createElement('span');
  const meter = document.createElement('meter');
  meter.max = Math.max(1, worker.load.sessionLimit);
  meter.value = worker.assignedSessions;
  meter.title = `${worker.assignedSessions} of ${worker.load.sessionLimit}`;
  group.append(meter, ` ${worker.assignedSessions} of ${worker.load.sessionLimit}`);
  return group;
}

function state(worker) {
  const left = worker.state === 'draining' ? `, ${duration(worker.drainSecondsLeft)} left` : '';
  const words = { alive: 'live', draining: `draining${left}`, drained: 'drained', dead: 'dead' };
  return words[worker.state] ?? worker.state;
}

function workerRow(worker, sessions) {
  const { load: figures, successions } = worker;
  const dropped = total(Object.values(figures.drops), (number) => number);
  const standstill = successions && successions.failovers + successions.upgrades > 0
    ? `${successions.lastStandstill.toFixed(0)} ms` : '–';
  return row(
    cell(worker.id),
    cell(state(worker), `text ${{ alive: 'alive', dead: 'lost' }[worker.state] ?? 'draining'}`),
    cell(load(worker), 'text'),
    cell(figures.endpoints),
    cell(count(figures.packetsReceivedPerSecond)),
    cell(count(figures.packetsSentPerSecond)),
    cell(rate(figures.bitsReceivedPerSecond)),
    cell(rate(figures.bitsSentPerSecond)),
    cell(figures.cpu.toFixed(2)),
    cell(memory(figures.memory)),
    cell(count(dropped)),
    cell(successions ? successions.failovers : '–'),
    cell(standstill),
    cell(worker.processID),
    cell(buttons(worker), 'text'),
    cell(sessions.slice(0, 6).join(' ') + (sessions.length > 6 ? ` and ${sessions.length - 6} more` : ''), 'text'),
  );
}

function controllerRow(controller) {
  const { kurento, whip } = controller;
  return row(
    cell(controller.id), cell(controller.processID), cell(duration(controller.uptime)), cell(kurento.pipelines),
    cell(kurento.sessions), cell(kurento.connections), cell(whip.rooms), cell(whip.publishers), cell(whip.players));
}

/** What an event's numbers say, in words. */
function facts({ details }) {
  const facts = [];
  if (details.cause) facts.push(details.cause);
  if (details.reason) facts.push(details.reason);
  if (details.milliseconds) facts.push(`stood still ${details.milliseconds} ms`);
  if (details.sessions) facts.push(`${details.sessions} session(s)`);
  if (details.count) facts.push(`${details.count} session(s)`);
  if (details.seconds) facts.push(`within ${duration(Number(details.seconds))}`);
  return facts.join(', ');
}

function eventRow(event) {
  const time = document.createElement('time');
  const date = new Date(event.time);
  time.dateTime = date.toISOString();
  time.textContent = date.toLocaleTimeString();
  time.title = date.toLocaleString();
  const more = facts(event);
  const isBad = ['error', 'critical', 'warning'].includes(event.level);
  return row(
    cell(time), cell(event.event.replaceAll('_', ' '), `text ${isBad ? 'lost' : ''}`),
    cell(event.details.worker ?? '', 'text'), cell(event.message + (more ? ` (${more})` : ''), 'text'));
}

/** Made anew, but not under a finger that is about to click; the focus stays where it is. */
function showWorkers({ workers, sessions }) {
  if ($('workers').matches(':active')) return;
  const focus = document.activeElement?.dataset.key;
  $('workers').replaceChildren(...workers.map((worker) => workerRow(worker, sessions[worker.id] ?? [])));
  if (focus) document.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
}

function show(status) {
  const alive = status.workers.filter((worker) => worker.isAlive).length;
  const sessions = total(status.workers, (worker) => worker.assignedSessions);
  const live = status.workers.filter((worker) => worker.isAlive).map((worker) => worker.load);
  $('summary').textContent =
    `Cluster ${status.cluster}, version ${status.version}: ${alive} of ${status.workers.length} workers alive, ` +
    `${sessions} session${sessions === 1 ? '' : 's'}.`;
  $('alive').textContent = `${alive} of ${status.workers.length}`;
  $('sessions').textContent = count(sessions);
  $('endpoints').textContent = count(total(live, (load) => load.endpoints));
  const received = total(live, (load) => load.packetsReceivedPerSecond);
  const sent = total(live, (load) => load.packetsSentPerSecond);
  $('packets').textContent = `${count(received)}/s, ${count(sent)}/s`;
  $('failovers').textContent = count(total(status.workers, (worker) => worker.successions?.failovers ?? 0));
  $('store').textContent = status.isStoreReachable ? 'answers' : 'away';
  $('store').className = status.isStoreReachable ? 'alive' : 'lost';
  showWorkers(status);
  $('no-workers').hidden = status.workers.length > 0;
  $('events').replaceChildren(...status.events.map(eventRow));
  $('no-events').hidden = status.events.length > 0;
  $('controllers').replaceChildren(...status.controllers.map(controllerRow));
}

async function poll() {
  try {
    const response = await fetch('api/status', { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    show(await response.json());
    $('message').hidden = true;
    document.body.classList.remove('stale');
  } catch (error) {
    $('message').textContent = `No status: ${error.message}. What stands here is old; trying again.`;
    $('message').hidden = false;
    document.body.classList.add('stale');
  }
  setTimeout(poll, 1000);
}

// For tests and consoles: the page has begun.
window.apus = {};
poll();
