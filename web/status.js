const $ = (id) => document.getElementById(id);

const rate = (bits) => (bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`);
const memory = (bytes) => `${Math.round(bytes / 1048576)} MiB`;

function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function cell(text, className) {
  const cell = document.createElement('td');
  cell.textContent = text;
  if (className) cell.className = className;
  return cell;
}

function row(...cells) {
  const row = document.createElement('tr');
  row.append(...cells);
  return row;
}

function workerRow(worker, sessions) {
  const { load } = worker;
  const dropped = Object.values(load.drops).reduce((sum, count) => sum + count, 0);
  return row(
    cell(worker.id),
    cell(worker.state === 'dead' ? 'lost' : worker.state, `text ${worker.isAlive ? 'alive' : 'lost'}`),
    cell(worker.processID),
    cell(`${worker.assignedSessions} of ${load.sessionLimit}`),
    cell(load.endpoints),
    cell(load.cpu.toFixed(2)),
    cell(memory(load.memory)),
    cell(rate(load.bitsReceivedPerSecond)),
    cell(rate(load.bitsSentPerSecond)),
    cell(dropped),
    cell(sessions.slice(0, 6).join(' ') + (sessions.length > 6 ? ` and ${sessions.length - 6} more` : ''), 'text'),
  );
}

function controllerRow(controller) {
  return row(
    cell(controller.id), cell(controller.processID), cell(duration(controller.uptime)),
    cell(controller.kurento.pipelines), cell(controller.kurento.sessions), cell(controller.kurento.connections));
}

async function poll() {
  try {
    const response = await fetch('api/status');
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const status = await response.json();
    const alive = status.workers.filter((worker) => worker.isAlive).length;
    const sessions = status.workers.reduce((sum, worker) => sum + worker.assignedSessions, 0);
    $('summary').textContent =
      `Cluster ${status.cluster}, version ${status.version}: ${alive} of ${status.workers.length} workers alive, ` +
      `${sessions} session${sessions === 1 ? '' : 's'}.`;
    const rows = status.workers.map((worker) => workerRow(worker, status.sessions[worker.id] ?? []));
    $('workers').replaceChildren(...rows);
    $('controllers').replaceChildren(...status.controllers.map(controllerRow));
    $('message').hidden = true;
  } catch (error) {
    $('message').textContent = `No status: ${error.message}`;
    $('message').hidden = false;
  }
  setTimeout(poll, 1000);
}

poll();
