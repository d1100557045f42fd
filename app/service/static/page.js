// The page: takes spectra, follows their job, and connects the table with the detail.

import * as api from "./api.js";
import { Detail } from "./detail.js";
import { ResultTable } from "./table.js";

const POLL_MS = 400;
const SETTLE_MS = 80;
const FINISHED = ["completed", "failed", "cancelled"];

const byId = (id) => document.getElementById(id);
const detail = new Detail(byId("detail"));
const table = new ResultTable(byId("table"), { onSelect: choose, onCount: countShown });

let current = null;
let wanted = null;
let settling = null;
const seen = new Map();

function complain(error) {
  byId("alert").textContent = error?.message ?? "";
  byId("alert").hidden = !error;
}

async function guarded(work) {
  try {
    complain(null);
    await work();
  } catch (error) {
    complain(error);
  }
}

// --- spectra in ---

const send = (name, body) => guarded(async () => follow((await api.upload(name, body)).id));

byId("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) send(file.name, file);
  event.target.value = "";
});

byId("example").addEventListener("click", () => guarded(async () => {
  const response = await fetch("/static/example.mgf");
  await send("example.mgf", await response.blob());
}));

byId("paste").addEventListener("submit", (event) => {
  event.preventDefault();
  const peaks = byId("paste-peaks").value.trim();
  if (/BEGIN IONS/.test(peaks)) {
    send("pasted.mgf", `${peaks}\n`);
    return;
  }
  const mz = Number(byId("paste-mz").value.trim().replace(",", "."));
  const charge = Number(byId("paste-charge").value);
  const lines = peaks.split("\n").map((line) => line.trim().split(/[\s;,]+/).slice(0, 2)).filter(([first]) => first);
  const wrong = lines.find((line) => line.length < 2 || line.some((value) => !Number.isFinite(Number(value))));
  if (!(mz > 0)) complain(new Error("The precursor m/z is missing."));
  else if (!lines.length) complain(new Error("There are no peaks: paste an m/z and an intensity a line."));
  else if (wrong) complain(new Error(`This is no peak: ${wrong.join(" ")}`));
  else send("pasted.mgf", ["BEGIN IONS", `PEPMASS=${mz}`, `CHARGE=${charge}+`, ...lines.map((line) => line.join(" ")), "END IONS", ""].join("\n"));
});

let depth = 0;
const dragsFile = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (dragsFile(event)) document.body.classList.toggle("over", (depth += 1) > 0);
});
addEventListener("dragleave", (event) => {
  if (dragsFile(event)) document.body.classList.toggle("over", (depth -= 1) > 0);
});
addEventListener("dragover", (event) => dragsFile(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!dragsFile(event)) return;
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) send(file.name, file);
});

byId("new").addEventListener("click", () => {
  history.pushState(null, "", "/");
  open();
});

// --- a job ---

function follow(id) {
  history.pushState(null, "", `#${id}`);
  open();
}

function open() {
  const id = location.hash.slice(1);
  complain(null);
  byId("start").hidden = Boolean(id);
  byId("work").hidden = byId("new").hidden = !id;
  document.title = "PepTRM";
  current = id || null;
  wanted = null;
  seen.clear();
  table.clear();
  detail.clear(id ? "The first spectra are on their way." : undefined);
  if (id) watch(id);
}

async function watch(id) {
  try {
    let job;
    do {
      if (job) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      job = await api.job(id);
      if (current !== id) return;
      tell(job);
      while (current === id && table.rows.length < job.done) {
        const { answers } = await api.results(id, table.rows.length);
        if (current !== id) return;
        table.add(answers);
        if (wanted === null) table.select(0);
      }
    } while (!FINISHED.includes(job.state));
    if (!job.done) detail.clear("There is no answer to show.");
    if (job.state === "failed") complain(new Error(`${job.name}: ${job.problem}`));
  } catch (error) {
    if (current !== id) return;
    complain(error.status === 404 ? new Error("These results are no longer kept. Send the spectra again.") : error);
  }
}

function tell(job) {
  document.title = `${job.name} · PepTRM`;
  byId("job-name").textContent = job.name;
  const bar = byId("job-progress");
  bar.hidden = byId("job-cancel").hidden = FINISHED.includes(job.state);
  if (job.total) bar.value = job.done / job.total;
  else bar.removeAttribute("value");
  byId("downloads").hidden = !job.done;
  const skipped = Object.entries(job.skipped).map(([reason, count]) => `${count} skipped: ${reason}`);
  const states = {
    queued: job.ahead ? `waits behind ${job.ahead}` : "waits",
    reading: "reading",
    sequencing: `${job.done} of ${job.total}${job.seconds_left ? `, ${duration(job.seconds_left)} left` : ""}`,
    completed: `${job.done} spectra in ${duration(job.seconds)}`,
    failed: `failed after ${job.done} spectra`,
    cancelled: `stopped after ${job.done} spectra`,
  };
  byId("job-state").textContent = [states[job.state], ...skipped].join(" · ");
}

function duration(seconds) {
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

byId("job-cancel").addEventListener("click", () => guarded(() => api.cancel(current)));
byId("downloads").addEventListener("click", (event) => {
  const { ending } = event.target.dataset;
  if (ending) guarded(() => api.download(current, ending));
});

// --- table and detail ---

function countShown(shown, all) {
  byId("shown").textContent = shown === all ? "" : `${shown} of ${all}`;
}

for (const id of ["filter", "least"]) {
  byId(id).addEventListener("input", () => table.filter(byId("filter").value, Number(byId("least").value)));
}

function choose(number) {
  wanted = number;
  clearTimeout(settling);  // while an arrow key is held down, only where it stops is fetched
  settling = setTimeout(() => look(number), seen.has(number) ? 0 : SETTLE_MS);
}

const look = (number) => guarded(async () => {
  const id = current;
  const found = seen.get(number) ?? (await api.spectrum(id, number));
  if (current !== id) return;
  seen.set(number, found);
  if (seen.size > 200) seen.delete(seen.keys().next().value);
  if (wanted === number) detail.show(found);
});

addEventListener("popstate", open);
addEventListener("hashchange", open);
open();
guarded(async () => {
  const model = await api.model();
  const facts = [`${model.steps} to ${model.max_steps} refinement steps`, model.calibrated ? "calibrated" : "not calibrated", model.device];
  detail.calibrated = model.calibrated;
  byId("model").textContent = facts.join(" · ");
});
