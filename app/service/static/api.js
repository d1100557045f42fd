// Talks to the service: adds the key where there is one, and turns what went wrong into one sentence.

const KEY = "peptrm-key";

export class ServiceError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new ServiceError("The service does not answer. Is it still running?", 0);
  }
  if (response.status === 401) {
    await askForKey();
    return request(path, options);
  }
  if (!response.ok) throw new ServiceError(await problemOf(response), response.status);
  return response;
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  if (Array.isArray(body.detail)) return body.detail.map((each) => `${each.loc.join(".")}: ${each.msg}`).join("; ");
  return body.detail ?? `The service answered with ${response.status}.`;
}

let asking = null;

function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("key-dialog");
    const input = document.getElementById("key");
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(KEY, input.value.trim());
      input.value = "";
      asking = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

const json = async (path, options) => (await request(path, options)).json();
const jobPath = (id) => `/v1/jobs/${encodeURIComponent(id)}`;

export const model = () => json("/v1/model");
export const job = (id) => json(jobPath(id));
export const results = (id, offset) => json(`${jobPath(id)}/results?offset=${offset}&limit=1000`);
export const spectrum = (id, number) => json(`${jobPath(id)}/spectra/${number}`);
export const cancel = (id) => json(`${jobPath(id)}/cancel`, { method: "POST" });

export const upload = (name, body) =>
  json(`/v1/sequence?name=${encodeURIComponent(name.slice(-200))}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body,
  });

export async function download(id, ending) {
  const response = await request(`${jobPath(id)}/results.${ending}`);
  const named = /filename="?([^";]+)/.exec(response.headers.get("Content-Disposition") ?? "");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = named ? named[1] : `results.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
